import fs from 'node:fs'
import { systemClock } from '../base/clock.ts'
import type { DiskCalls } from './disk-calls.ts'
import { errnoOf, failure } from './errno.ts'
import { type Jail, openJail, type Place, type RealPath } from './jail.ts'
import { openFolder } from './local-folder.ts'
import { filesIn, LOOK, MODE_BITS } from './local-open.ts'
import { statOf } from './local-stat.ts'
import { openPaces } from './pace.ts'
import { type Paced, pacedBy } from './paced-file.ts'
import { isWithin, namesOf } from './path.ts'
import type { FileHandle, NewAttrs, OpenFlags, Stat, VirtualFileSystem, VirtualPath } from './vfs.ts'

/** The disk below `home` (a real path) as a tree. Everything answers at once, for the calls take microseconds, but fsync, and READ and WRITE of a disk that was seen to be slow. Descriptors from `mostDescriptor` on are not for files (EMFILE). */
export interface LocalFileSystem extends VirtualFileSystem {
  readonly jail: Jail
  open(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): FileHandle
  stat(path: VirtualPath, options?: { readonly follow: boolean }): Stat
}

export function openLocal(
  home: string,
  mostDescriptor = Number.POSITIVE_INFINITY,
  paced: Paced = pacedBy(openPaces(systemClock)),
  calls?: DiskCalls,
): LocalFileSystem {
  const jail = openJail(home)
  return {
    jail,
    open: filesIn({ jail, mostDescriptor, paced, calls }),
    openDirectory: (path) => jail.walk(path, true, (place) => openFolder(place, path, mostDescriptor, calls)),
    stat(path, { follow } = { follow: true }) {
      const look = ({ real }: Place): Stat => {
        // Clients ask for names that are not there: an error of Node's costs more than the call.
        const found = fs.lstatSync(real, { throwIfNoEntry: false })
        if (found === undefined) throw failure('ENOENT', path)
        return statOf(found)
      }
      const shortly = calls && jail.below(path, (folder, below) => calls.look(folder, below))
      if (shortly === null) throw failure('ENOENT', path)
      const found = shortly ?? jail.walk(path, false, look)
      return follow && found.kind === 'symlink' ? jail.walk(path, true, look) : found
    },
    setstat: (path, attrs, { follow } = { follow: true }) =>
      jail.walk(path, follow, (place) =>
        withInode(place, (inode, kind) => setAttrs(place, inode, kind, attrs, path)),
      ),
    mkdir: (path, mode = 0o777) =>
      jail.walk(path, false, ({ real, isFolder }) => {
        if (isFolder) throw failure('EEXIST', path)
        fs.mkdirSync(real, mode & MODE_BITS)
      }),
    rmdir: (path) =>
      jail.walk(path, false, ({ real, isFolder }) => {
        if (isFolder) throw failure('EBUSY', path)
        fs.rmdirSync(real)
      }),
    unlink: (path) =>
      jail.walk(path, false, ({ real }) => {
        if (fs.lstatSync(real).isDirectory()) throw failure('EISDIR', path)
        fs.unlinkSync(real)
      }),
    rename: (from, to, { replace }) =>
      jail.walk(from, false, (source) =>
        jail.walk(to, false, (target) => {
          if (source.isFolder || target.isFolder) throw failure('EBUSY', source.isFolder ? from : to)
          if (target.path !== source.path && isWithin(target.path, source.path)) throw failure('EINVAL', to)
          try {
            move(source.real, target.real, replace, to)
          } catch (error) {
            // The folder of the new name was walked to: it is the old one that is not there.
            throw errnoOf(error) === 'ENOENT' ? failure('ENOENT', from) : error
          }
        }),
      ),
    link: (existing, path) =>
      jail.walk(existing, false, (source) =>
        jail.walk(path, false, (target) => fs.linkSync(source.real, target.real)),
      ),
    readlink: (path) => jail.walk(path, false, ({ real }) => fs.readlinkSync(real, 'latin1')),
    symlink: (target, path) =>
      jail.walk(path, false, ({ real }) => fs.symlinkSync(Buffer.from(target, 'latin1'), real)),
    realpath: (path) => realpath(jail, path),
    space: (path) =>
      jail.walk(path, true, ({ real, folder }) => {
        fs.lstatSync(real)
        const disk = fs.statfsSync(`/proc/self/fd/${folder}/.`)
        return {
          total: disk.blocks * disk.bsize,
          free: disk.bavail * disk.bsize,
          files: disk.files,
          freeFiles: disk.ffree,
        }
      }),
    async [Symbol.asyncDispose]() {
      jail[Symbol.dispose]()
    },
  }
}

/** What happens between looking and acting is not seen by name: the inode is held. */
function withInode(place: Place, use: (inode: string, kind: fs.Stats) => void): void {
  const inode = fs.openSync(place.real, LOOK)
  try {
    use(`/proc/self/fd/${inode}`, fs.fstatSync(inode))
  } finally {
    fs.closeSync(inode)
  }
}

function setAttrs(place: Place, inode: string, kind: fs.Stats, attrs: NewAttrs, path: VirtualPath): void {
  if (kind.isSymbolicLink()) {
    if (attrs.uid !== undefined || attrs.gid !== undefined)
      fs.lchownSync(place.real, attrs.uid ?? -1, attrs.gid ?? -1)
    if (attrs.atime !== undefined || attrs.mtime !== undefined) {
      fs.lutimesSync(place.real, attrs.atime ?? kind.atime, attrs.mtime ?? kind.mtime)
    }
    if (attrs.mode !== undefined || attrs.size !== undefined) throw failure('ENOTSUP', path)
    return
  }
  if (attrs.size !== undefined) {
    if (kind.isDirectory()) throw failure('EISDIR', path)
    if (!kind.isFile()) throw failure('EINVAL', path)
    fs.truncateSync(inode, attrs.size)
  }
  if (attrs.mode !== undefined) fs.chmodSync(inode, attrs.mode & MODE_BITS)
  if (attrs.uid !== undefined || attrs.gid !== undefined)
    fs.chownSync(inode, attrs.uid ?? -1, attrs.gid ?? -1)
  if (attrs.atime !== undefined || attrs.mtime !== undefined) {
    fs.utimesSync(inode, attrs.atime ?? kind.atime, attrs.mtime ?? kind.mtime)
  }
}

/**
 * Without `replace` the new name is taken by a call that fails when it is there, so nothing that came meanwhile is
 * lost: a file gets its second name before it loses the first; a folder moves over an empty one made for it, which is
 * the only thing a folder can replace. (Node has no renameat2.) Where the disk knows no hard links we look and then act.
 */
function move(from: RealPath, to: RealPath, replace: boolean, path: VirtualPath): void {
  if (replace) {
    fs.renameSync(from, to)
    return
  }
  if (fs.lstatSync(from).isDirectory()) {
    fs.mkdirSync(to, 0o700)
    try {
      fs.renameSync(from, to)
    } catch (error) {
      // No longer empty, or no longer there: then it is not ours.
      attemptAny(() => fs.rmdirSync(to), ['ENOENT', 'ENOTEMPTY', 'ENOTDIR'])
      throw error
    }
    return
  }
  const linked = attemptAny(
    () => fs.linkSync(from, to),
    ['EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'],
  )
  if (linked) {
    fs.unlinkSync(from)
    return
  }
  if (fs.lstatSync(to, { throwIfNoEntry: false }) !== undefined) throw failure('EEXIST', path)
  fs.renameSync(from, to)
}

/**
 * As realpath(3), but names that are not there yet are kept as they are. Two walks, or three where a link leads through
 * a folder that is not there: it is kept, too.
 */
function realpath(jail: Jail, path: VirtualPath): VirtualPath {
  const names = namesOf(path)
  for (let count = names.length; ; ) {
    const found = jail.walk<VirtualPath | number>(
      `/${names.slice(0, count).join('/')}` as VirtualPath,
      true,
      (place) => place.path,
      (behind) => behind,
    )
    if (typeof found === 'string')
      return ([found === '/' ? '' : found, ...names.slice(count)].join('/') || '/') as VirtualPath
    count -= Math.max(1, found)
  }
}

function attemptAny(work: () => void, expected: readonly string[]): boolean {
  try {
    work()
    return true
  } catch (error) {
    if (expected.includes(errnoOf(error) ?? '')) return false
    throw error
  }
}
