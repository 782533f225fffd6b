import type { Clock } from './base/clock.ts'
import { OpError } from './base/error.ts'

export interface AftermathParts {
  readonly clock: Clock
  /** Nothing is tried again: the next start makes it good. */
  readonly stop: AbortSignal
  readonly failed: (error: unknown) => void
}

/** What a process has left that ended. */
export interface Aftermath {
  /** Makes it good by `settle`, which is tried until it comes through. */
  settle(settle: () => Promise<void>): Promise<void>
  /** Resolves when that is done. EBUSY when a try fails meanwhile: the next one follows by itself. */
  settled(): Promise<void>
  /** The same, however many tries it takes; or it was given up for a stop. */
  readonly over: Promise<void>
}

/** Between two tries, longer each time. In ms. */
const LEAST_WAIT_MS = 100
const MOST_WAIT_MS = 10_000

export function openAftermath({ clock, stop, failed }: AftermathParts): Aftermath {
  let done = answerForMany()
  const over = Promise.withResolvers<void>()
  return {
    over: over.promise,
    settled: () => done.promise,
    async settle(settle) {
      for (let wait = LEAST_WAIT_MS; ; wait = Math.min(MOST_WAIT_MS, 2 * wait)) {
        try {
          await settle()
          break
        } catch (error) {
          failed(error)
        }
        if (stop.aborted) break
        const { reject } = done
        done = answerForMany()
        reject(
          new OpError('EBUSY', 'What an ended process has left is not made good yet: try again in a moment'),
        )
        await clock.sleep(wait, stop).catch(() => {})
      }
      done.resolve()
      over.resolve()
    },
  }
}

/** Whoever waits for it hears; nobody need. */
export function answerForMany(): PromiseWithResolvers<void> {
  const made = Promise.withResolvers<void>()
  made.promise.catch(() => {})
  return made
}
