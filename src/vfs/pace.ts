import type { Clock } from '../base/clock.ts'

/** A call that takes longer did not find its bytes in the page cache, or the processor was busy with others. In ms. */
const LONG = 2
/** So many ms of long calls, less half of it for each quick one, are the disk's doing. */
const TOO_LONG = 20
/** A call off the loop that is back within this, its way through the thread pool included, was a quick one. */
const SHORT_TRIP = 10
/** Quick ones in a row after which the loop is trusted with it again; twice as many after each time it should not have been. */
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

/** `tooLong`: ms of long calls that the loop bears; more where nobody else waits for it. */
export function openPaces(clock: Clock, tooLong = TOO_LONG): Paces {
  const paces = new Map<number, Pace>()
  return {
    of(device) {
      const known = paces.get(device)
      if (known !== undefined) return known
      const made = openPace(clock, tooLong)
      paces.set(device, made)
      return made
    },
  }
}

function openPace(clock: Clock, tooLong: number): Pace {
  let long = 0
  let quick = true
  let quiet = 0
  let wanted = QUIET

  return {
    get quick() {
      return quick
    },
    now(work) {
      const begin = clock.elapsed()
      try {
        return work()
      } finally {
        const took = clock.elapsed() - begin
        long = took > LONG ? long + took : long / 2
        if (long > tooLong) {
          quick = false
          quiet = 0
        }
      }
    },
    async later(work) {
      const begin = clock.elapsed()
      try {
        return await work()
      } finally {
        quiet = clock.elapsed() - begin > SHORT_TRIP ? 0 : quiet + 1
        if (!quick && quiet >= wanted) {
          quick = true
          long = 0
          wanted = Math.min(wanted * 2, MOST_QUIET)
        }
      }
    },
  }
}
