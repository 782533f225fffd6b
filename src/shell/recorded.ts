import { type Awaitable, then } from '../base/awaitable.ts'
import { shown } from '../base/escape.ts'
import type { Log } from '../base/log.ts'
import { followed, type LiveTransfers } from '../transfer/live.ts'
import type { FileHandle, OpenFlags, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'

export interface RecordParts {
  readonly account: string
  /** The session's id. */
  readonly session: string
  readonly log: Log
  readonly live: LiveTransfers | undefined
  readonly now: () => number
}

/** A tree whose changes are logged, and whose open files are shown, as those of an SFTP session are. */
export function recorded(vfs: VirtualFileSystem, parts: RecordParts): VirtualFileSystem {
  const { log } = parts
  const logged = (
    done: Awaitable<void>,
    event: string,
    path: VirtualPath,
    to?: VirtualPath,
  ): Awaitable<void> =>
    then(done, () => log.info(event, { path: shown(path), ...(to === undefined ? {} : { to: shown(to) }) }))
  return {
    open: (path, flags, attrs) =>
      then(vfs.open(path, flags, attrs), (file) => recordedFile(file, path, flags, parts)),
    openDirectory: (path) => vfs.openDirectory(path),
    stat: (path, options) => vfs.stat(path, options),
    setstat: (path, attrs, options) => logged(vfs.setstat(path, attrs, options), 'setstat', path),
    mkdir: (path, mode) => logged(vfs.mkdir(path, mode), 'mkdir', path),
    rmdir: (path) => logged(vfs.rmdir(path), 'rmdir', path),
    unlink: (path) => logged(vfs.unlink(path), 'remove', path),
    rename: (from, to, options) => logged(vfs.rename(from, to, options), 'rename', from, to),
    link: (existing, path) => logged(vfs.link(existing, path), 'hardlink', existing, path),
    readlink: (path) => vfs.readlink(path),
    symlink: (target, path) => logged(vfs.symlink(target, path), 'symlink', path),
    realpath: (path) => vfs.realpath(path),
    space: (path) => vfs.space(path),
    ...(vfs.restore === undefined
      ? {}
      : { restore: async (path: VirtualPath) => logged(vfs.restore!(path), 'restore', path) }),
    ...(vfs.resume && {
      resume: (path: VirtualPath, size: number) =>
        then(vfs.resume!(path, size), (file) => recordedFile(file, path, { read: true, write: true }, parts)),
    }),
    ...(vfs.mayPut && { mayPut: (path: VirtualPath) => vfs.mayPut!(path) }),
    ...(vfs.shelved && { shelved: () => vfs.shelved!() }),
    [Symbol.asyncDispose]: () => vfs[Symbol.asyncDispose](),
  }
}

function recordedFile(
  file: FileHandle,
  path: VirtualPath,
  flags: OpenFlags,
  { account, session, log, live, now }: RecordParts,
): FileHandle {
  const facts = { account, session, path, since: now() }
  return followed(file, facts, flags, live, (how, { read, written }) =>
    log.info(how, { path: shown(path), read, written }),
  )
}
