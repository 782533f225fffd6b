import { type Awaitable, isPromise } from '../base/awaitable.ts'
import type { OpenDirectory } from './handles.ts'

/**
 * The next reply of a folder that is being listed, made while the client works through the one before: the two take
 * about as long. Of one folder a session, for each holds its reply of some 120 KB until it is asked for.
 */
export class ReadAhead<T> {
  #of: OpenDirectory | undefined
  #next: (() => Awaitable<T>) | undefined

  /** Makes the reply once this turn's are on their way; nothing while that of another folder waits to be asked for. */
  begin(open: OpenDirectory, make: () => Awaitable<T>): void {
    if (this.#of?.closed === false) return
    this.#of = open
    this.#next = undefined
    setImmediate(() => {
      if (this.#of !== open || open.closed || this.#next !== undefined) return
      try {
        const made = make()
        // Whoever takes it hears of it.
        if (isPromise(made)) made.catch(() => {})
        this.#next = () => made
      } catch (error) {
        this.#next = () => {
          throw error
        }
      }
    })
  }

  /** What was made for `open`, which throws what the folder's reading said; undefined: nothing yet, and nothing will be. */
  take(open: OpenDirectory): (() => Awaitable<T>) | undefined {
    if (this.#of !== open) return undefined
    const next = this.#next
    this.#of = undefined
    this.#next = undefined
    return next
  }
}
