/** Where every random choice of a run comes from: `FUZZ_SEED`, else one that the run says. */
export const SEED = Number(process.env.FUZZ_SEED ?? 20_261_125)
/** How many times the usual number of inputs are tried. */
export const TIMES = Number(process.env.FUZZ_TIMES ?? 1)

export interface Chance {
  /** A whole number from 0 to below `below`. */
  below(below: number): number
  pick<T>(from: readonly T[]): T
  bytes(count: number): Buffer
  /** A copy with one to eight changes: bits, bytes, lengths, pieces cut out, doubled or put in. */
  mutant(original: Uint8Array): Buffer
}

/** Numbers that lengths and offsets are never good at. */
export const ABSURD = [
  0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
] as const

/** Mulberry32: the same choices for the same seed on every machine. */
export function chance(seed = SEED): Chance {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!
  const bytes = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => below(256)))

  const change = (body: Buffer): Buffer => {
    const at = below(body.length + 1)
    const end = Math.min(body.length, at + 1 + below(8))
    switch (below(6)) {
      case 0:
        if (at < body.length) body[at] = body[at]! ^ (1 << below(8))
        return body
      case 1:
        if (at < body.length) body[at] = pick([0, 1, 0x2f, 0x7f, 0x80, 0xff])
        return body
      case 2:
        if (body.length >= 4) body.writeUInt32BE(pick(ABSURD), below(body.length - 3))
        return body
      case 3:
        return Buffer.concat([body.subarray(0, at), body.subarray(end)])
      case 4:
        return Buffer.concat([body.subarray(0, end), body.subarray(at)])
      default:
        return Buffer.concat([body.subarray(0, at), bytes(1 + below(8)), body.subarray(at)])
    }
  }
  return {
    below,
    pick,
    bytes,
    mutant(original) {
      let body: Buffer = Buffer.from(original)
      for (let i = 1 + below(8); i > 0; i--) body = change(body)
      return body
    },
  }
}
