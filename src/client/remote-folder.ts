import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { join, MOST_NAME } from '../vfs/path.ts'
import type { DirectoryHandle, Entry, Stat, VirtualPath } from '../vfs/vfs.ts'
import type { Name } from '../wire/replies.ts'
import type { SftpSession } from './sftp-session.ts'

/** Names of one folder that are taken: more do not fit into memory once each is to be moved. */
const MOST_NAMES = 2_000_000

/**
 * A folder open at a server. Entries asked for at a time come as the server packs them; what was not wanted yet is kept.
 * EPROTO when its list never ends.
 */
export function remoteFolder(
  session: SftpSession,
  handle: string,
  path: VirtualPath,
  entryOf: (name: Name, stat: Stat, path: VirtualPath) => Promise<Entry>,
): DirectoryHandle {
  let isOpen = true
  let atEnd = false
  let kept: Entry[] = []
  let count = 0
  let first: ReadonlySet<string> | undefined

  /** A server that does not remember how far it was begins again, for ever. */
  function mustGoOn(names: readonly Name[]): void {
    count += names.length
    if (count > MOST_NAMES)
      throw new OpError('EPROTO', `The server lists more than ${MOST_NAMES} names in "${shown(path)}"`)
    if (first !== undefined && names.every(({ name }) => first!.has(name)))
      throw new OpError('EPROTO', `The server lists the same names of "${shown(path)}" again and again`)
    first ??= new Set(names.map(({ name }) => name))
  }

  return {
    async read(most) {
      if (!isOpen) throw new OpError('EBADF', 'The folder is closed', { path })
      while (kept.length === 0 && !atEnd) {
        const names = (await session.readdir(handle, path)) ?? []
        // No names are the end, too, as OpenSSH's client has it.
        atEnd = names.length === 0
        if (!atEnd) mustGoOn(names)
        kept = await Promise.all(
          names.flatMap((name) =>
            isName(name.name) && name.stat !== undefined
              ? [entryOf(name, name.stat, join(path, name.name))]
              : [],
          ),
        )
      }
      return kept.splice(0, most)
    },
    async close() {
      if (!isOpen) return
      isOpen = false
      await session.ask('status', { type: 'close', handle }, path)
    },
  }
}

/** A server may say anything; what is no name of one entry is not one (never '..', nothing with a '/'). */
function isName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name) && name.length <= MOST_NAME
}
