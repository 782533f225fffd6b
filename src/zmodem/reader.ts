import { crc32 } from 'node:zlib'
import type { Awaitable } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { BINARY, BINARY32, crc16, End, HEX, type Header, PAD, RUB0, RUB1, ZDLE } from './frames.ts'

/** Longest subpacket that is taken; lrzsz sends 8 KiB. */
const MOST_DATA = 64 * 1024
/** This many ZDLEs in a row end the session (§7.3). */
const CANCELS = 5

/** What a byte behind ZDLE stands for: a byte, or 0x100 + the end of a subpacket. */
const UNKNOWN = 0x1ff
const STANDS_FOR = Uint16Array.from({ length: 256 }, (_, byte) => {
  if (byte >= End.header && byte <= End.ackStop) return 0x100 + byte
  if (byte === RUB0) return 0x7f
  if (byte === RUB1) return 0xff
  return (byte & 0x60) === 0x40 ? byte ^ 0x40 : UNKNOWN
})

export type Subpacket = { readonly data: Buffer; readonly end: number } | 'damaged'

/** Bytes from a terminal as headers and subpackets. Undefined where time ran out. ECANCELED when the other side gave up or went away. */
export class FrameReader {
  readonly #next: (ms: number) => Promise<Uint8Array | undefined>
  readonly #waiting: () => boolean
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0
  #cancels = 0
  #wide = false
  /** The subpacket under way: its data, the byte that ended them, their check. One for all: garbage would pile up faster than it is collected. */
  readonly #data = Buffer.allocUnsafe(MOST_DATA + 8)
  #size = 0
  /** What `#size` will be once all of it is there; 0 before its data ended. */
  #whole = 0
  #escape = false

  /** `next` gives the next bytes, undefined after `ms` without any, and rejects at the end; `waiting` tells whether it would answer at once. */
  constructor(next: (ms: number) => Promise<Uint8Array | undefined>, waiting: () => boolean = () => false) {
    this.#next = next
    this.#waiting = waiting
  }

  /** Whether something came that was not read yet. */
  get pending(): boolean {
    return this.#buffered || this.#waiting()
  }

  get #buffered(): boolean {
    return this.#at < this.#chunk.length
  }

  /** Bytes that were not read: what belongs to the shell again. */
  rest(): Uint8Array {
    return this.#chunk.subarray(this.#at)
  }

  /** The next header that is whole; what lies before it is passed over. `onNoise` sees each byte that is. */
  async header(ms: number, onNoise?: (byte: number) => void): Promise<Header | undefined> {
    for (;;) {
      this.#passOver(onNoise)
      let byte = await this.#raw(ms)
      if (byte === undefined) return undefined
      if (byte !== PAD) {
        onNoise?.(byte)
        continue
      }
      while (byte === PAD) byte = await this.#raw(ms)
      if (byte !== ZDLE) continue
      const format = await this.#raw(ms)
      const body =
        format === HEX
          ? await this.#hex(ms)
          : format === BINARY || format === BINARY32
            ? await this.#binary(ms, format === BINARY32)
            : undefined
      if (body === undefined) continue
      this.#wide = format === BINARY32
      return { type: body[0]!, position: body.readUInt32LE(1), flags: body[4]! }
    }
  }

  /** Up to where a header may begin, as far as its chunk is here: no promise a byte for the rest of a file that was refused. */
  #passOver(onNoise?: (byte: number) => void): void {
    while (this.#buffered && this.#chunk[this.#at] !== PAD) {
      const byte = this.#chunk[this.#at++]!
      if (byte === ZDLE) this.#cancelled()
      else this.#cancels = 0
      onNoise?.(byte)
    }
  }

  /** The subpacket after a header or another subpacket. Its data is lent until the next is asked for. */
  subpacket(ms: number): Awaitable<Subpacket | undefined> {
    this.#size = this.#whole = 0
    this.#escape = false
    return this.#decode() ?? this.#decodeMore(ms)
  }

  async #decodeMore(ms: number): Promise<Subpacket | undefined> {
    while (await this.#fill(ms)) {
      const subpacket = this.#decode()
      if (subpacket !== undefined) return subpacket
    }
    return undefined
  }

  /** Goes on with the subpacket under way, as far as its bytes are there; undefined: more must come. Most lie whole in a chunk: no promise for those. */
  #decode(): Subpacket | undefined {
    const chunk = this.#chunk
    const data = this.#data
    let at = this.#at
    let size = this.#size
    let escaped = this.#escape
    let subpacket: Subpacket | undefined
    while (at < chunk.length && subpacket === undefined) {
      const byte = chunk[at++]!
      if (byte === ZDLE) {
        escaped = true
        this.#at = at
        this.#cancelled()
        continue
      }
      if ((byte & 0x7d) === 0x11) continue
      const stands = escaped ? STANDS_FOR[byte]! : byte
      escaped = false
      this.#cancels = 0
      if (stands <= 0xff && (size < MOST_DATA || this.#whole > 0)) {
        data[size++] = stands
        if (size === this.#whole) subpacket = this.#checked()
      } else if (stands > 0xff && stands !== UNKNOWN && this.#whole === 0) {
        data[size++] = stands - 0x100
        this.#whole = size + (this.#wide ? 4 : 2)
      } else subpacket = 'damaged'
    }
    this.#at = at
    this.#size = size
    this.#escape = escaped
    return subpacket
  }

  /** Reads up to two bytes that end a session ("OO"), if they come. */
  async overAndOut(ms: number): Promise<void> {
    for (let index = 0; index < 2; index++) {
      if (!this.#buffered && !(await this.#fill(ms))) return
      if (this.#chunk[this.#at] !== 0x4f) return
      this.#at += 1
    }
  }

  /** The subpacket that is all there, if its check is right. */
  #checked(): Subpacket {
    const size = this.#whole - (this.#wide ? 4 : 2)
    const covered = this.#data.subarray(0, size)
    const good = this.#wide
      ? crc32(covered) === this.#data.readUInt32LE(size)
      : crc16(covered) === this.#data.readUInt16BE(size)
    return good ? { data: this.#data.subarray(0, size - 1), end: this.#data[size - 1]! } : 'damaged'
  }

  async #binary(ms: number, wide: boolean): Promise<Buffer | undefined> {
    const bytes = Buffer.alloc(wide ? 9 : 7)
    for (let index = 0; index < bytes.length; index++) {
      const byte = await this.#plain(ms)
      if (byte === undefined) return undefined
      bytes[index] = byte
    }
    const body = bytes.subarray(0, 5)
    return (wide ? crc32(body) === bytes.readUInt32LE(5) : crc16(bytes) === 0) ? body : undefined
  }

  async #hex(ms: number): Promise<Buffer | undefined> {
    let text = ''
    while (text.length < 14) {
      const byte = await this.#raw(ms)
      if (byte === undefined) return undefined
      text += String.fromCharCode(byte & 0x7f)
    }
    if (!/^[0-9a-f]{14}$/i.test(text)) return undefined
    const bytes = Buffer.from(text, 'hex')
    if (crc16(bytes) !== 0) return undefined
    // The line end and XON behind it are taken if they are there, and not waited for.
    for (const tail of [0x0d, 0x0a, 0x11])
      if (this.#buffered && (this.#chunk[this.#at]! & 0x7f) === tail) this.#at += 1
    return bytes.subarray(0, 5)
  }

  /** A byte of a header or a check, its escape undone; undefined for an end of data where none can be. */
  async #plain(ms: number): Promise<number | undefined> {
    for (;;) {
      if (!this.#buffered && !(await this.#fill(ms))) return undefined
      const byte = this.#chunk[this.#at]!
      if (byte === ZDLE) {
        const escaped = await this.#escaped(ms)
        return escaped !== undefined && escaped < 0x100 ? escaped : undefined
      }
      this.#at += 1
      this.#cancels = 0
      if ((byte & 0x7d) !== 0x11) return byte
    }
  }

  /** At a ZDLE: the byte it stands for, or 0x100 + the end of a subpacket. */
  async #escaped(ms: number): Promise<number | undefined> {
    for (;;) {
      const byte = await this.#raw(ms)
      if (byte === undefined) return undefined
      if (byte !== ZDLE && (byte & 0x7d) !== 0x11) return STANDS_FOR[byte]
    }
  }

  async #raw(ms: number): Promise<number | undefined> {
    if (!this.#buffered && !(await this.#fill(ms))) return undefined
    const byte = this.#chunk[this.#at++]!
    if (byte === ZDLE) this.#cancelled()
    else this.#cancels = 0
    return byte
  }

  /** A ZDLE was read: enough of them end the session. ECANCELED. */
  #cancelled(): void {
    this.#cancels += 1
    if (this.#cancels < CANCELS) return
    while (this.#buffered && (this.#chunk[this.#at] === ZDLE || this.#chunk[this.#at] === 8)) this.#at += 1
    throw new OpError('ECANCELED', 'The other side cancelled the transfer')
  }

  async #fill(ms: number): Promise<boolean> {
    const chunk = await this.#next(ms)
    if (chunk === undefined) return false
    this.#chunk = chunk
    this.#at = 0
    return chunk.length > 0 || this.#fill(ms)
  }
}
