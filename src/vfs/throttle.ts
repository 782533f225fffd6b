import type { Account } from '../accounts/account.ts'
import { type Awaitable, then } from '../base/awaitable.ts'
import type { Clock } from '../base/clock.ts'
import { Rate } from '../base/rate.ts'
import { lengthOf } from './lent-data.ts'
import type { FileHandle } from './vfs.ts'

/** The bandwidth caps of one account, shared by its sessions. Without a cap it costs a comparison. */
export class Throttle {
  readonly #clock: Clock
  readonly #pauses = new Set<AbortController>()
  #up: Rate | undefined
  #down: Rate | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Holds at once: who waits because of an old cap goes on. */
  set({ up, down }: Account['rate']): void {
    if (up === (this.#up?.perSecond ?? null) && down === (this.#down?.perSecond ?? null)) return
    const now = this.#clock.elapsed()
    this.#up = up === null ? undefined : new Rate(up, now)
    this.#down = down === null ? undefined : new Rate(down, now)
    for (const pause of this.#pauses) pause.abort()
  }

  get caps(): boolean {
    return this.#up !== undefined || this.#down !== undefined
  }

  get capsDown(): boolean {
    return this.#down !== undefined
  }

  /** After `bytes` came in: now, or when the account may go on. */
  received(bytes: number, signal: AbortSignal): Awaitable<void> {
    if (this.#up !== undefined) return this.#pay(this.#up, bytes, signal)
  }

  /** After `bytes` were read to be sent. */
  sent(bytes: number, signal: AbortSignal): Awaitable<void> {
    if (this.#down !== undefined) return this.#pay(this.#down, bytes, signal)
  }

  #pay(rate: Rate, bytes: number, signal: AbortSignal): Awaitable<void> {
    const wait = rate.take(bytes, this.#clock.elapsed())
    if (wait > 0) return this.#pause(wait, signal)
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const pause = new AbortController()
    const end = (): void => pause.abort()
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    this.#pauses.add(pause)
    try {
      await this.#clock.sleep(ms, pause.signal)
    } catch (error) {
      // Cut short: the session ends, or the cap is another one now.
      if (!pause.signal.aborted) throw error
    } finally {
      this.#pauses.delete(pause)
      signal.removeEventListener('abort', end)
    }
  }
}

/** A file whose bytes count against the caps of its account. */
export function throttled(file: FileHandle, throttle: Throttle, signal: AbortSignal): FileHandle {
  return {
    found: file.found,
    descriptor: file.descriptor,
    quick: () => file.quick?.() === true && !throttle.capsDown,
    appends: file.appends,
    read(into, offset) {
      const count = file.read(into, offset)
      if (!throttle.capsDown) return count
      return then(count, (read) => then(throttle.sent(read, signal), () => read))
    },
    write(data, offset) {
      const bytes = lengthOf(data)
      return then(file.write(data, offset), () => throttle.received(bytes, signal))
    },
    truncate: (size) => file.truncate(size),
    stat: () => file.stat(),
    setstat: (attrs) => file.setstat(attrs),
    sync: () => file.sync(),
    close: () => file.close(),
    abandon: () => file.abandon(),
  }
}
