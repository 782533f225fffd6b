import { type Awaitable, then } from '../base/awaitable.ts'
import { shown } from '../base/escape.ts'
import { virtualPath } from '../vfs/path.ts'
import type { VirtualPath } from '../vfs/vfs.ts'
import { OK, type Reply } from '../wire/replies.ts'
import type { RequestOf } from '../wire/requests.ts'
import { octal } from './file-requests.ts'
import type { SftpSession } from './session.ts'

/** STAT (§6.8). ENOENT, EACCES. */
export function stat({ path }: RequestOf<'stat'>, { vfs }: SftpSession): Awaitable<Reply> {
  return then(vfs.stat(virtualPath(path), { follow: true }), (stat): Reply => ({ type: 'attrs', stat }))
}

/** LSTAT (§6.8). ENOENT, EACCES. */
export function lstat({ path }: RequestOf<'lstat'>, { vfs }: SftpSession): Awaitable<Reply> {
  return then(vfs.stat(virtualPath(path), { follow: false }), (stat): Reply => ({ type: 'attrs', stat }))
}

/** SETSTAT (§6.9). ENOENT, EACCES, EDQUOT. */
export function setstat({ path, attrs }: RequestOf<'setstat'>, session: SftpSession): Awaitable<Reply> {
  return change(virtualPath(path), attrs, true, session)
}

/** SETSTAT of a link itself: lsetstat@openssh.com is the same without following. */
export function change(
  path: VirtualPath,
  attrs: RequestOf<'setstat'>['attrs'],
  follow: boolean,
  { vfs, log }: SftpSession,
): Awaitable<Reply> {
  return then(vfs.setstat(path, attrs, { follow }), () => {
    log.info('setstat', { path: shown(path), ...attrs, mode: octal(attrs.mode) })
    return OK
  })
}

/** REMOVE (§6.5). ENOENT, EISDIR, EACCES. */
export function remove({ path: text }: RequestOf<'remove'>, { vfs, log }: SftpSession): Awaitable<Reply> {
  const path = virtualPath(text)
  return then(vfs.unlink(path), () => {
    log.info('remove', { path: shown(path) })
    return OK
  })
}

/** MKDIR (§6.6). EEXIST, ENOENT, EACCES, EDQUOT. */
export function mkdir(
  { path: text, attrs }: RequestOf<'mkdir'>,
  { vfs, log }: SftpSession,
): Awaitable<Reply> {
  const path = virtualPath(text)
  return then(vfs.mkdir(path, attrs.mode), () => {
    log.info('mkdir', { path: shown(path), mode: octal(attrs.mode ?? 0o777) })
    return OK
  })
}

/** RMDIR (§6.6). ENOENT, ENOTDIR, ENOTEMPTY, EACCES. */
export function rmdir({ path: text }: RequestOf<'rmdir'>, { vfs, log }: SftpSession): Awaitable<Reply> {
  const path = virtualPath(text)
  return then(vfs.rmdir(path), () => {
    log.info('rmdir', { path: shown(path) })
    return OK
  })
}

/** REALPATH (§6.11). ENOENT. */
export function realpath({ path }: RequestOf<'realpath'>, { vfs }: SftpSession): Awaitable<Reply> {
  return then(vfs.realpath(virtualPath(path)), oneName)
}

/** READLINK (§6.10). ENOENT, EINVAL. */
export function readlink({ path }: RequestOf<'readlink'>, { vfs }: SftpSession): Awaitable<Reply> {
  return then(vfs.readlink(virtualPath(path)), oneName)
}

export function oneName(name: string): Reply {
  return { type: 'name', names: [{ name, longname: name }] }
}

/** RENAME (§6.5): never over something that is there. ENOENT, EEXIST, EACCES. */
export function rename({ from, to }: RequestOf<'rename'>, session: SftpSession): Awaitable<Reply> {
  return move(virtualPath(from), virtualPath(to), false, session)
}

/** RENAME and posix-rename@openssh.com. */
export function move(
  from: VirtualPath,
  to: VirtualPath,
  replace: boolean,
  { vfs, log }: SftpSession,
): Awaitable<Reply> {
  return then(vfs.rename(from, to, { replace }), () => {
    log.info('rename', { path: shown(from), to: shown(to) })
    return OK
  })
}

/**
 * Clients that send SYMLINK's paths as the draft has them, link first, to a server that does not call itself
 * OpenSSH. All others send the target first, as OpenSSH always did (its PROTOCOL, 4.1).
 */
const LINK_FIRST = /^(?:SSH-2\.0-)?(?:WinSCP|ssh2js|AsyncSSH)/

/** SYMLINK (§6.10). The target is kept as it is written. EEXIST, EACCES. */
export function symlink({ first, second }: RequestOf<'symlink'>, session: SftpSession): Awaitable<Reply> {
  const [target, link] = LINK_FIRST.test(session.client) ? [second, first] : [first, second]
  const path = virtualPath(link)
  // Not for what it gives: a target may be as long as a path may, and has no NUL either.
  virtualPath(target)
  return then(session.vfs.symlink(target, path), () => {
    session.log.info('symlink', { path: shown(path), target: shown(target) })
    return OK
  })
}
