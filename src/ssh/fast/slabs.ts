import type { Held } from '../held.ts'

/** Bytes of a slab: what a turn of one session may send, with the heads and tags of its packets. */
export const SLAB = 512 * 1024
/** Slabs kept for the next who needs one; while the kernel takes all at once, one is enough for everybody. */
const MOST_FREE = 4

/** Memory in which packets are built and sealed. */
export interface Slab {
  readonly bytes: Buffer
  /** Packets not sent and writes not taken that lie in it. */
  users: number
}

export interface Slabs {
  take(): Slab
  /** Nobody uses it any more. */
  give(slab: Slab): void
}

export function openSlabs(): Slabs {
  const free: Slab[] = []
  return {
    take: () => free.pop() ?? { bytes: Buffer.allocUnsafeSlow(SLAB), users: 0 },
    give(slab) {
      if (free.length < MOST_FREE) free.push(slab)
    },
  }
}

/** The same slabs, counted as held by one connection. */
export function heldSlabs(slabs: Slabs, held: Pick<Held, 'take' | 'give'>): Slabs {
  return {
    take() {
      held.take(SLAB)
      return slabs.take()
    },
    give(slab) {
      held.give(SLAB)
      slabs.give(slab)
    },
  }
}
