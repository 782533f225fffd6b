import { type Awaitable, isPromise } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import type { Book } from '../quota/book.ts'
import type { Stat } from './vfs.ts'

/** What changes something, one behind the other. */
export interface Lane {
  /** The end of what was begun last; undefined when nothing is on its way. */
  last?: Promise<void>
}

/** An inode that is open or was charged in another way: one entry however many handles and names it has. */
export interface Inode extends Lane {
  /** Bytes charged for it: its size, when nothing is on its way to it. */
  size: number
  handles: number
  /** Those of them that may write. */
  writers: number
  /** Its last name is gone; its bytes go with the last handle. */
  unlinked: boolean
  /** To an overwrite that is under way: at least this much stays charged, whatever is cut off the file. */
  lent?: Lent
  /** Its last name is another file's by now, or nobody's: those who have it open go on reading it, and what they would write were nowhere. */
  nameless?: 'replaced' | 'removed'
  /** It was replaced, and there was no room to keep its bytes for those who read it: their handles end. */
  replaced?: boolean
  /** What each of its handles does then. */
  readonly ends: Set<() => void>
  /** Who wants to know whether its first bytes stay as they are. */
  readonly proofs: Set<Proof>
}

/** Of the first `size` bytes of a file. */
export interface Proof {
  readonly size: number
  holds: boolean
}

interface Lent {
  readonly bytes: number
  /** The size of the file. */
  readonly there: () => number
}

/** What a handle is told whose file another has replaced. ESTALE. */
export function replacedMeanwhile(path: string): OpError {
  return new OpError('ESTALE', 'Replaced meanwhile, open it again', { path })
}

/** The same of one that another session has removed. */
export function removedMeanwhile(path: string): OpError {
  return new OpError('ESTALE', 'Removed meanwhile, put it again', { path })
}

/** The inodes of one account that are open now, over all its sessions. */
export class Inodes {
  readonly #open = new Map<string, Inode>()

  /** One handle more; give it back with `leave`. */
  enter(stat: Stat): Inode {
    const key = keyOf(stat)
    const inode = this.#open.get(key) ?? inodeOf(stat.size)
    inode.handles += 1
    this.#open.set(key, inode)
    return inode
  }

  find(stat: Stat): Inode | undefined {
    return this.#open.get(keyOf(stat))
  }

  get none(): boolean {
    return this.#open.size === 0
  }

  /** Bytes that are charged and that no scan of the home finds: of removed files, and lent ones that were cut off. */
  get unseenBytes(): number {
    let sum = 0
    for (const { unlinked, size, lent } of this.#open.values()) {
      if (unlinked) sum += size
      else if (lent !== undefined) sum += Math.max(0, size - lent.there())
    }
    return sum
  }

  /** One handle fewer. Whether it was the last one. */
  leave(stat: Pick<Stat, 'dev' | 'ino'>, inode: Inode): boolean {
    inode.handles -= 1
    if (inode.handles > 0) return false
    const key = keyOf(stat)
    if (this.#open.get(key) === inode) this.#open.delete(key)
    return true
  }

  /** It has lost its last name: nothing is written into it any more. */
  lose(stat: Stat, how: NonNullable<Inode['nameless']>): void {
    const inode = this.find(stat)
    if (inode !== undefined) inode.nameless = how
  }

  /** Its last name is gone and its bytes are no longer charged: its handles end, so that nothing holds them on the disk. */
  end(stat: Pick<Stat, 'dev' | 'ino'>, inode: Inode): void {
    inode.replaced = true
    inode.size = 0
    // The disk may give its number to another file.
    this.#open.delete(keyOf(stat))
    for (const end of inode.ends) end()
  }
}

/** One that nobody has open. */
export function inodeOf(size: number): Inode {
  return { size, handles: 0, writers: 0, unlinked: false, ends: new Set(), proofs: new Set() }
}

/**
 * Makes a change when all that was begun before has ended: now, if nothing is on its way. All that makes a file longer
 * or shorter, and closes it, goes through its inode's lane: so its charge is its size whenever the lane is free.
 */
export function inLane<T>(lane: Lane, change: () => Awaitable<T>): Awaitable<T> {
  const done = lane.last === undefined ? change() : lane.last.then(change)
  if (!isPromise(done)) return done
  const ended = (): void => {
    if (lane.last === last) delete lane.last
  }
  const last: Promise<void> = done.then(ended, ended)
  lane.last = last
  return done
}

/** What lies from `from` on is no longer what it was. */
export function changed({ proofs }: Inode, from: number): void {
  for (const proof of proofs) if (from < proof.size) proof.holds = false
}

/** In the lane: the file has this size, what it is charged beyond is free again. */
export function giveDown(inode: Inode, size: number, book: Book): void {
  const charged = Math.max(size, inode.lent?.bytes ?? 0)
  if (charged >= inode.size) return
  book.give(inode.size - charged)
  inode.size = charged
}

function keyOf({ dev, ino }: Pick<Stat, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`
}
