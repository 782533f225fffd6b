import type { Clock } from '../base/clock.ts'
import { runDelay } from '../base/run-delay.ts'

/** A call that takes longer did not find its bytes in the page cache, or the processor was busy with others. In ms. */
const LONG = 2
/** So many ms of long calls, less half of it for each quick one, are the disk's doing. */
const TOO_LONG = 20
/** A call that takes so long is the disk's doing, whoever else wants the processor. In ms. */
const SURELY_DISK = 100
/** Calls after a long one of which is known how long they waited for the processor; of others it is not asked. */
const WATCHED = 256
/** A call off the loop that is back within this, its way through the thread pool included, was a quick one. */
const SHORT_TRIP = 10
/** Quick ones in a row after which the loop is trusted with it again; twice as many after each time it should not have been, until so many on the loop were quick. */
const QUIET = 32
const MOST_QUIET = 4096

/** How one disk answers: calls are made on the loop while it is quick, and off it once it is not. */
export interface Pace {
  readonly quick: boolean
  /** Does the work on the loop, and sees how long it takes. */
  now<T>(work: () => T): T
  /** The same for work off the loop. */
  later<T>(work: () => Promise<T>): Promise<T>
}

/** The paces of the disks, by their number (st_dev), for all who open files there. */
export interface Paces {
  of(device: number): Pace
}

/**
 * `tooLong`: ms of long calls that the loop bears; more where nobody else waits for it. `delayed`: for how long this thread has
 * waited for a processor, in ms: what of a call's time that was is not the disk's.
 */
export function openPaces(clock: Clock, tooLong = TOO_LONG, delayed: () => number = runDelay): Paces {
  const paces = new Map<number, Pace>()
  return {
    of(device) {
      const known = paces.get(device)
      if (known !== undefined) return known
      const made = openPace(clock, tooLong, delayed)
      paces.set(device, made)
      return made
    },
  }
}

function openPace(clock: Clock, tooLong: number, delayed: () => number): Pace {
  let long = 0
  let quick = true
  let quiet = 0
  let wanted = QUIET
  /** Quick calls on the loop since it was trusted again. */
  let calm = 0
  /** Calls that are still watched. */
  let watched = 0

  /** What of the time of a call counts for the disk's. */
  const disks = (took: number, before: number | undefined): number => {
    if (before !== undefined) return took - (delayed() - before)
    return took >= SURELY_DISK ? took : Math.min(took, tooLong)
  }

  return {
    get quick() {
      return quick
    },
    now(work) {
      const before = watched > 0 ? delayed() : undefined
      const begin = clock.elapsed()
      try {
        return work()
      } finally {
        const took = clock.elapsed() - begin
        if (watched > 0) watched -= 1
        let its = took
        if (took > LONG) {
          its = disks(took, before)
          watched = WATCHED
        } else if (quick && wanted > QUIET && ++calm >= MOST_QUIET) wanted = QUIET
        long = its > LONG ? long + its : long / 2
        if (long > tooLong) {
          quick = false
          quiet = 0
        }
      }
    },
    async later(work) {
      const before = delayed()
      const begin = clock.elapsed()
      try {
        return await work()
      } finally {
        // The thread that did it waits about as long for a processor as this one.
        const took = clock.elapsed() - begin - (delayed() - before)
        quiet = took > SHORT_TRIP ? 0 : quiet + 1
        if (!quick && quiet >= wanted) {
          quick = true
          long = 0
          calm = 0
          wanted = Math.min(wanted * 2, MOST_QUIET)
        }
      }
    },
  }
}
