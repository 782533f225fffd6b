import { systemClock } from '../base/clock.ts'

/** The shortest time that the peer took to answer while it logged in, in ms; Infinity before it has answered. */
export interface RoundTrip {
  /** It has been told what it waits for: what it says next is an answer. */
  told(): void
  heard(): void
  readonly ms: number
}

/**
 * How far away a peer is. SSH has no word for it, and what answers during a transfer waits behind its bytes; but at
 * login client and server take turns (RFC 4252 §5.1), some of them without a person or a key between.
 */
export function roundTrip(now: () => number = systemClock.elapsed): RoundTrip {
  let since: number | undefined
  let least = Number.POSITIVE_INFINITY
  return {
    told() {
      since = now()
    },
    heard() {
      if (since !== undefined) least = Math.min(least, now() - since)
      since = undefined
    },
    get ms() {
      return least
    },
  }
}
