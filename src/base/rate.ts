/**
 * A token bucket of so many bytes a second, which holds a second's worth. Pure: the time is passed in, in ms.
 * What is taken may pass what is there: whoever took it waits until the debt is paid, and so do those after it.
 */
export class Rate {
  readonly perSecond: number
  #tokens: number
  #at: number

  constructor(perSecond: number, now: number) {
    this.perSecond = perSecond
    this.#tokens = perSecond
    this.#at = now
  }

  /** How long to wait after having moved `bytes`, in ms: 0 while within the rate. */
  take(bytes: number, now: number): number {
    const gained = (Math.max(0, now - this.#at) * this.perSecond) / 1000
    this.#tokens = Math.min(this.perSecond, this.#tokens + gained) - bytes
    this.#at = Math.max(this.#at, now)
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1000) / this.perSecond)
  }
}
