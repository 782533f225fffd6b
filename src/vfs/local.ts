// Over 300 lines: the whole interface on a disk, a method each.
import fs from 'node:fs'
import { systemClock } from '../base/clock.ts'
import { OpError } from '../base/error.ts'
import { errnoOf, failure, fileError } from './errno.ts'
import { fromAfar, type InFolder } from './in-folder.ts'
import { type Jail, openJail, type Place, type RealPath } from './jail.ts'
import { openedFile } from './local-file.ts'
import { statOf } from './local-stat.ts'
import { openPaces } from './pace.ts'
import { type Paced, pacedBy } from './paced-file.ts'
import { isWithin, namesOf } from './path.ts'
import { isReserved } from './reserved.ts'
import type {
  DirectoryHandle,
  Entry,
  FileHandle,
  NewAttrs,
  OpenFlags,
  Stat,
  VirtualFileSystem,
  VirtualPath,
} from './vfs.ts'

const { constants } = fs
const O_PATH = 0o10000000
/** Of the name itself, whatever it is: no device is opened, no FIFO waited for. */
const LOOK = O_PATH | constants.O_NOFOLLOW
const MODE_BITS = 0o7777

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
  inFolder: InFolder = fromAfar,
): LocalFileSystem {
  const jail = openJail(home)
  return {
    jail,
    open(path, flags, attrs) {
      const open = (place: Place): FileHandle | undefined =>
        openFile(place, path, flags, attrs, mostDescriptor, paced)
      // Most names are no links: it is not looked whether one is before it is opened.
      let opened = jail.walk(path, false, open)
      if (opened === undefined && !flags.exclusive) opened = jail.walk(path, true, open)
      if (opened === undefined) throw failure('ELOOP', path)
      return opened
    },
    openDirectory: (path) =>
      jail.walk(path, true, (place) => openFolder(place, path, mostDescriptor, inFolder)),
    stat(path, { follow } = { follow: true }) {
      const look = ({ real }: Place): Stat => {
        // Clients ask for names that are not there: an error of Node's costs more than the call.
        const found = fs.lstatSync(real, { throwIfNoEntry: false })
        if (found === undefined) throw failure('ENOENT', path)
        return statOf(found)
      }
      const found = jail.walk(path, false, look)
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

/** Looks at what bears the name before it is opened, and opens exactly that; or makes it, if nothing does. Undefined for a link. */
function openFile(
  place: Place,
  path: VirtualPath,
  flags: OpenFlags,
  attrs: NewAttrs | undefined,
  mostDescriptor: number,
  paced: Paced,
): FileHandle | undefined {
  if (place.isFolder) throw failure('EISDIR', path)
  const access = accessOf(flags)
  const make = access | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const mode = (attrs?.mode ?? 0o666) & MODE_BITS
  if (flags.create && flags.exclusive) return made(fs.openSync(place.real, make, mode))
  // A name that comes and goes while we look: another process works here too.
  for (let tries = 0; tries < 8; tries++) {
    const inode = attempt(() => fs.openSync(place.real, LOOK), 'ENOENT')
    if (inode !== undefined) {
      try {
        const found = fs.fstatSync(inode)
        if (found.isDirectory()) throw failure('EISDIR', path)
        if (found.isSymbolicLink()) return undefined
        if (!found.isFile()) throw failure('EACCES', path)
        // What TRUNC has cut cannot be given back. While the inode is held, the file's number will be the lowest free one.
        if (flags.truncate) look(place, mostDescriptor)
        const descriptor = fs.openSync(`/proc/self/fd/${inode}`, access)
        if (descriptor >= mostDescriptor) fs.closeSync(descriptor)
        keepReserve(descriptor, mostDescriptor)
        const stat = flags.truncate ? undefined : statOf(found)
        return paced(openedFile(descriptor, path, flags.append === true, stat), found.dev)
      } finally {
        fs.closeSync(inode)
      }
    }
    if (!flags.create) throw failure('ENOENT', path)
    const descriptor = attempt(() => fs.openSync(place.real, make, mode), 'EEXIST')
    if (descriptor !== undefined) return made(descriptor)
  }
  throw failure('EBUSY', path)

  /** One of the reserve is given back, and the file that took it with it. */
  function made(descriptor: number): FileHandle {
    try {
      keepReserve(descriptor, mostDescriptor)
      const stat = statOf(fs.fstatSync(descriptor))
      return paced(openedFile(descriptor, path, flags.append === true, stat), stat.dev)
    } catch (error) {
      fs.closeSync(descriptor)
      fs.unlinkSync(place.real)
      throw error
    }
  }
}

/** A descriptor is as high as the lowest free number: one of the reserve is given back. EMFILE. */
function keepReserve(descriptor: number, most: number): void {
  if (descriptor < most) return
  throw new OpError('EMFILE', 'The server has as many files open as it can: try again when some are closed')
}

/** As `keepReserve`, before something is made. */
function look({ folder }: Place, most: number): void {
  if (most === Number.POSITIVE_INFINITY) return
  const descriptor = fs.openSync(`/proc/self/fd/${folder}/.`, LOOK)
  fs.closeSync(descriptor)
  keepReserve(descriptor, most)
}

/** O_APPEND is not asked of the kernel: appending is done under our own offsets (openedFile). */
function accessOf({ read, write, append, truncate }: OpenFlags): number {
  const writes = write === true || append === true
  const mode = writes ? (read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY
  return mode | (truncate && writes ? constants.O_TRUNC : 0) | constants.O_NONBLOCK
}

function openFolder(
  { real }: Place,
  path: VirtualPath,
  mostDescriptor: number,
  inFolder: InFolder,
): DirectoryHandle {
  const folder = fs.openSync(real, LOOK | constants.O_DIRECTORY)
  let names: fs.Dir | undefined
  try {
    keepReserve(folder, mostDescriptor)
    names = fs.opendirSync(`/proc/self/fd/${folder}/.`, {
      encoding: 'latin1' as BufferEncoding,
      bufferSize: 512,
    })
  } finally {
    if (names === undefined) fs.closeSync(folder)
  }
  const list = names
  return {
    read(most) {
      if (names === undefined) throw failure('EBADF', path)
      const entries: Entry[] = []
      try {
        inFolder(folder, (place) => {
          while (entries.length < most) {
            const next = list.readSync()
            if (next === null) break
            if (isReserved(next.name)) continue
            const found = fs.lstatSync(place(next.name), { throwIfNoEntry: false })
            if (found !== undefined) entries.push({ name: next.name, stat: statOf(found) })
          }
        })
      } catch (error) {
        throw fileError(error, path)
      }
      return entries
    },
    close() {
      if (names === undefined) return
      names = undefined
      list.closeSync()
      fs.closeSync(folder)
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
  if (attempt(() => fs.lstatSync(to), 'ENOENT') !== undefined) throw failure('EEXIST', path)
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

function attempt<T>(work: () => T, expected: string): T | undefined {
  try {
    return work()
  } catch (error) {
    if (errnoOf(error) === expected) return undefined
    throw error
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
