import type { Clock } from '../base/clock.ts'
import type { Stat } from './vfs.ts'

/** How long after its last close a new file still counts as being made: clients set times and rename afterwards. */
const FRESH_MS = 10 * 60_000

type Inode = Pick<Stat, 'dev' | 'ino'>

/** What is written down of a file in the making. */
export interface FreshFile {
  /** In ms since 1970; of one that is open it says nothing. */
  readonly until: number
  /** The process that has it open; '' when none has. */
  readonly owner: string
}

/** Where it is written down, for all processes of a VAR and for the time after a restart. Answers at once. */
export interface FreshStore {
  put(account: string, inode: Inode, file: FreshFile): void
  get(account: string, inode: Inode): FreshFile | undefined
  /** Those that nobody has open any more. */
  dropBefore(now: number): void
  /** The processes that have some open. */
  owners(): readonly string[]
  /** All that the process had open is closed. */
  release(owner: string, until: number): void
  /** The account is gone. */
  forget(account: string): void
}

export interface FreshParts {
  readonly store: FreshStore
  readonly clock: Pick<Clock, 'now'>
  /** This process, by a name that no other one has or had. */
  readonly process: string
}

/** The files that an account is making: from their creation until they were left closed for ten minutes. By inode, so it follows renames. */
export class Fresh {
  readonly #account: string
  readonly #parts: FreshParts
  /** Handles now open here. */
  readonly #open = new Map<string, number>()

  constructor(account: string, parts: FreshParts) {
    this.#account = account
    this.#parts = parts
  }

  /** Made, or opened again. Each is to be followed by `closed`. */
  opened(inode: Inode): void {
    const { store, process } = this.#parts
    const count = this.#open.get(keyOf(inode)) ?? 0
    this.#open.set(keyOf(inode), count + 1)
    // One that another process has open stays so in its name.
    if (count === 0 && !store.get(this.#account, inode)?.owner)
      store.put(this.#account, inode, { until: 0, owner: process })
  }

  closed(inode: Inode): void {
    const { store, clock, process } = this.#parts
    const left = (this.#open.get(keyOf(inode)) ?? 1) - 1
    if (left > 0) return void this.#open.set(keyOf(inode), left)
    this.#open.delete(keyOf(inode))
    if (store.get(this.#account, inode)?.owner !== process) return
    const now = clock.now()
    store.dropBefore(now)
    store.put(this.#account, inode, { until: now + FRESH_MS, owner: '' })
  }

  has(inode: Inode): boolean {
    if (this.#open.has(keyOf(inode))) return true
    const { store, clock } = this.#parts
    const found = store.get(this.#account, inode)
    return found !== undefined && (found.owner !== '' || clock.now() < found.until)
  }
}

/** What a process that is gone had open was left closed when it ended; from now on, as nobody knows when that was. */
export function settleFresh(
  store: FreshStore,
  lives: (process: string) => boolean,
  clock: Pick<Clock, 'now'>,
): void {
  for (const owner of store.owners()) if (!lives(owner)) store.release(owner, clock.now() + FRESH_MS)
}

function keyOf({ dev, ino }: Inode): string {
  return `${dev}:${ino}`
}
