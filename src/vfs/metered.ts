import { type Awaitable, isPromise, then } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import type { Book } from '../quota/book.ts'
import type { Inode, Inodes } from './inodes.ts'
import type { Refusals } from './refusals.ts'
import type { FileHandle, NewAttrs, OpenFlags, Stat, VirtualFileSystem, VirtualPath } from './vfs.ts'

export interface MeterParts {
  readonly book: Book
  readonly inodes: Inodes
  readonly refusals: Refusals
}

/**
 * A tree whose growth is paid for before it happens: by the highest byte of each file, an inode once, and by the
 * entry. The file system below must answer metadata calls at once, so that looking and acting are one step between
 * the sessions of the process.
 */
export function metered(vfs: VirtualFileSystem, { book, inodes, refusals }: MeterParts): VirtualFileSystem {
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

  function openToWrite(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): Awaitable<FileHandle> {
    const made = flags.create && book.has(1, 1) ? makeNew(path, flags, attrs) : undefined
    if (made !== undefined) return made
    const before = stat(path)
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
    return enter(opened, path, before, true)
  }

  return {
    can: vfs.can,
    open: (path, flags, attrs) => {
      // A file that is only read is entered too: while it is open its bytes stay, with or without a name.
      if (!writes(flags)) return enter(vfs.open(path, flags, attrs), path, undefined, false)
      const room = flags.create ? 1 : 0
      const open = (): Awaitable<FileHandle> =>
        book.whenRoom(room, room, () => openToWrite(path, flags, attrs))
      if (!refusals.has(path)) return open()
      return then(book.exactFree(), (free) => {
        refusals.check(path, free)
        return open()
      })
    },
    openDirectory: (path) => vfs.openDirectory(path),
    stat: (path, options) => vfs.stat(path, options),
    setstat(path, attrs, options) {
      if (attrs.size === undefined) return vfs.setstat(path, attrs, options)
      const { size } = attrs
      const inodeNow = (): Inode => {
        const found = now(vfs.stat(path, options))
        return inodes.find(found) ?? { size: found.size, handles: 0, writers: 0, pending: 0, unlinked: false }
      }
      return resize(inodeNow, size, path, () => vfs.setstat(path, attrs, options))
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
    return then(opened, (file) => then(file.stat(), (found) => meterFile(file, path, found, before, writer)))
  }

  /** Grows before, shrinks after. */
  function resize(
    inodeNow: () => Inode,
    size: number,
    path: VirtualPath,
    act: () => Awaitable<void>,
  ): Awaitable<void> {
    return book.whenRoom(Math.max(0, size - inodeNow().size), 0, () => {
      const inode = inodeNow()
      const before = inode.size
      if (size > before) charge(inode, size, path)
      const acted = settle(book, act, () => {
        if (size > before) {
          book.give(size - before)
          inode.size = before
        }
      })
      return then(acted, () => giveDown(inode, size))
    })
  }

  /** The file has become this short. */
  function giveDown(inode: Inode, size: number): void {
    // A write on its way may make it longer again: what it then is counts.
    if (inode.pending > 0) return
    const charged = Math.max(size, inode.lent ?? 0)
    if (charged >= inode.size) return
    book.give(inode.size - charged)
    inode.size = charged
  }

  function charge(inode: Inode, end: number, path: VirtualPath): void {
    try {
      book.take(end - inode.size, path)
    } catch (error) {
      if (isOpError(error, 'EDQUOT')) refusals.remember(path, book.free, error.message)
      throw error
    }
    inode.size = end
  }

  function meterFile(
    file: FileHandle,
    path: VirtualPath,
    found: Stat,
    before: Stat | undefined,
    writer: boolean,
  ): FileHandle {
    const inode = inodes.enter(before ?? found)
    if (writer) inode.writers += 1
    // TRUNC has cut it: what it had is free again.
    giveDown(inode, found.size)
    let open = true
    const leave = (): void => {
      if (!open) return
      open = false
      if (writer) inode.writers -= 1
      if (inodes.leave(found, inode) && inode.unlinked) book.give(inode.size)
    }
    /** What is appended while a slow disk writes comes behind all that is on its way. */
    const endOfFile = (): number => Math.max(now(file.stat()).size, inode.pending > 0 ? inode.size : 0)
    const endOf = (data: readonly Uint8Array[], offset: number): number =>
      (file.appends ? endOfFile() : offset) + lengthOf(data)
    /** Pays for what the write adds, if it adds. */
    const paidWrite = (data: readonly Uint8Array[], offset: number): Awaitable<void> => {
      checkThere()
      const size = inode.size
      const end = endOf(data, offset)
      if (end <= size) return file.write(data, offset)
      charge(inode, end, path)
      return settle(
        book,
        () => onItsWay(file.write(data, offset)),
        () => correct(size),
      )
    }
    /** While a slow disk writes, another session may cut the file: what was cut is given back when the write is done. */
    const onItsWay = (writing: Awaitable<void>): Awaitable<void> => {
      if (!isPromise(writing)) return writing
      inode.pending += 1
      return writing.finally(() => {
        inode.pending -= 1
        giveDown(inode, now(file.stat()).size)
      })
    }
    return {
      get descriptor() {
        return file.descriptor
      },
      get quick() {
        return file.quick
      },
      read(into, offset) {
        checkThere()
        return file.read(into, offset)
      },
      write(data, offset) {
        checkThere()
        const end = endOf(data, offset)
        if (end <= inode.size) return onItsWay(file.write(data, offset))
        if (book.has(end - inode.size)) return paidWrite(data, offset)
        let kept = data
        const done = book.whenRoom(end - inode.size, 0, () => paidWrite(kept, offset))
        // What waits for others must have bytes of its own.
        if (isPromise(done)) kept = [Buffer.concat(data)]
        return done
      },
      truncate(size) {
        checkThere()
        return resize(
          () => inode,
          size,
          path,
          () => file.truncate(size),
        )
      },
      stat: () => file.stat(),
      setstat(attrs) {
        if (attrs.size === undefined) return file.setstat(attrs)
        checkThere()
        return resize(
          () => inode,
          attrs.size,
          path,
          () => file.setstat(attrs),
        )
      },
      sync: () => file.sync(),
      close: () => settle(book, () => then(file.close(), leave), leave),
      abandon: () => then(file.abandon(), leave),
    }

    function checkThere(): void {
      if (inode.replaced) throw new OpError('ESTALE', 'Replaced meanwhile, open it again', { path })
    }

    /** A write that failed may have written some: what the file has now is what is paid for. */
    function correct(before: number): void {
      const size = Math.max(before, now(file.stat()).size)
      if (size >= inode.size) return
      book.give(inode.size - size)
      inode.size = size
    }
  }
}

export function writes(flags: OpenFlags): boolean {
  return flags.write === true || flags.append === true || flags.truncate === true || flags.create === true
}

export function lengthOf(data: readonly Uint8Array[]): number {
  let sum = 0
  for (const part of data) sum += part.length
  return sum
}

/** Changes the home by `act`; does `undo` when that fails, now or later. */
function settle<T>(book: Book, act: () => Awaitable<T>, undo: () => unknown): Awaitable<T> {
  const failed = (error: unknown): never => {
    undo()
    throw error
  }
  try {
    const result = act()
    return isPromise(result) ? book.during(result.catch(failed)) : result
  } catch (error) {
    return failed(error)
  }
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

function now<T>(value: Awaitable<T>): T {
  if (value instanceof Promise) throw new TypeError('The file system below does not answer at once')
  return value
}
