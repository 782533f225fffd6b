import type { Clock } from '../base/clock.ts'
import type { Stat } from './vfs.ts'

/** How long after its last close a new file still counts as being made: clients set times and rename afterwards. */
const FRESH_MS = 10 * 60_000
/** Files that are remembered; the one closed first is forgotten for a newer one. */
const MOST = 100_000

type Inode = Pick<Stat, 'dev' | 'ino'>

/** The files that an account is making: from their creation until they were left closed for ten minutes. By inode, so it follows renames. */
export class Fresh {
  readonly #clock: Pick<Clock, 'elapsed'>
  /** Handles now open. */
  readonly #open = new Map<string, number>()
  /** When they were closed, the earliest first. */
  readonly #closed = new Map<string, number>()

  constructor(clock: Pick<Clock, 'elapsed'>) {
    this.#clock = clock
  }

  /** Made, or opened again. Each is to be followed by `closed`. */
  opened(inode: Inode): void {
    const key = keyOf(inode)
    this.#closed.delete(key)
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1)
  }

  closed(inode: Inode): void {
    const key = keyOf(inode)
    const left = (this.#open.get(key) ?? 1) - 1
    if (left > 0) return void this.#open.set(key, left)
    this.#open.delete(key)
    this.#closed.set(key, this.#clock.elapsed())
    this.#forgetOld()
  }

  has(inode: Inode): boolean {
    const key = keyOf(inode)
    if (this.#open.has(key)) return true
    const at = this.#closed.get(key)
    return at !== undefined && this.#clock.elapsed() - at < FRESH_MS
  }

  #forgetOld(): void {
    const now = this.#clock.elapsed()
    for (const [key, at] of this.#closed) {
      if (now - at < FRESH_MS && this.#closed.size <= MOST) return
      this.#closed.delete(key)
    }
  }
}

function keyOf({ dev, ino }: Inode): string {
  return `${dev}:${ino}`
}
