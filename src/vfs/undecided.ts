import { setImmediate as turn } from 'node:timers/promises'
import { type Awaitable, isPromise, now, then } from '../base/awaitable.ts'
import { handleOver } from './handle-over.ts'
import { copied, lengthOf } from './lent-data.ts'
import type { Overwrite } from './overwrite.ts'
import type { FileHandle, NewAttrs } from './vfs.ts'

/** Bytes copied at a time between the old file and the staged one. */
const SLICE = 256 * 1024

export interface UndecidedParts {
  /** What would mix two contents. EBUSY. */
  readonly refuse: (offset: number) => void
  /** A file to stage into; undefined when it must be done in place. */
  readonly stage: () => Awaitable<Overwrite | undefined>
  /** The old file once more, to be read; undefined when it may not be, or has lost its name. */
  readonly reopen: () => Promise<FileHandle | undefined>
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
 * size. As long as that is what is done, it is staged. When anything else is done, the staged file is first made
 * whole by the rest of the old one, which so stays what it is until CLOSE. Where most of the old file would have to
 * be copied for that, what was staged goes into it instead, and all is done in place. That never makes it longer, so
 * no quota can end it halfway.
 */
export function undecided(old: FileHandle, { refuse, stage, reopen }: UndecidedParts): Undecided {
  /** Committed: before its CLOSE; the staged handle goes on with the file under its name. */
  let state: 'untouched' | 'staged' | 'in place' | 'committed' = 'untouched'
  let staged: Overwrite | undefined
  /** The staged file is all that there will be: nothing of the old one is behind its end. */
  let whole = false
  /** What was set of the staged file, and must outlast what is copied. */
  let set: NewAttrs = {}
  /** Why nothing more of it is done, and nothing committed. */
  let failed: unknown
  /** Bytes are copied: all that comes meanwhile waits for it. */
  let busy: Promise<void> | undefined
  let intoPlace = false

  /** Bytes of the old file now: others may go on with it. */
  const oldSize = (): number => now(old.stat()).size
  const isStaged = (): boolean => state === 'staged' || state === 'committed'
  const current = (): FileHandle => (isStaged() ? staged! : old)
  /** One that is broken stays staged, so that it is never committed. */
  const staysStaged = (): boolean => state === 'staged' && (whole || staged!.broken)
  const replaces = (file: Overwrite): boolean => whole || file.size >= oldSize()
  const fail = (error: unknown): never => {
    // What is broken says so itself.
    if (!staged?.broken) failed = error
    throw error
  }
  const whenIdle = <T>(act: () => Awaitable<T>): Awaitable<T> => {
    const again = (): Awaitable<T> => whenIdle(act)
    return busy === undefined ? act() : busy.then(again, again)
  }

  /** Where the first WRITE goes, at `offset`: staged, or in place. */
  const begin = (offset: number, stages: boolean): Awaitable<Overwrite | undefined> => {
    try {
      refuse(offset)
      const begun = stages ? stage() : undefined
      return isPromise(begun) ? begun.catch(fail) : begun
    } catch (error) {
      return fail(error)
    }
  }

  /** It is staged, and no plain replacement any more: from now on it is whole, or in place. */
  const settle = (): Promise<void> => {
    busy = settleNow(staged!)
      .catch(fail)
      .finally(() => {
        busy = undefined
      })
    return busy
  }
  const settleNow = async (file: Overwrite): Promise<void> => {
    const rest = (await old.stat()).size - file.size
    if (rest > 0) {
      const source = rest <= file.size ? await reopen() : undefined
      if (source === undefined) return move(file)
      await complete(file, source)
      await file.setstat(set)
    }
    whole = true
  }
  const move = async (from: Overwrite): Promise<void> => {
    intoPlace = true
    // What is refused is refused before anything is changed.
    await old.setstat(set)
    const slice = new Uint8Array(SLICE)
    for (let at = 0; at < from.size; await turn()) {
      const count = await from.read([slice], at)
      await old.write([slice.subarray(0, count)], at)
      at += count
    }
    await old.setstat(set)
    state = 'in place'
    await from.discard()
  }

  const decide = (): Awaitable<void> => {
    if (busy !== undefined) return whenIdle(decide)
    if (failed !== undefined) throw failed
    if (state !== 'staged') return
    if (!staged!.broken && !replaces(staged!)) return settle().then(decide)
    old.abandon()
    state = 'committed'
    return staged!.commit()
  }
  const drop = (): Awaitable<void> => {
    old.abandon()
    return isStaged() ? staged!.abandon() : undefined
  }
  /** `staged`: it concerns the staged file, if there is one. */
  const resize = (to: number, act: (file: FileHandle) => Awaitable<void>): Awaitable<void> => {
    if (failed !== undefined) throw failed
    if (state === 'untouched') state = 'in place'
    if (state !== 'staged') return act(current())
    if (!staysStaged() && to > staged!.size) return settle().then(() => resize(to, act))
    whole = true
    return act(staged!)
  }

  const changes: Partial<FileHandle> = {
    write(data, offset) {
      if (busy !== undefined) {
        const copies = copied(data)
        return whenIdle(() => handle.write(copies, offset))
      }
      if (failed !== undefined) throw failed
      // It says nothing of what the file will be.
      if (lengthOf(data) === 0) return current().write(data, offset)
      if (state === 'untouched') {
        const begun = begin(offset, offset === 0)
        const bytes = isPromise(begun) ? copied(data) : data
        return then(begun, (file) => {
          staged = file
          state = file === undefined ? 'in place' : 'staged'
          return current().write(bytes, offset)
        })
      }
      // It is newer than the times that were set.
      if (set.atime !== undefined || set.mtime !== undefined) set = withoutTimes(set)
      if (state !== 'staged' || staysStaged() || offset === staged!.size) return current().write(data, offset)
      const copies = copied(data)
      return settle().then(() => handle.write(copies, offset))
    },
    truncate: (to) => whenIdle(() => resize(to, (file) => file.truncate(to))),
    setstat: (attrs) =>
      whenIdle(() => {
        if (failed !== undefined) throw failed
        const { size } = attrs
        if (size !== undefined) return resize(size, (file) => file.setstat(attrs))
        return then(current().setstat(attrs), () => {
          if (state === 'staged') set = { ...set, ...attrs }
        })
      }),
    // What is open to be read too is never staged: the old file says so at once, as it is quick or not.
    quick: () => old.quick?.() === true,
    read: (into, offset) => old.read(into, offset),
    /** As in POSIX, until it is known that it replaces. */
    stat: () =>
      then(current().stat(), (found) =>
        state === 'staged' && !whole ? { ...found, size: Math.max(oldSize(), found.size) } : found,
      ),
    sync: async () => whenIdle(() => current().sync()),
    close() {
      if (busy !== undefined) return whenIdle(() => handle.close())
      if (state === 'committed') return staged!.close()
      if (failed !== undefined)
        return then(drop(), () => {
          throw failed
        })
      if (state !== 'staged') return old.close()
      // It holds nothing any more, also when that failed.
      if (!staged!.broken && !replaces(staged!)) return settle().then(handle.close, handle.close)
      // No longer one who has the old file open: it is about to be replaced.
      old.abandon()
      return staged!.close()
    },
    // What is on its way into the old file is not left halfway.
    abandon: () => (intoPlace ? whenIdle(drop) : drop()),
  }
  const handle = Object.defineProperties(handleOver(current, changes), {
    staging: { get: () => state === 'staged' },
    decide: { value: decide },
  }) as Undecided
  return handle
}

function withoutTimes({ atime, mtime, ...rest }: NewAttrs): NewAttrs {
  return rest
}

/** What `source` has behind the end of `file` comes there. */
async function complete(file: Overwrite, source: FileHandle): Promise<void> {
  try {
    const slice = new Uint8Array(SLICE)
    for (let count = -1; count !== 0; await turn()) {
      count = await source.read([slice], file.size)
      if (count > 0) await file.write([slice.subarray(0, count)], file.size)
    }
  } finally {
    await source.abandon()
  }
}
