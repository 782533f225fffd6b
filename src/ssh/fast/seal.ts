import type { Padding } from './padding.ts'

/** ssh2's ciphers over its native addon: they seal a packet where it lies (lib/protocol/crypto.js). */
export interface Cipher {
  /** Number of the next packet; 32 bits, kept by the cipher. */
  outSeqno: number
  /** What the sealed packet is given to. */
  _onWrite: (packet: Uint8Array) => void
  /** Bytes in front that are not encrypted, where it says so; else the length's four. */
  readonly _aadLen?: number
  allocPacket(payload: number): Buffer
  encrypt(packet: Uint8Array): void
}

/** Every cipher's blocks are 8 or 16 bytes long: what fills 16 fills both. */
const BLOCK = 16
const LEAST_PADDING = 4
/** Bytes before a payload: packet_length, padding_length. */
export const PACKET_HEAD = 5
/** Bytes behind a payload that are always enough: padding, and the longest tag (hmac-sha2-512). */
export const MOST_BEHIND = BLOCK + LEAST_PADDING + 64

/** How packets are sealed under the keys now in use. */
export interface Seal {
  /** Bytes of the whole packet around so many of payload. */
  sizeOf(payload: number): number
  /** Its measures are those of the other: what was laid out for one can be sealed by the other. */
  fits(other: Seal): boolean
  readonly tag: number
  readonly open: number
  /** Completes and encrypts the packet at `start`, whose payload is already in its place; the end of it. */
  seal(bytes: Buffer, start: number, payload: number): number
}

export function sealOver(cipher: Cipher, padding: Padding): Seal {
  const sample = cipher.allocPacket(0)
  const tag = sample.length - 4 - sample.readUInt32BE(0)
  const open = cipher._aadLen ?? 4

  const paddingOf = (payload: number): number => {
    const fill = BLOCK - ((PACKET_HEAD - open + payload) & (BLOCK - 1))
    return fill < LEAST_PADDING ? fill + BLOCK : fill
  }
  return {
    tag,
    open,
    fits: (other) => other.tag === tag && other.open === open,
    sizeOf: (payload) => PACKET_HEAD + payload + paddingOf(payload) + tag,
    seal(bytes, start, payload) {
      const pad = paddingOf(payload)
      const end = start + PACKET_HEAD + payload + pad
      bytes.writeUInt32BE(1 + payload + pad, start)
      bytes[start + 4] = pad
      padding.fill(bytes, end - pad, end)
      // The cipher counts its packets and keeps its state; only the write is ours.
      const write = cipher._onWrite
      const number = cipher.outSeqno
      cipher._onWrite = nowhere
      try {
        cipher.encrypt(bytes.subarray(start, end + tag))
      } finally {
        cipher._onWrite = write
      }
      // ssh2's ciphers do nothing, and say nothing, once the connection has ended.
      if (cipher.outSeqno === number) throw new Error('The packet was not sealed')
      return end + tag
    },
  }
}

function nowhere(): void {}
