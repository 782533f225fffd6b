import { OpError } from '../base/error.ts'

/**
 * One making for all who ask while it lasts. Each waits until its own signal ends (ECANCELED); when nobody waits any
 * more, the signal that `make` was given ends, and the next who asks begins anew.
 */
export function together<T>(make: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let now: { readonly made: Promise<T>; readonly stop: AbortController; waiting: number } | undefined

  function begin() {
    const stop = new AbortController()
    const begun = { made: make(stop.signal), stop, waiting: 0 }
    const over = (): void => {
      if (now === begun) now = undefined
    }
    begun.made.then(over, over)
    return begun
  }

  return async (signal) => {
    if (signal.aborted) throw cancelled()
    now ??= begin()
    const mine = now
    mine.waiting += 1
    try {
      return await until(signal, mine.made)
    } finally {
      mine.waiting -= 1
      if (mine === now && mine.waiting === 0) {
        now = undefined
        mine.stop.abort()
      }
    }
  }
}

/** What is made, or ECANCELED when the signal ends before. */
export function until<T>(signal: AbortSignal, made: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelled())
    const stop = (): void => reject(cancelled())
    signal.addEventListener('abort', stop, { once: true })
    made.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

function cancelled(): OpError {
  return new OpError('ECANCELED', 'Cancelled')
}
