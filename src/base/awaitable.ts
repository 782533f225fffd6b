/** An answer that is there now when it can be, and a promise when it cannot (slow disk, a question to the ledger). */
export type Awaitable<T> = T | Promise<T>

export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return value instanceof Promise
}

/** Goes on with `next` now if the value is there, else when it comes. Errors thrown by `next` are the caller's either way. */
export function then<T, U>(value: Awaitable<T>, next: (value: T) => Awaitable<U>): Awaitable<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** The value, of something that answers at once. */
export function now<T>(value: Awaitable<T>): T {
  if (value instanceof Promise) throw new TypeError('This does not answer at once')
  return value
}
