/** What one run of input takes at most: one write to the disk. In bytes. */
const BLOCK = 256 * 1024
/** What a few bytes take, such as keys that are typed. */
const SMALL = 16 * 1024
/** Blocks kept for the next bytes, whoever sends them. */
const MOST_FREE = 4

/** Bytes in order, in memory that is used again: what is given anew for each read is freed late, 64 MiB at a time. */
export interface LentBlocks {
  /** Takes a copy. */
  put(bytes: Uint8Array): void
  /** The next run; undefined when there is none. It is lent until it is given back. */
  take(): Uint8Array | undefined
  give(run: Uint8Array): void
}

/** `free`: blocks that nobody uses; one list for many, so that who has nothing to say holds nothing. */
export function lentBlocks(free: Uint8Array[] = []): LentBlocks {
  /** Those that are full, and the one that is being filled. */
  const waiting: { readonly bytes: Uint8Array; used: number }[] = []

  const blockFor = (count: number): Uint8Array =>
    count <= SMALL && waiting.length === 0 ? new Uint8Array(SMALL) : (free.pop() ?? new Uint8Array(BLOCK))

  return {
    put(bytes) {
      for (let at = 0; at < bytes.length; ) {
        let last = waiting.at(-1)
        if (last === undefined || last.used === last.bytes.length) {
          last = { bytes: blockFor(bytes.length - at), used: 0 }
          waiting.push(last)
        }
        const count = Math.min(bytes.length - at, last.bytes.length - last.used)
        last.bytes.set(bytes.subarray(at, at + count), last.used)
        last.used += count
        at += count
      }
    },
    take() {
      const first = waiting.shift()
      return first?.bytes.subarray(0, first.used)
    },
    give(run) {
      if (free.length < MOST_FREE && run.buffer.byteLength === BLOCK) free.push(new Uint8Array(run.buffer))
    },
  }
}
