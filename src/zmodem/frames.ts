import { crc32 } from 'node:zlib'

/** The frames of ZMODEM (Forsberg, "The ZMODEM Inter Application File Transfer Protocol", 1988, §11). */
export const Frame = {
  rqinit: 0,
  rinit: 1,
  sinit: 2,
  ack: 3,
  file: 4,
  skip: 5,
  nak: 6,
  abort: 7,
  fin: 8,
  rpos: 9,
  data: 10,
  eof: 11,
  ferr: 12,
  crc: 13,
  challenge: 14,
  compl: 15,
  can: 16,
  freecnt: 17,
  command: 18,
  stderr: 19,
} as const

/** How a subpacket of data ends: what follows, and whether an answer is wanted. */
export const End = { header: 0x68, go: 0x69, ackGo: 0x6a, ackStop: 0x6b } as const

export const PAD = 0x2a
export const ZDLE = 0x18
export const HEX = 0x42
export const BINARY = 0x41
export const BINARY32 = 0x43
export const RUB0 = 0x6c
export const RUB1 = 0x6d
/** Ends a session at once, wherever it is: more than five of them; the backspaces wipe them off a screen. */
export const CANCEL = Buffer.from('\x18'.repeat(8) + '\b'.repeat(8), 'latin1')

/** Receiver's flags in ZRINIT: full duplex, can overlap I/O, knows CRC-32. */
export const CAN_DUPLEX = 0x01
export const CAN_OVERLAP = 0x02
export const CAN_CRC32 = 0x20
/** Receiver wants all control characters escaped. */
export const ESCAPE_CONTROLS = 0x40

export interface Header {
  readonly type: number
  /** The four bytes as a position (low byte first). */
  readonly position: number
  /** ZF0, the last of the four. */
  readonly flags: number
}

const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc & 0xffff
})

/** CCITT, as XMODEM has it; 0 over bytes and their check. */
export function crc16(bytes: Uint8Array, start = 0): number {
  let crc = start
  for (const byte of bytes) crc = ((crc << 8) ^ CRC16[(crc >> 8) ^ byte]!) & 0xffff
  return crc
}

/** A header in hex: it survives whatever a terminal does to control characters. */
export function hexHeader(type: number, position = 0): Buffer {
  const body = Buffer.alloc(7)
  body[0] = type
  body.writeUInt32LE(position, 1)
  body.writeUInt16BE(crc16(body.subarray(0, 5)), 5)
  const xon = type === Frame.fin || type === Frame.ack ? '' : '\x11'
  return Buffer.from(`**\x18B${body.toString('hex')}\r\n${xon}`, 'latin1')
}

/** ZRINIT: no limit to what may be sent at once. */
export function receiverReady(): Buffer {
  return hexHeader(Frame.rinit, ((CAN_DUPLEX | CAN_OVERLAP | CAN_CRC32) << 24) >>> 0)
}

/** What is escaped, by byte: 1 always, 2 after '@' (a CR would end the line of some networks), 3 when all controls are. */
const ESCAPES = new Uint8Array(256)
for (const byte of [0x10, 0x11, 0x13, ZDLE, 0x1d, 0x7f, 0xff]) {
  ESCAPES[byte] = 1
  if (byte < 0x20) ESCAPES[byte | 0x80] = 1
}
ESCAPES[0x0d] = ESCAPES[0x8d] = 2
for (let byte = 0; byte < 0x20; byte++) {
  ESCAPES[byte] ||= 3
  ESCAPES[byte | 0x80] ||= 3
}

/** Writes frames whose bytes are escaped. */
export class FrameWriter {
  readonly #controls: boolean
  readonly #wide: boolean
  #out: Buffer
  #size = 0
  #last = 0

  /** `controls`: escape all of them; `wide`: CRC-32. */
  constructor(controls: boolean, wide: boolean) {
    this.#controls = controls
    this.#wide = wide
    this.#out = Buffer.allocUnsafe(64 * 1024)
  }

  header(type: number, position: number): void {
    const body = Buffer.alloc(5)
    body[0] = type
    body.writeUInt32LE(position, 1)
    this.#room(64)
    this.#out[this.#size++] = PAD
    this.#out[this.#size++] = ZDLE
    this.#out[this.#size++] = this.#wide ? BINARY32 : BINARY
    this.#escaped(body)
    this.#check(body)
  }

  /** A subpacket: `data` and how it ends. */
  data(data: Uint8Array, end: number): void {
    this.#room(data.length * 2 + 16)
    this.#escaped(data)
    this.#out[this.#size++] = ZDLE
    this.#out[this.#size++] = end
    this.#last = end
    this.#check(data, end)
    if (end === End.ackStop) this.#out[this.#size++] = 0x11
  }

  /** What was written since the last call. */
  take(): Buffer {
    const taken = Buffer.from(this.#out.subarray(0, this.#size))
    this.#size = 0
    return taken
  }

  #check(data: Uint8Array, end?: number): void {
    const tail = end === undefined ? new Uint8Array(0) : Uint8Array.of(end)
    const check = Buffer.alloc(this.#wide ? 4 : 2)
    if (this.#wide) check.writeUInt32LE(crc32(tail, crc32(data)))
    else check.writeUInt16BE(crc16(tail, crc16(data)))
    this.#escaped(check)
  }

  #escaped(data: Uint8Array): void {
    const out = this.#out
    let at = this.#size
    let last = this.#last
    for (let index = 0; index < data.length; index++) {
      const byte = data[index]!
      const how = ESCAPES[byte]!
      if (
        how === 0 ||
        (how === 2 && (last & 0x7f) !== 0x40 && !this.#controls) ||
        (how === 3 && !this.#controls)
      )
        out[at++] = byte
      else {
        out[at++] = ZDLE
        out[at++] = byte === 0x7f ? RUB0 : byte === 0xff ? RUB1 : byte ^ 0x40
      }
      last = byte
    }
    this.#size = at
    this.#last = last
  }

  #room(bytes: number): void {
    if (this.#size + bytes <= this.#out.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#out.length * 2, this.#size + bytes))
    this.#out.copy(larger, 0, 0, this.#size)
    this.#out = larger
  }
}
