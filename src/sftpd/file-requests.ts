import { type Awaitable, then } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { OpenFlags } from '../vfs/vfs.ts'
import { OK, type Reply } from '../wire/replies.ts'
import type { RequestOf } from '../wire/requests.ts'
import { asFolder, namedPath } from './named-path.ts'
import type { SftpSession } from './session.ts'

/**
 * OPEN (§6.3). Of the attributes only the mode counts: a size is a hint of what will come (WinSCP sends it).
 * ENOENT, EEXIST, EACCES, EISDIR, EDQUOT, EMFILE.
 */
export function open(
  { path: text, flags: asked, attrs }: RequestOf<'open'>,
  session: SftpSession,
): Awaitable<Reply> {
  const { handles, vfs, log, clock } = session
  handles.checkRoom()
  const named = namedPath(text)
  const { path } = named
  const flags = usable(asked)
  if (flags.create && named.folder) {
    throw new OpError('EISDIR', `"${shown(text)}" names a folder: make it first, or leave the slash out`)
  }
  const { mode } = attrs
  const opened = asFolder(named, vfs, () => vfs.open(path, flags, mode === undefined ? undefined : { mode }))
  return then(opened, (file): Reply => {
    log.info('open', { path: shown(path), flags: flagWords(flags), mode: octal(mode ?? 0o666) })
    return { type: 'handle', handle: handles.addFile(file, path, flags, clock.now()) }
  })
}

/** CLOSE (§6.3). EBADF, and what the storage could not keep: EDQUOT, ENOSPC, EIO, ESTALE. */
export function close({ handle }: RequestOf<'close'>, { handles }: SftpSession): Awaitable<Reply> {
  return then(handles.close(handle), () => OK)
}

/** FSTAT (§6.8). EBADF. */
export function fstat({ handle }: RequestOf<'fstat'>, { handles }: SftpSession): Awaitable<Reply> {
  return then(handles.file(handle).file.stat(), (stat): Reply => ({ type: 'attrs', stat }))
}

/** FSETSTAT (§6.9). EBADF, EACCES, EDQUOT. */
export function fsetstat({ handle, attrs }: RequestOf<'fsetstat'>, session: SftpSession): Awaitable<Reply> {
  const { file, path } = session.handles.file(handle)
  return then(file.setstat(attrs), () => {
    session.log.info('setstat', { path: shown(path), ...attrs, mode: octal(attrs.mode) })
    return OK
  })
}

/** Flags that say what to do with the file. OpenSSH opens for reading when a client says nothing; so do we. */
function usable(flags: OpenFlags): OpenFlags {
  if (flags.exclusive && !flags.create) throw new OpError('EINVAL', 'EXCL without CREAT makes no sense')
  if (flags.read || flags.write) return flags
  return flags.append ? { ...flags, write: true } : { ...flags, read: true }
}

const FLAG_WORDS: readonly (readonly [keyof OpenFlags, string])[] = [
  ['read', 'READ'],
  ['write', 'WRITE'],
  ['append', 'APPEND'],
  ['create', 'CREATE'],
  ['truncate', 'TRUNCATE'],
  ['exclusive', 'EXCL'],
]

/** As OpenSSH's server logs them. */
function flagWords(flags: OpenFlags): string {
  return FLAG_WORDS.filter(([flag]) => flags[flag])
    .map(([, word]) => word)
    .join(',')
}

/** A mode as it is written: with a leading zero. */
export function octal(mode: number | undefined): string | undefined {
  return mode === undefined ? undefined : mode.toString(8).padStart(4, '0')
}
