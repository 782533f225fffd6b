import { type Held, UNCOUNTED } from '../held.ts'

/** What ssh2 announces for every channel, in bytes. */
export const FIRST_WINDOW = 2 * 1024 * 1024
/** Widest window of one channel. */
const WIDEST = 16 * 1024 * 1024
/** What the windows of one connection may have together above their first. */
const MOST_EXTRA = 30 * 1024 * 1024
/** What is given back before the peer hears of it, as a part of the window. */
const TOP_UP = 1 / 20
/** Of a window, what must be on its way at a time to widen it, and what to keep its width. */
const FULL = 3 / 4
const SPARE = 1 / 4
/** Of the time in which a window's bytes came, what the loop must have waited for something to do: else it is not the line that is slow. */
const IDLE = 1 / 2

/** Bytes that windows may have above their first, in all; a connection takes its part out of the process's. */
export interface WindowBudget {
  take(bytes: number): boolean
  give(bytes: number): void
}

export function windowBudget(most: number, within?: WindowBudget): WindowBudget {
  let taken = 0
  return {
    take(bytes) {
      if (taken + bytes > most || within?.take(bytes) === false) return false
      taken += bytes
      return true
    },
    give(bytes) {
      taken -= bytes
      within?.give(bytes)
    },
  }
}

export function connectionBudget(process: WindowBudget): WindowBudget {
  return windowBudget(MOST_EXTRA, process)
}

/** How much the peer may send on one channel (RFC 4254 §5.2). */
export interface Window {
  /** `count` bytes came. False: more than the peer may send. */
  spend(count: number): boolean
  /** `count` bytes came that ssh2 has counted. */
  owe(count: number): void
  /** `count` of them were dealt with; how many bytes to let the peer send now, 0 while it is not worth a message. */
  credit(count: number): number
  /** The channel is no more. */
  close(): void
}

/** What tells whether the line is long. */
export interface LineSigns {
  /** How far away the peer is, in ms; Infinity: not known. */
  readonly roundTripMs: number
  /** Which part of the time since it was asked last the loop has waited, 0 to 1. */
  readonly idle: () => number
  /** In ms. */
  readonly now: () => number
}

/**
 * Counts in ssh2's own field, which ssh2 tops up until the channel is taken over. Told early, so that a long line
 * is never idle; and doubled each time that a whole window has come and been dealt with while most of one was on its way
 * at any time and the loop mostly waited: then the line is long. Halved when it was not: OpenSSH's client fills its own
 * memory up to the window, spends more time on that memory than on sending, and is so slow then that the loop waits for it.
 * Halved, too, when most of it waits to be dealt with: a slow disk, not the line, is what holds the peer up then.
 */
export function windowOver(
  incoming: { window: number },
  budget: WindowBudget,
  { roundTripMs, idle, now }: LineSigns,
  held: Pick<Held, 'came' | 'dealt'> = UNCOUNTED,
): Window {
  let size = FIRST_WINDOW
  let owed = 0
  let counted = held
  /** Since the width was looked at last. */
  let dealt = 0
  let since = now()
  const narrow = (): void => {
    if (size === FIRST_WINDOW) return
    size /= 2
    budget.give(size)
    dealt = 0
  }
  return {
    spend(count) {
      if (count > incoming.window) return false
      incoming.window -= count
      owed += count
      counted.came(count)
      return true
    },
    owe(count) {
      owed += count
      counted.came(count)
    },
    credit(count) {
      owed -= count
      counted.dealt(count)
      dealt += count
      if (owed > size / 2) narrow()
      else if (dealt >= size && owed < size / 4) {
        const onTheWay = (dealt / Math.max(1, now() - since)) * roundTripMs
        since = now()
        dealt = 0
        if (idle() < IDLE || onTheWay < size * SPARE) narrow()
        else if (onTheWay >= size * FULL && size < WIDEST && budget.take(size)) size *= 2
      }
      const more = size - incoming.window - owed
      if (more < size * TOP_UP) return 0
      incoming.window += more
      return more
    },
    close() {
      if (size > FIRST_WINDOW) budget.give(size - FIRST_WINDOW)
      size = FIRST_WINDOW
      counted.dealt(owed)
      // Its session may go on for a moment.
      counted = UNCOUNTED
    },
  }
}

/** Which part of the time since it was asked last this thread's loop has waited for something to do, 0 to 1. */
export function idleShare(): () => number {
  let last = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    return 1 - utilization
  }
}
