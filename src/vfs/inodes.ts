import type { Stat } from './vfs.ts'

/** An inode that is open or was charged in another way: one entry however many handles and names it has. */
export interface Inode {
  /** Bytes charged for it: its size. */
  size: number
  handles: number
  /** Those of them that may write. */
  writers: number
  /** Writes that a slow disk has not answered yet. */
  pending: number
  /** Its last name is gone; its bytes go with the last handle. */
  unlinked: boolean
  /** Lent to an overwrite that is under way: at least this much stays charged, whatever is cut off the file. */
  lent?: number
  /** It was replaced, and there was no room to keep its bytes for those who read it: their handles end. */
  replaced?: boolean
}

/** The inodes of one account that are open now, over all its sessions. */
export class Inodes {
  readonly #open = new Map<string, Inode>()

  /** One handle more; give it back with `close`. */
  enter(stat: Stat): Inode {
    const key = keyOf(stat)
    const inode = this.#open.get(key) ?? {
      size: stat.size,
      handles: 0,
      writers: 0,
      pending: 0,
      unlinked: false,
    }
    inode.handles += 1
    this.#open.set(key, inode)
    return inode
  }

  find(stat: Stat): Inode | undefined {
    return this.#open.get(keyOf(stat))
  }

  /** Bytes of those whose last name is gone. */
  get unlinkedBytes(): number {
    let sum = 0
    for (const { unlinked, size } of this.#open.values()) if (unlinked) sum += size
    return sum
  }

  /** One handle fewer. Whether it was the last one. */
  leave(stat: Pick<Stat, 'dev' | 'ino'>, inode: Inode): boolean {
    inode.handles -= 1
    if (inode.handles > 0) return false
    this.#open.delete(keyOf(stat))
    return true
  }
}

function keyOf({ dev, ino }: Pick<Stat, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`
}
