import { type Awaitable, now, then } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import { type Inode, inLane, inodeOf } from './inodes.ts'
import { type MeterParts, meteredFile, resize, settle } from './metered-file.ts'
import type { FileHandle, NewAttrs, OpenFlags, Stat, VirtualFileSystem, VirtualPath } from './vfs.ts'

/**
 * A tree whose growth is paid for before it happens: by the highest byte of each file, an inode once, and by the
 * entry. The file system below must answer metadata calls at once, so that looking and acting are one step between
 * the sessions of the process.
 */
export function metered(vfs: VirtualFileSystem, parts: MeterParts): VirtualFileSystem {
  const { book, inodes, refusals } = parts
  const lstat = (path: VirtualPath): Stat | undefined =>
    now(optional(() => vfs.stat(path, { follow: false })))
  const stat = (path: VirtualPath): Stat | undefined => now(optional(() => vfs.stat(path)))

  /** The name `path` goes away; its bytes too, unless they have another name or an open handle. */
  function forget(found: Stat): void {
    book.giveFile()
    if (found.kind !== 'file' || found.nlink > 1) return
    const inode = inodes.find(found)
    if (inode !== undefined) inode.unlinked = true
    else book.give(found.size)
  }

  function entryMade<T>(path: VirtualPath, make: () => Awaitable<T>): Awaitable<T> {
    return book.whenRoom(0, 1, () => {
      book.takeFile(path)
      return settle(book, make, () => book.giveFile())
    })
  }

  /** A change that needs no room. */
  function changing<T>(change: () => Awaitable<T>): Awaitable<T> {
    return book.whenRoom(0, 0, () => book.during(change()))
  }

  /** Makes the file, which saves a look whether it is there: most uploads are new. Undefined when something is. */
  function makeNew(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): Awaitable<FileHandle> | undefined {
    book.takeFile(path)
    try {
      const made = settle(
        book,
        () => vfs.open(path, { ...flags, exclusive: true }, attrs),
        () => book.giveFile(),
      )
      return enter(made, path, undefined, true)
    } catch (error) {
      if (flags.exclusive || !isOpError(error, 'EEXIST')) throw error
      return undefined
    }
  }

  /** Acts on the file that `look` finds, in its lane if it is open, when there is room. */
  function inTurn<T>(
    look: () => Stat | undefined,
    room: (inode: Inode | undefined) => readonly [bytes: number, files: number],
    act: (found: Stat | undefined, inode: Inode | undefined) => Awaitable<T>,
  ): Awaitable<T> {
    const find = (): Inode | undefined => {
      const found = look()
      return found === undefined ? undefined : inodes.find(found)
    }
    const inode = find()
    const attempt = (): Awaitable<T | typeof ANOTHER> =>
      book.whenRoom<T | typeof ANOTHER>(...room(inode), () => {
        const found = look()
        const current = found === undefined ? undefined : inodes.find(found)
        return current === inode ? act(found, inode) : ANOTHER
      })
    return then(inode === undefined ? attempt() : inLane(inode, attempt), (result) =>
      result === ANOTHER ? inTurn(look, room, act) : result,
    )
  }

  function openThere(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): Awaitable<FileHandle> {
    const room = flags.create ? 1 : 0
    const open = (before: Stat | undefined): Awaitable<FileHandle> => {
      const making = before === undefined && flags.create === true
      if (making) {
        book.checkRoom(path)
        book.takeFile(path)
      }
      const opened = settle(
        book,
        () => vfs.open(path, flags, attrs),
        () => making && book.giveFile(),
      )
      return enter(opened, path, flags.truncate ? before : undefined, true)
    }
    // TRUNC cuts it.
    if (flags.truncate)
      return inTurn(
        () => stat(path),
        () => [room, room],
        open,
      )
    return book.whenRoom(room, room, () => open(stat(path)))
  }

  function openToWrite(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): Awaitable<FileHandle> {
    const made = flags.create && book.has(1, 1) ? makeNew(path, flags, attrs) : undefined
    return made ?? openThere(path, flags, attrs)
  }

  return {
    open: (path, flags, attrs) => {
      // A file that is only read is entered too: while it is open its bytes stay, with or without a name.
      if (!writes(flags)) return enter(vfs.open(path, flags, attrs), path, undefined, false)
      if (!refusals.has(path)) return openToWrite(path, flags, attrs)
      return then(book.exactFree(), (free) => {
        refusals.check(path, free)
        return openToWrite(path, flags, attrs)
      })
    },
    openDirectory: (path) => vfs.openDirectory(path),
    stat: (path, options) => vfs.stat(path, options),
    setstat(path, attrs, options) {
      if (attrs.size === undefined) return vfs.setstat(path, attrs, options)
      const { size } = attrs
      const look = (): Stat => now(vfs.stat(path, options))
      return inTurn(
        look,
        (inode) => [Math.max(0, size - (inode?.size ?? look().size)), 0],
        (_, inode) =>
          resize({
            inode: inode ?? inodeOf(look().size),
            size,
            path,
            act: () => vfs.setstat(path, attrs, options),
            there: () => look().size,
            ...parts,
          }),
      )
    },
    mkdir: (path, mode) => entryMade(path, () => vfs.mkdir(path, mode)),
    symlink: (target, path) => entryMade(path, () => vfs.symlink(target, path)),
    link(existing, path) {
      if (book.metered)
        throw new OpError(
          'EPERM',
          'Hard links are not possible in an account with a quota: make a symbolic link, or a copy',
          { path },
        )
      return entryMade(path, () => vfs.link(existing, path))
    },
    rmdir: (path) => changing(() => then(vfs.rmdir(path), () => book.giveFile())),
    unlink: (path) =>
      changing(() => {
        const found = now(vfs.stat(path, { follow: false }))
        return then(vfs.unlink(path), () => forget(found))
      }),
    rename: (from, to, options) =>
      changing(() => {
        const source = lstat(from)
        const target = lstat(to)
        const replaced = target !== undefined && !(source?.dev === target.dev && source.ino === target.ino)
        return then(vfs.rename(from, to, options), () => {
          if (replaced) forget(target)
        })
      }),
    readlink: (path) => vfs.readlink(path),
    realpath: (path) => vfs.realpath(path),
    space: (path) =>
      then(vfs.space(path), (disk) =>
        then(book.exactUsage(), ({ limit, used, reserved, files, fileLimit }) => ({
          usage: { limit, used, reserved, files, fileLimit },
          total: limit ?? disk.total,
          free: limit === null ? disk.free : Math.min(Math.max(0, limit - used - reserved), disk.free),
          files: fileLimit ?? disk.files,
          freeFiles: fileLimit === null ? disk.freeFiles : Math.max(0, fileLimit - files),
        })),
      ),
    [Symbol.asyncDispose]: () => vfs[Symbol.asyncDispose](),
  }

  function enter(
    opened: Awaitable<FileHandle>,
    path: VirtualPath,
    before: Stat | undefined,
    writer: boolean,
  ): Awaitable<FileHandle> {
    return then(opened, (file) =>
      then(file.found ?? file.stat(), (found) =>
        meteredFile({ file, path, found, before, writer, book, inodes, refusals }),
      ),
    )
  }
}

/** While it was waited for the name has become another file's. */
const ANOTHER = Symbol('another file')

export function writes(flags: OpenFlags): boolean {
  return flags.write === true || flags.append === true || flags.truncate === true || flags.create === true
}

function optional<T>(look: () => Awaitable<T>): Awaitable<T | undefined> {
  try {
    return look()
  } catch (error) {
    if (isOpError(error, 'ENOENT') || isOpError(error, 'ENOTDIR') || isOpError(error, 'ELOOP'))
      return undefined
    throw error
  }
}
