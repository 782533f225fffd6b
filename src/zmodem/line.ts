import type { FrameReader } from './reader.ts'

/** A terminal taken over for a transfer. */
export interface ZmodemLine {
  readonly reader: FrameReader
  write(bytes: Uint8Array): Promise<void>
}

/** How long an answer is waited for before it is asked for again, and how often; in ms. */
export const PATIENCE_MS = 10_000
export const TRIES = 6
/** Beyond this, positions of ZMODEM (32 bits) end: such a file is not to be offered nor taken. */
export const MOST_SIZE = 0xffff_ffff
