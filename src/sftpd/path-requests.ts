import { type Awaitable, then } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { linkTarget, virtualPath } from '../vfs/path.ts'
import { OK, type Reply } from '../wire/replies.ts'
import type { RequestOf } from '../wire/requests.ts'
import { octal } from './file-requests.ts'
import { asFolder, asMoved, look, type NamedPath, namedPath, noFolder } from './named-path.ts'
import type { SftpSession } from './session.ts'

/** STAT (§6.8). ENOENT, EACCES. */
export function stat({ path }: RequestOf<'stat'>, { vfs }: SftpSession): Awaitable<Reply> {
  return then(look(namedPath(path), true, vfs), (stat): Reply => ({ type: 'attrs', stat }))
}

/** LSTAT (§6.8). ENOENT, EACCES. */
export function lstat({ path }: RequestOf<'lstat'>, { vfs }: SftpSession): Awaitable<Reply> {
  return then(look(namedPath(path), false, vfs), (stat): Reply => ({ type: 'attrs', stat }))
}

/** SETSTAT (§6.9). ENOENT, EACCES, EDQUOT. */
export function setstat({ path, attrs }: RequestOf<'setstat'>, session: SftpSession): Awaitable<Reply> {
  return change(namedPath(path), attrs, true, session)
}

/** SETSTAT of a link itself: lsetstat@openssh.com is the same without following. */
export function change(
  named: NamedPath,
  attrs: RequestOf<'setstat'>['attrs'],
  follow: boolean,
  { vfs, log }: SftpSession,
): Awaitable<Reply> {
  const { path, folder } = named
  const set = () => vfs.setstat(path, attrs, { follow: follow || folder })
  return then(asFolder(named, vfs, set), () => {
    log.info('setstat', { path: shown(path), ...attrs, mode: octal(attrs.mode) })
    return OK
  })
}

/** REMOVE (§6.5). ENOENT, EISDIR, EACCES. */
export function remove({ path: text }: RequestOf<'remove'>, { vfs, log }: SftpSession): Awaitable<Reply> {
  const named = namedPath(text)
  const { path } = named
  const removed = noFolder(named, vfs, () => vfs.unlink(path))
  return then(removed, () => {
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
  const named = namedPath(path)
  const read = asFolder(named, vfs, () => {
    if (named.folder) throw new OpError('EINVAL', `Is no link: "${shown(named.path)}"`, { path: named.path })
    return vfs.readlink(named.path)
  })
  return then(read, oneName)
}

export function oneName(name: string): Reply {
  return { type: 'name', names: [{ name, longname: name }] }
}

/** RENAME (§6.5): never over something that is there. ENOENT, EEXIST, EACCES. */
export function rename({ from, to }: RequestOf<'rename'>, session: SftpSession): Awaitable<Reply> {
  return move(namedPath(from), namedPath(to), false, session)
}

/** RENAME and posix-rename@openssh.com. */
export function move(
  from: NamedPath,
  to: NamedPath,
  replace: boolean,
  { vfs, log }: SftpSession,
): Awaitable<Reply> {
  const moved = asMoved(from, to, vfs, () => vfs.rename(from.path, to.path, { replace }))
  return then(moved, () => {
    log.info('rename', { path: shown(from.path), to: shown(to.path) })
    return OK
  })
}

/**
 * Clients that send SYMLINK's paths as the draft has them, link first, to a server that does not call itself
 * OpenSSH. All others send the target first, as OpenSSH always did (its PROTOCOL, 4.1).
 */
const LINK_FIRST = /^(?:SSH-2\.0-)?(?:WinSCP|ssh2js|AsyncSSH|phpseclib|libssh[-_])/

/** SYMLINK (§6.10). The target is kept as it is written. EEXIST, EACCES. */
export function symlink({ first, second }: RequestOf<'symlink'>, session: SftpSession): Awaitable<Reply> {
  const [target, link] = LINK_FIRST.test(session.client) ? [second, first] : [first, second]
  const named = namedPath(link)
  const { path } = named
  const made = noFolder(named, session.vfs, () => session.vfs.symlink(linkTarget(target), path))
  return then(made, () => {
    session.log.info('symlink', { path: shown(path), target: shown(target) })
    return OK
  })
}
