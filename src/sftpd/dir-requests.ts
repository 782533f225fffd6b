import { type Awaitable, isPromise, then } from '../base/awaitable.ts'
import { isOpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { parentOf, virtualPath } from '../vfs/path.ts'
import type { Entry, VirtualPath } from '../vfs/vfs.ts'
import { longname, type Owners } from '../wire/longname.ts'
import { EOF, type Name, type Reply, sizeOfName } from '../wire/replies.ts'
import type { RequestOf } from '../wire/requests.ts'
import type { OpenDirectory } from './handles.ts'
import type { SftpSession } from './session.ts'

/** Size of a READDIR's reply, in bytes, after which no more names are put in it: sshfs takes no reply over 128 KiB. */
const REPLY_SIZE = 120 * 1000

/** Entries read at a time: about what a reply holds. */
const READ_AT_ONCE = 600

/** OPENDIR (§6.7). ENOENT, ENOTDIR, EACCES, EMFILE. */
export function opendir({ path: text }: RequestOf<'opendir'>, session: SftpSession): Awaitable<Reply> {
  const { handles, vfs, log } = session
  handles.checkRoom()
  const path = virtualPath(text)
  return then(vfs.openDirectory(path), (directory): Reply => {
    log.debug('opendir', { path: shown(path) })
    return { type: 'handle', handle: handles.addDirectory(directory, path) }
  })
}

/** READDIR (§6.7): '.' and '..' first, then as many names as a reply holds. EBADF. */
export function readdir({ handle }: RequestOf<'readdir'>, session: SftpSession): Awaitable<Reply> {
  const open = session.handles.directory(handle)
  return then(session.owners(), (owners) => {
    const names: Name[] = []
    if (open.dotted) return fill(open, names, session, owners)
    open.dotted = true
    return then(dots(open.path, session), (entries) => {
      open.waiting = [...entries, ...open.waiting]
      return fill(open, names, session, owners)
    })
  })
}

/** Puts names into the reply until it is full or the folder ends. */
function fill(open: OpenDirectory, names: Name[], session: SftpSession, owners: Owners): Awaitable<Reply> {
  const now = session.clock.now()
  let size = 0
  while (true) {
    const taken = take(open, names, REPLY_SIZE - size, owners, now)
    size += taken
    if (open.waiting.length > 0) break
    const more = open.directory.read(READ_AT_ONCE)
    if (isPromise(more)) return more.then((entries) => goOn(entries))
    if (more.length === 0) break
    open.waiting = more
  }
  return answer()

  function goOn(entries: readonly Entry[]): Awaitable<Reply> {
    if (entries.length === 0) return answer()
    open.waiting = entries
    // What does not fit now waits for the next READDIR.
    take(open, names, REPLY_SIZE - size, owners, now)
    return answer()
  }

  function answer(): Reply {
    return names.length === 0 ? EOF : { type: 'name', names }
  }
}

/** Moves waiting entries into `names` until `room` bytes are used, at least one of them. Answers with the bytes. */
function take(open: OpenDirectory, names: Name[], room: number, owners: Owners, now: number): number {
  const { waiting } = open
  let used = 0
  let count = 0
  while (count < waiting.length && used < room) {
    const entry = waiting[count++]!
    const name: Name = { name: entry.name, longname: longname(entry, owners, now), stat: entry.stat }
    names.push(name)
    used += sizeOfName(name)
  }
  open.waiting = count === waiting.length ? [] : waiting.slice(count)
  return used
}

/** The two names that every folder has: some clients make '..' up when they do not see it. */
async function dots(path: VirtualPath, { vfs }: SftpSession): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const [name, of] of [
    ['.', path],
    ['..', parentOf(path)],
  ] as const) {
    try {
      entries.push({ name, stat: await vfs.stat(of, { follow: true }) })
    } catch (error) {
      // Removed meanwhile, or not for this account to see: the listing goes on without it.
      if (!isOpError(error)) throw error
    }
  }
  return entries
}
