import { type Awaitable, isPromise, then } from '../base/awaitable.ts'
import { handleOver } from './handle-over.ts'
import { lengthOf } from './metered-file.ts'
import type { Overwrite } from './overwrite.ts'
import type { FileHandle } from './vfs.ts'

/** Bytes copied at a time when staged bytes go into the old file after all. */
const SLICE = 256 * 1024

export interface UndecidedParts {
  /** Bytes of the old file. */
  readonly oldSize: number
  /** What would mix two contents. EBUSY. */
  readonly refuse: (offset: number) => void
  /** A file to stage into; undefined when it must be done in place. */
  readonly stage: () => Awaitable<Overwrite | undefined>
}

/** A complete file that is open to be written, not truncated: what it will be is known by what is written first. */
export interface Undecided extends FileHandle {
  /** Whether it is staged so far. */
  readonly staging: boolean
  /** Does now what CLOSE would do: what comes next needs the file as this session sees it. */
  decide(): Awaitable<void>
}

/**
 * Plain `scp` replaces a file without saying so: it opens without TRUNC, writes from 0 on without a gap, and sets the
 * size. As long as that is what is done, it is staged. Anything else first copies what was staged into the old
 * file, and goes on in place.
 */
export function undecided(old: FileHandle, { oldSize, refuse, stage }: UndecidedParts): Undecided {
  /** Committed: before its CLOSE; the staged handle goes on with the file under its name. */
  let state: 'untouched' | 'staged' | 'in place' | 'committed' = 'untouched'
  let staged: Overwrite | undefined
  let sized = false
  const isStaged = (): boolean => state === 'staged' || state === 'committed'
  /** Why its first WRITE was refused before a byte was taken: then all of it is. */
  let refused: unknown
  const refuseAll = (error: unknown): never => {
    refused = error
    throw error
  }

  /** What was staged is on its way into the old file: all that comes meanwhile waits for it. */
  let moving: Promise<void> | undefined
  const intoPlace = (from: Overwrite): Promise<void> => {
    moving ??= move(from).finally(() => {
      moving = undefined
    })
    return moving
  }
  const move = async (from: Overwrite): Promise<void> => {
    const slice = new Uint8Array(SLICE)
    for (let at = 0; at < from.size; ) {
      const count = await from.read([slice], at)
      await old.write([slice.subarray(0, count)], at)
      at += count
    }
    // What lay behind the size that was set is gone, and does not come back by a hole.
    if (sized) await old.truncate(from.size)
    state = 'in place'
    from.discard()
  }
  const inPlace = <T>(act: () => Awaitable<T>): Awaitable<T> => {
    if (state !== 'staged') {
      state = 'in place'
      return act()
    }
    return then(intoPlace(staged!), act)
  }
  /** A replacement: the client set the size, or wrote no less than was there. */
  const replaces = (file: Overwrite): boolean => sized || file.size >= oldSize
  const decide = (): Awaitable<void> => {
    if (state !== 'staged') return
    if (!staged!.broken && !replaces(staged!)) return intoPlace(staged!)
    old.abandon()
    state = 'committed'
    return staged!.commit()
  }
  /** The CLOSE says so, and holds nothing any more. */
  const notMoved = async (error: unknown): Promise<never> => {
    await abandon()
    throw error
  }
  const abandon = (): Awaitable<void> => {
    old.abandon()
    return isStaged() ? staged!.abandon() : undefined
  }
  /** Where the first WRITE goes, at `offset`: staged, or in place. */
  const begin = (offset: number, stages: boolean): Awaitable<Overwrite | undefined> => {
    if (refused !== undefined) throw refused
    try {
      refuse(offset)
      const begun = stages ? stage() : undefined
      return isPromise(begun) ? begun.catch(refuseAll) : begun
    } catch (error) {
      return refuseAll(error)
    }
  }
  /** A size that is set now concerns the staged file: it is all there will be. One that is broken is never put in the old file. */
  const sizes = (to: number): boolean => state === 'staged' && (staged!.broken || to <= staged!.size)
  const current = (): FileHandle => (isStaged() ? staged! : old)

  const changes: Partial<FileHandle> = {
    write(data, offset) {
      if (state === 'in place' || state === 'committed') return current().write(data, offset)
      if (state === 'untouched') {
        const begun = begin(offset, offset === 0 && lengthOf(data) > 0)
        const own = isPromise(begun) ? data.map((part) => part.slice()) : data
        return then(begun, (file) => {
          staged = file
          state = file === undefined ? 'in place' : 'staged'
          return current().write(own, offset)
        })
      }
      if (offset === staged!.size || staged!.broken) return staged!.write(data, offset)
      // The bytes are lent for the call alone.
      const copies = data.map((part) => part.slice())
      return inPlace(() => old.write(copies, offset))
    },
    truncate(to) {
      if (refused !== undefined) throw refused
      if (state === 'committed') return staged!.truncate(to)
      if (!sizes(to)) return inPlace(() => old.truncate(to))
      sized = true
      return staged!.truncate(to)
    },
    setstat(attrs) {
      if (refused !== undefined) throw refused
      const { size } = attrs
      if (size !== undefined && state !== 'committed') {
        if (!sizes(size)) return inPlace(() => old.setstat(attrs))
        sized = true
      }
      return current().setstat(attrs)
    },
    // What is open to be read too is never staged: the old file says so at once, as it is quick or not.
    quick: () => old.quick?.() === true,
    read: (into, offset) => old.read(into, offset),
    /** As in POSIX, until it is known that it replaces. */
    stat: () =>
      then(current().stat(), (found) =>
        state === 'staged' && !sized ? { ...found, size: Math.max(oldSize, found.size) } : found,
      ),
    close() {
      if (refused !== undefined)
        return then(old.close(), () => {
          throw refused
        })
      if (!isStaged()) return old.close()
      if (state === 'committed') return staged!.close()
      const file = staged!
      if (!file.broken && !replaces(file)) return intoPlace(file).then(() => old.close(), notMoved)
      // No longer one who has the old file open: it is about to be replaced.
      old.abandon()
      return file.close()
    },
    abandon,
  }
  return Object.defineProperties(handleOver(current, changes), {
    staging: { get: () => state === 'staged' },
    decide: { value: decide },
  }) as Undecided
}
