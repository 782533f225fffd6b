import { setTimeout as delay } from 'node:timers/promises'

/** Time, injected so that tests turn it by hand. Milliseconds throughout. */
export interface Clock {
  /** Since 1970; may jump. */
  now(): number
  /** Since some moment in the past; never jumps. For durations. */
  elapsed(): number
  /** Rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
}
