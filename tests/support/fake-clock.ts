import type { Clock } from '../../src/base/clock.ts'

/** A clock that stands until a test turns it. Whoever sleeps wakes when its time has come. */
export interface FakeClock extends Clock {
  pass(ms: number): void
  /** Lets `now` jump without time passing, as when somebody sets the clock. */
  set(now: number): void
}

export function fakeClock(start = Date.UTC(2026, 10, 22, 12)): FakeClock {
  let now = start
  let elapsed = 0
  const sleepers = new Set<{ readonly until: number; readonly wake: () => void }>()
  return {
    now: () => now,
    elapsed: () => elapsed,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const sleeper = { until: elapsed + ms, wake: resolve }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper)
          reject(signal.reason)
        })
      }),
    pass(ms) {
      now += ms
      elapsed += ms
      for (const sleeper of sleepers) {
        if (sleeper.until > elapsed) continue
        sleepers.delete(sleeper)
        sleeper.wake()
      }
    },
    set(to) {
      now = to
    },
  }
}
