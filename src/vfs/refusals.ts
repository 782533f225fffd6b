import type { Clock } from '../base/clock.ts'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { VirtualPath } from './vfs.ts'

const REMEMBERED_MS = 600_000
const MOST = 10_000

/**
 * The paths of one account at which a write was just refused for want of room. A client that tries again for ever
 * is told at OPEN, before it sends all its bytes once more.
 */
export class Refusals {
  readonly #clock: Clock
  readonly #givable: () => number
  readonly #paths = new Map<
    VirtualPath,
    { readonly at: number; readonly free: number; readonly message: string }
  >()

  /** `givable`: bytes that are only set aside, and given up before a write is refused. */
  constructor(clock: Clock, givable: () => number = () => 0) {
    this.#clock = clock
    this.#givable = givable
  }

  remember(path: VirtualPath, free: number, message: string): void {
    this.#paths.delete(path)
    this.#paths.set(path, { at: this.#clock.elapsed(), free: free + this.#givable(), message })
    if (this.#paths.size > MOST) this.#paths.delete(this.#paths.keys().next().value!)
  }

  /** Its part is kept, and holds bytes that it had when it was refused: so much is free now. */
  keptPart(path: VirtualPath, free: number): void {
    const refused = this.#paths.get(path)
    if (refused !== undefined)
      this.#paths.set(path, { ...refused, free: Math.min(refused.free, free + this.#givable()) })
  }

  /** Nobody is refused any more. */
  get none(): boolean {
    for (const [path, { at }] of this.#paths)
      if (this.#clock.elapsed() - at >= REMEMBERED_MS) this.#paths.delete(path)
    return this.#paths.size === 0
  }

  /** Whether `check` may refuse. */
  has(path: VirtualPath): boolean {
    return this.#paths.has(path)
  }

  /** EDQUOT while no more is free than when it was refused. */
  check(path: VirtualPath, free: number): void {
    const refused = this.#paths.get(path)
    if (refused === undefined) return
    if (free + this.#givable() <= refused.free && this.#clock.elapsed() - refused.at < REMEMBERED_MS)
      throw new OpError(
        'EDQUOT',
        `${refused.message}; "${shown(path)}" was refused just now: make room first`,
        { path },
      )
    this.#paths.delete(path)
  }
}
