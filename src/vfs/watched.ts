import { type Awaitable, isPromise, now, then } from '../base/awaitable.ts'
import { fileError } from './errno.ts'
import { notWhole } from './handle-over.ts'
import { lengthOf } from './lent-data.ts'
import type { OpenUploads } from './open-uploads.ts'
import type { Partials } from './partials.ts'
import type { FileHandle, Stat, VirtualPath } from './vfs.ts'
import { takenOver, type Writers } from './writers.ts'
import { Written } from './written.ts'

export interface WatchParts {
  readonly account: string
  readonly partials: Partials
  readonly writers: Writers
  readonly openUploads: OpenUploads
  /** Whose handles share one file as in POSIX. */
  readonly session: object
  /** fsync of the file and its folder before CLOSE is answered. */
  readonly durable: boolean
  readonly syncFolder: (path: VirtualPath) => Promise<void>
}

/**
 * An upload under its final name: partial until CLOSE. When its writer goes away, a hole is cut off (`Written`); when
 * another session goes on with it, this one's handles are ended.
 */
export function watched(file: FileHandle, path: VirtualPath, found: Stat, parts: WatchParts): FileHandle {
  const { account, partials, writers, openUploads, session } = parts
  const writing = begun(() => {
    partials.mark(found)
    return writers.enter(found, file, () => {
      const slot = openUploads.enter(account, found, 'new')
      return { session, slot, written: new Written(found.size, slot) }
    })
  })
  const { written } = writing
  let open = true

  const check = (): void => {
    if (writing.taken) throw takenOver(path, writing.taken)
  }
  /** Of what makes or breaks the content; `missed` when that fails. */
  const after = <T>(
    act: () => Awaitable<T>,
    done: () => void,
    missed = (): void => written.settle(),
  ): Awaitable<T> => {
    check()
    const failed = (error: unknown): never => {
      writing.failed ??= error
      missed()
      throw error
    }
    const did = (value: T): T => {
      done()
      return value
    }
    try {
      const result = act()
      if (!isPromise(result)) return did(result)
      writing.underWay += 1
      const over = (): void => {
        writing.underWay -= 1
      }
      return result.finally(over).then(did, failed)
    } catch (error) {
      return failed(error)
    }
  }
  /** Whether this was the last one who writes it. */
  const leave = (): boolean => {
    const last = writers.leave(found, file, writing)
    if (last) partials.leave(found, writing.slot)
    return last
  }

  /** Not to be begun: the file is closed again. */
  function begun<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      void file.abandon()
      throw fileError(error, path)
    }
  }

  /** Not whole: written down, unless its last name is gone. */
  const left = (): void => {
    const { nlink } = now(file.stat())
    if (nlink > 0) partials.writeDown(found)
    else partials.unmark(found)
  }
  /** The handle is left, and `end` closes it. It is not whole: its hole is cut off, unless others write it too. */
  const goAway = (end: () => Awaitable<void>): Awaitable<void> => {
    const { cut, size } = written
    const alone = writing.handles.size === 1 && !writing.taken
    const gone = (): Awaitable<void> => {
      leave()
      return end()
    }
    try {
      const done = alone && cut < size ? file.truncate(cut) : undefined
      if (isPromise(done)) {
        // Until then it is nobody's: whoever looks sees what will be left, and whoever goes on with it takes it over.
        writing.session = {}
        return done.then(gone, gone)
      }
    } catch {
      // The hole stays; the mark says that the file is not whole.
    }
    return gone()
  }
  /** A CLOSE that says why it is not whole: for that, or because not even its mark could be written down. */
  const goAwayWith = (why: unknown, end: () => Awaitable<void>): Awaitable<void> => {
    let said = why
    try {
      left()
    } catch (error) {
      said = error
    }
    return then(goAway(end), () => {
      throw said
    })
  }
  const finish = (): Awaitable<void> => {
    const finished = (): void => {
      // The mark goes before the slot: a kill between them leaves it partial, never the other way.
      try {
        if (writing.handles.size === 1 && !writing.taken) partials.unmark(found)
      } finally {
        leave()
      }
    }
    const unfinished = (error: unknown): never => {
      try {
        partials.writeDown(found)
      } finally {
        leave()
      }
      throw error
    }
    try {
      const closed = file.close()
      return isPromise(closed) ? closed.then(finished, unfinished) : finished()
    } catch (error) {
      return unfinished(error)
    }
  }
  const closeDurably = async (): Promise<void> => {
    try {
      await file.sync()
    } catch (error) {
      return goAwayWith(error, () => file.abandon())
    }
    await finish()
    await parts.syncFolder(path)
  }

  return {
    descriptor: file.descriptor,
    quick: file.quick,
    appends: file.appends,
    read: (into, offset) => file.read(into, offset),
    write(data, offset) {
      const from = file.appends ? written.size : offset
      const to = from + lengthOf(data)
      written.before(from)
      return after(
        () => file.write(data, offset),
        () => written.add(from, to),
        () => written.failed(from, to, now(file.stat()).size),
      )
    },
    truncate: (to) =>
      after(
        () => file.truncate(to),
        () => written.resized(to),
      ),
    stat: () => file.stat(),
    setstat(attrs) {
      const { size } = attrs
      if (size !== undefined)
        return after(
          () => file.setstat(attrs),
          () => written.resized(size),
        )
      check()
      return file.setstat(attrs)
    },
    async sync() {
      const { size } = written
      await file.sync()
      written.synced(size)
    },
    close() {
      if (!open) return file.close()
      open = false
      const { taken } = writing
      if (taken) {
        leave()
        return then(file.close(), () => {
          throw takenOver(path, taken)
        })
      }
      if (writing.failed !== undefined)
        return goAwayWith(notWhole(path, writing.failed, ', it stays partial'), () => file.close())
      return parts.durable ? closeDurably() : finish()
    },
    abandon() {
      if (!open) return
      open = false
      try {
        if (!writing.taken) left()
      } catch (error) {
        leave()
        void file.abandon()
        throw error
      }
      return goAway(() => file.abandon())
    },
  }
}
