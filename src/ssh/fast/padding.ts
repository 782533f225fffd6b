import { randomFillSync } from 'node:crypto'

const POOL = 16 * 1024

/** Random bytes for the padding of packets (RFC 4253 §6): fetched many at a time, each used once. */
export interface Padding {
  /** Fills `bytes` from `start` to before `end`; at most 255 of them. */
  fill(bytes: Uint8Array, start: number, end: number): void
}

export function randomPadding(): Padding {
  const pool = Buffer.allocUnsafeSlow(POOL)
  let used = POOL
  return {
    fill(bytes, start, end) {
      if (used + end - start > POOL) {
        randomFillSync(pool)
        used = 0
      }
      for (let at = start; at < end; at++) bytes[at] = pool[used++]!
    },
  }
}
