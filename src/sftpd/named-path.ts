import { type Awaitable, then } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { virtualPath } from '../vfs/path.ts'
import type { Stat, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'

/** A path as a request has it. */
export interface NamedPath {
  readonly path: VirtualPath
  /** It ends in a slash, '.' or '..': it is a folder or nothing. As in POSIX a link there is followed, and a file is refused. */
  readonly folder: boolean
}

type Disk = Pick<VirtualFileSystem, 'stat'>

/** `text` (a byte string) from the root. EINVAL: a NUL; ENAMETOOLONG. */
export function namedPath(text: string): NamedPath {
  return { path: virtualPath(text), folder: /(?:^|\/)\.{0,2}$/.test(text) }
}

/** What bears the name. ENOENT, EACCES; ENOTDIR when it is no folder and was said to be one. */
export function look({ path, folder }: NamedPath, follow: boolean, disk: Disk): Awaitable<Stat> {
  return then(disk.stat(path, { follow: follow || folder }), (found) => {
    if (folder && found.kind !== 'directory') throw notFolder(path)
    return found
  })
}

/** Does `act`, but first looks whether what is said to be a folder is one. */
export function asFolder<T>(named: NamedPath, disk: Disk, act: () => Awaitable<T>): Awaitable<T> {
  return named.folder ? then(look(named, true, disk), act) : act()
}

/** Does `act` to the name itself: what is said to be a folder, and is one, is not what it is for. EISDIR. */
export function noFolder<T>(named: NamedPath, disk: Disk, act: () => Awaitable<T>): Awaitable<T> {
  return asFolder(named, disk, () => {
    if (named.folder) throw new OpError('EISDIR', `Is a folder: "${shown(named.path)}"`, { path: named.path })
    return act()
  })
}

/** Does `act`, the rename of one to the other: a slash behind either says that a folder is moved, and no link to one. ENOTDIR. */
export function asMoved<T>(
  from: NamedPath,
  to: NamedPath,
  disk: Disk,
  act: () => Awaitable<T>,
): Awaitable<T> {
  if (!from.folder && !to.folder) return act()
  return then(disk.stat(from.path, { follow: false }), (source) => {
    if (source.kind !== 'directory') throw notFolder(from.path)
    return then(ifThere(to.path, disk), (target) => {
      if (target !== undefined && target.kind !== 'directory') throw notFolder(to.path)
      return act()
    })
  })
}

async function ifThere(path: VirtualPath, disk: Disk): Promise<Stat | undefined> {
  try {
    return await disk.stat(path, { follow: false })
  } catch (error) {
    if (isOpError(error, 'ENOENT')) return undefined
    throw error
  }
}

function notFolder(path: VirtualPath): OpError {
  return new OpError('ENOTDIR', `Not a folder: "${shown(path)}"`, { path })
}
