// Over 300 lines: one overwrite from its first byte to its commit; each of its ends asks what the others have done.
import { type Awaitable, isPromise, now, then } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { Book } from '../quota/book.ts'
import { handleOver, notWhole } from './handle-over.ts'
import { inLane, type Lane } from './inodes.ts'
import { copied, lengthOf } from './lent-data.ts'
import type { Loan } from './loan.ts'
import type { Refusals } from './refusals.ts'
import { sharedHandle } from './shared-handle.ts'
import type { Shelf } from './shelf.ts'
import type { Shelved } from './shelved.ts'
import type { FileHandle, VirtualPath } from './vfs.ts'
import type { Slot, Written } from './written.ts'

export interface OverwriteParts {
  readonly book: Book
  readonly refusals: Refusals
  readonly shelf: Shelf
  readonly shelved: Shelved
  /** fsync of file and folder around the commit. */
  readonly durable: boolean
  /** Puts the staged file in its place. On an error nothing is changed. */
  readonly place: (id: string, size: number, reserved: number, path: VirtualPath) => void
  /** Opens the file under its name, which is `whole`: or not before its CLOSE. */
  readonly reopen: (path: VirtualPath, whole: boolean) => Awaitable<FileHandle>
  /** It is over, committed or not. */
  readonly over: () => void
  /** It failed, and its CLOSE said so. */
  readonly failed: () => void
}

export interface Staged {
  readonly id: string
  readonly file: FileHandle
  readonly path: VirtualPath
  readonly loan: Loan
  readonly written: Written
  readonly slot: Slot
  /** Bytes reserved for it already: those of a part that is gone on with. */
  readonly reserved: number
}

/** An overwrite under way: written out of sight, and put in the place of the old file at CLOSE, in one step. */
export interface Overwrite extends FileHandle {
  readonly path: VirtualPath
  readonly size: number
  /** A write was refused or failed: it will not be committed. */
  readonly broken: boolean
  /** Commits before the CLOSE: a rename or remove means the file as this session sees it. The handle goes on with it, partial until then. */
  commit(): Awaitable<void>
  /**
   * One handle more on it, which `appends`, or has `changed` it already. The first CLOSE of one by which it was changed
   * commits: what was said to be done is not to wait for somebody else's CLOSE. Those that are left go on with the file under its name.
   */
  share(how: { readonly appends: boolean; readonly changed: boolean }): FileHandle
  /** WRITE at the end, wherever that is. */
  append(data: readonly Uint8Array[]): Awaitable<void>
  /** It is not wanted: nothing is left of it. */
  discard(): Awaitable<void>
}

export function overwrite(staged: Staged, parts: OverwriteParts): Overwrite {
  const { id, file, path, loan, written, slot } = staged
  const { book, refusals, shelf, shelved } = parts
  let state: 'open' | 'over' = 'open'
  /** Set aside beyond the old file's bytes, which are lent to it. */
  let reserved = staged.reserved
  /** Why it will not be committed: a write was refused or failed. */
  let failure: unknown
  /** A commit that came before the CLOSE. */
  let early: { readonly done: Awaitable<void> } | undefined
  /** After it: the file under its name. */
  let below: FileHandle | undefined
  /** Handles that are open on it. */
  let handles = 1
  let closed = false
  /** By its first handle: not whole. */
  let abandoned = false
  /** On a slow disk what changes it takes its time: the next thing comes behind it. */
  const lane: Lane = {}
  const inTurn = <T>(act: () => Awaitable<T>): Awaitable<T> => inLane(lane, act)
  /** Of what ends it: nothing is on its way to it then. */
  const behind = (act: () => Awaitable<void>): Awaitable<void> =>
    lane.last === undefined ? act() : lane.last.then(() => behind(act))

  const missing = (end: number): number => Math.max(0, end - loan.size) - reserved
  const grow = (end: number): void => {
    const more = missing(end)
    if (more <= 0) return
    try {
      book.reserve(more, path)
    } catch (error) {
      // What is free again once this upload is given up is not room for the next attempt.
      if (isOpError(error, 'EDQUOT')) refusals.remember(path, book.free + reserved, error.message)
      throw error
    }
    reserved += more
  }
  const shrink = (end: number): void => {
    const less = -missing(end)
    if (less <= 0) return
    book.release(less)
    reserved -= less
  }
  /** Of what makes or breaks the content; `missed` when that fails. */
  const trying = (act: () => Awaitable<void>, missed = (): void => written.settle()): Awaitable<void> => {
    if (state === 'over') throw new OpError('EBADF', `"${shown(path)}" is not open`, { path })
    const failing = (error: unknown): never => {
      failure ??= error
      missed()
      throw error
    }
    try {
      const done = act()
      return isPromise(done) ? done.catch(failing) : done
    } catch (error) {
      return failing(error)
    }
  }
  const put = (data: readonly Uint8Array[], at: number, end: number): Awaitable<void> =>
    trying(
      () => {
        // A file grows by no bytes nowhere.
        if (end === at) return
        written.before(at)
        if (end > written.size) grow(end)
        return then(file.write(data, at), () => written.add(at, end))
      },
      () => written.failed(at, end, now(file.stat()).size),
    )
  /** `at`: where, and whether the file under its name is meant by then. */
  const write = (
    data: readonly Uint8Array[],
    at: (below: FileHandle | undefined) => number,
  ): Awaitable<void> => {
    let own = data
    let begun = false
    const done = inTurn(() => {
      const offset = at(below)
      const end = offset + lengthOf(own)
      const begin = (): Awaitable<void> => {
        begun = true
        return below === undefined ? put(own, offset, end) : below.write(own, offset)
      }
      const more = below === undefined ? missing(end) : 0
      return more <= 0 || book.has(more) ? begin() : book.whenRoom(more, 0, begin)
    })
    if (!begun) own = copied(data)
    return done
  }
  const resize = (to: number): Awaitable<void> =>
    book.whenRoom(Math.max(0, missing(to)), 0, () =>
      trying(() => {
        if (to > written.size) grow(to)
        return then(file.truncate(to), () => {
          shrink(to)
          written.resized(to)
        })
      }),
    )
  const over = (): void => {
    state = 'over'
    parts.over()
    loan.end()
    slot.free()
  }
  const discard = (): void => {
    if (state === 'over') return
    book.release(reserved)
    shelf.remove(id, shelved.nameOf(id, path))
    void file.abandon()
    shelved.end(id)
    over()
  }
  /** What is kept of it, its hole cut off; nothing where the disk does not cut: its size would say too much. */
  const cutOff = (): number => {
    const { cut, size } = written
    try {
      if (cut < size) now(file.truncate(cut))
      return cut
    } catch {
      return 0
    }
  }
  /** Kept as a part if there is room. */
  const interrupt = (): boolean => {
    if (state === 'over') return false
    const size = cutOff()
    const name = shelved.nameOf(id, path)
    try {
      void file.abandon()
      loan.end()
      const kept = shelved.interrupt(id, name, size, reserved)
      if (kept) refusals.keptPart(name, book.free)
      else shelf.remove(id, name)
      return kept
    } finally {
      over()
    }
  }
  const failed = (): void => {
    parts.failed()
    interrupt()
  }

  /** What was waited for took its time: it may have been given up meanwhile. */
  const checkOpen = (): void => {
    if (state === 'over') throw new OpError('ECANCELED', `"${shown(path)}" was not replaced`, { path })
  }
  const place = (): Awaitable<void> => {
    checkOpen()
    loan.end()
    try {
      parts.place(id, written.size, reserved, path)
    } catch (error) {
      const name = shelved.nameOf(id, path)
      const kept = interrupt()
      if (!isOpError(error, 'ENOENT')) throw error
      const goOn = name === path ? ', make the folder again to go on' : ` of "${shown(name)}"`
      throw new OpError(
        'ENOENT',
        `The folder of "${shown(path)}" is gone${kept ? `: what was sent is kept as a part${goOn}` : ''}`,
        { path, cause: error },
      )
    }
    shelved.end(id)
    over()
    return file.close()
  }
  /** Its place in the home may be new, if somebody removed the old file. */
  const placed = (): Awaitable<void> =>
    behind(() => book.whenRoom(0, 1, () => (lane.last === undefined ? place() : placed())))
  const commit = (): Awaitable<void> => {
    if (state === 'over') return undefined
    if (failure !== undefined) {
      failed()
      throw notWhole(path, failure, ', the old file is whole')
    }
    if (!parts.durable) return placed()
    return file.sync().then(
      () => then(placed(), () => shelf.syncFolder(path)),
      (error) =>
        behind(() => {
          checkOpen()
          failed()
          throw error
        }),
    )
  }

  const changes: Partial<FileHandle> = {
    write: (data, offset) => write(data, () => offset),
    truncate: (to) => inTurn(() => (below === undefined ? resize(to) : below.truncate(to))),
    setstat: (attrs) =>
      inTurn(() => {
        if (below !== undefined) return below.setstat(attrs)
        const { size, ...rest } = attrs
        return then(size === undefined ? undefined : resize(size), () => file.setstat(rest))
      }),
    async sync() {
      const { size } = written
      await (below ?? file).sync()
      if (below === undefined) written.synced(size)
    },
    close() {
      gone()
      if (below !== undefined) return handles === 0 ? below.close() : undefined
      if (handles > 0) return commitEarly(true)
      return early === undefined ? behind(commit) : early.done
    },
    abandon() {
      abandoned ||= !closed
      gone()
      return behind(() => {
        if (below === undefined) return void interrupt()
        return handles === 0 ? below.abandon() : undefined
      })
    },
  }
  const gone = (): void => {
    if (!closed) handles -= 1
    closed = true
  }
  /** `whole`: a CLOSE says that it is. */
  const commitEarly = (whole: boolean): Awaitable<void> => {
    if (early !== undefined) return early.done
    const reopened = (): Awaitable<void> =>
      then(parts.reopen(path, whole), (opened) => {
        if (handles === 0) return abandoned ? opened.abandon() : opened.close()
        below = opened
      })
    try {
      early = { done: behind(() => then(commit(), reopened)) }
    } catch (error) {
      // The CLOSE says it, too. Nobody may be there any more to hear it.
      const failing = Promise.reject(error)
      failing.catch(() => {})
      early = { done: failing }
      throw error
    }
    return early.done
  }
  const share: Overwrite['share'] = (how) => {
    handles += 1
    return sharedHandle(
      {
        handle,
        isOver: () => below !== undefined || (state === 'over' && early === undefined),
        commit: () => commitEarly(true),
        leave() {
          handles -= 1
          return handles === 0 ? below : undefined
        },
      },
      how,
    )
  }
  const append = (data: readonly Uint8Array[]): Awaitable<void> =>
    write(data, (below) => (below === undefined ? written.size : now(below.stat()).size))
  const handle: Overwrite = Object.defineProperties(
    handleOver(() => below ?? file, changes),
    {
      path: { value: path },
      size: { get: () => written.size },
      broken: { get: () => failure !== undefined },
      commit: { value: () => commitEarly(false) },
      discard: { value: () => behind(discard) },
      share: { value: share },
      append: { value: append },
    },
  ) as Overwrite
  return handle
}
