import { type Awaitable, isPromise, now, then } from '../base/awaitable.ts'
import { isOpError } from '../base/error.ts'
import type { Book } from '../quota/book.ts'
import { failure } from './errno.ts'
import {
  changed,
  giveDown,
  type Inode,
  type Inodes,
  inLane,
  type Proof,
  removedMeanwhile,
  replacedMeanwhile,
} from './inodes.ts'
import { copied, lengthOf } from './lent-data.ts'
import type { Refusals } from './refusals.ts'
import type { FileHandle, Stat, VirtualPath } from './vfs.ts'

export interface MeterParts {
  readonly book: Book
  readonly inodes: Inodes
  readonly refusals: Refusals
}

interface Opened extends MeterParts {
  readonly file: FileHandle
  readonly path: VirtualPath
  readonly found: Stat
  /** What the file was before TRUNC cut it, if it did. */
  readonly before: Stat | undefined
  readonly writer: boolean
}

/** An open file whose growth is paid for before it happens. A file that is only read is charged too while it is open: it may lose its name. */
export function meteredFile(opened: Opened): FileHandle {
  const { file, path, found, before, writer, book, inodes } = opened
  const inode = inodes.enter(before ?? found)
  if (writer) inode.writers += 1
  if (before !== undefined) {
    changed(inode, found.size)
    giveDown(inode, found.size, book)
  }
  const proofs: Proof[] = []
  /** Its CLOSE has come; what came before it is done first. */
  let closing = false
  /** How the file was when another one took its name and its bytes. */
  let ended: Stat | undefined

  const look = (): Stat => ended ?? now(file.stat())
  const end = (): void => {
    ended = look()
    void file.abandon()
  }
  inode.ends.add(end)
  /** Reads and fsyncs off the loop. The descriptor is closed after them, and in one step with what is given back: then its inode's number may be another file's. */
  const under = new Set<Promise<unknown>>()
  const using = <T>(work: Awaitable<T>): Awaitable<T> => {
    if (!isPromise(work)) return work
    const used = work.finally(() => under.delete(used))
    under.add(used)
    return used
  }

  function checkThere(): void {
    if (inode.replaced) throw replacedMeanwhile(path)
  }
  function checkOpen(): void {
    checkThere()
    if (closing) throw failure('EBADF', path)
  }
  /** What makes the file longer or shorter. */
  const changing = <T>(bytes: () => number, change: () => Awaitable<T>): Awaitable<T> => {
    checkOpen()
    // Nothing is charged for what the disk will refuse: meanwhile it would be taken for the file's.
    if (!writer) throw failure('EBADF', path)
    return inLane(inode, () =>
      book.whenRoom(Math.max(0, bytes() - inode.size), 0, () => {
        checkThere()
        if (inode.nameless === 'replaced') throw replacedMeanwhile(path)
        if (inode.nameless === 'removed') throw removedMeanwhile(path)
        return change()
      }),
    )
  }
  const leave = (): void => {
    inode.ends.delete(end)
    for (const proof of proofs) inode.proofs.delete(proof)
    if (writer) inode.writers -= 1
    if (inodes.leave(found, inode) && inode.unlinked) book.give(inode.size)
  }
  const close = (how: () => Awaitable<void>): Awaitable<void> => {
    if (closing) return undefined
    closing = true
    return inLane(inode, () =>
      then(under.size > 0 ? Promise.allSettled(under) : undefined, () =>
        settle(book, () => then(how(), leave), leave),
      ),
    )
  }
  const resized = (size: number, act: () => Awaitable<void>): Awaitable<void> =>
    changing(
      () => size,
      () => resize({ ...opened, inode, size, act, there: () => look().size }),
    )

  return {
    found,
    descriptor: file.descriptor,
    quick: file.quick,
    appends: file.appends,
    holds(size) {
      const proof = { size, holds: true }
      proofs.push(proof)
      inode.proofs.add(proof)
      return () => proof.holds
    },
    read(into, offset) {
      checkOpen()
      return using(file.read(into, offset))
    },
    write(data, offset) {
      // The disk makes a file no longer by nothing: nor does the book.
      if (lengthOf(data) === 0) return inLane(inode, () => file.write(data, offset))
      const endOf = (): number => (file.appends ? look().size : offset) + lengthOf(data)
      let own = data
      let begun = false
      const done = changing(endOf, () => {
        begun = true
        const end = endOf()
        if (end > inode.size) charge(inode, end, path, opened)
        changed(inode, end - lengthOf(data))
        return settle(
          book,
          () => file.write(own, offset),
          () => giveDown(inode, look().size, book),
        )
      })
      if (!begun) own = copied(data)
      return done
    },
    truncate: (size) => resized(size, () => file.truncate(size)),
    stat: () => ended ?? file.stat(),
    setstat(attrs) {
      if (attrs.size === undefined) return file.setstat(attrs)
      return resized(attrs.size, () => file.setstat(attrs))
    },
    sync: async () => using(file.sync()),
    close: () => close(() => file.close()),
    abandon: () => close(() => file.abandon()),
  }
}

interface Resize extends MeterParts {
  readonly inode: Inode
  readonly size: number
  readonly path: VirtualPath
  readonly act: () => Awaitable<void>
  /** The size of the file now. */
  readonly there: () => number
}

/** In the lane. Grows before, shrinks after. */
export function resize({ inode, size, path, act, there, ...parts }: Resize): Awaitable<void> {
  if (size > inode.size) charge(inode, size, path, parts)
  const { book } = parts
  const failed = (): void => giveDown(inode, there(), book)
  changed(inode, size)
  return then(settle(book, act, failed), () => giveDown(inode, size, book))
}

function charge(inode: Inode, end: number, path: VirtualPath, { book, refusals }: MeterParts): void {
  try {
    book.take(end - inode.size, path)
  } catch (error) {
    if (isOpError(error, 'EDQUOT')) refusals.remember(path, book.free, error.message)
    throw error
  }
  inode.size = end
}

/** Changes the home by `act`; does `undo` when that fails, now or later. */
export function settle<T>(book: Book, act: () => Awaitable<T>, undo: () => unknown): Awaitable<T> {
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
