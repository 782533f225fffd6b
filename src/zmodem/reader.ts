import { crc32 } from 'node:zlib'
import { OpError } from '../base/error.ts'
import { BINARY, BINARY32, crc16, End, HEX, type Header, PAD, RUB0, RUB1, ZDLE } from './frames.ts'

/** Longest subpacket that is taken; lrzsz sends 8 KiB. */
const MOST_DATA = 64 * 1024
/** This many ZDLEs in a row end the session (§7.3). */
const CANCELS = 5

export type Subpacket = { readonly data: Buffer; readonly end: number } | 'damaged'

/** Bytes from a terminal as headers and subpackets. Undefined where time ran out. ECANCELED when the other side gave up or went away. */
export class FrameReader {
  readonly #next: (ms: number) => Promise<Uint8Array | undefined>
  readonly #waiting: () => boolean
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0
  #cancels = 0
  #wide = false

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

  /** The subpacket after a header or another subpacket. */
  async subpacket(ms: number): Promise<Subpacket | undefined> {
    const data = Buffer.allocUnsafe(MOST_DATA)
    let size = 0
    for (;;) {
      if (this.#at >= this.#chunk.length && !(await this.#fill(ms))) return undefined
      // What needs no second look is taken in a run.
      const chunk = this.#chunk
      let at = this.#at
      while (at < chunk.length && size < MOST_DATA) {
        const byte = chunk[at]!
        if (byte === ZDLE) break
        at += 1
        if ((byte & 0x7d) === 0x11) continue
        data[size++] = byte
      }
      if (at > this.#at) this.#cancels = 0
      this.#at = at
      if (size >= MOST_DATA) return 'damaged'
      if (at >= chunk.length) continue
      const byte = await this.#escaped(ms)
      if (byte === undefined) return undefined
      if (byte < 0x100) data[size++] = byte
      else {
        const end = byte - 0x100
        const good = await this.#checked(ms, data.subarray(0, size), end)
        return good ? { data: data.subarray(0, size), end } : 'damaged'
      }
    }
  }

  /** Reads up to two bytes that end a session ("OO"), if they come. */
  async overAndOut(ms: number): Promise<void> {
    for (let index = 0; index < 2; index++) {
      if (!this.#buffered && !(await this.#fill(ms))) return
      if (this.#chunk[this.#at] !== 0x4f) return
      this.#at += 1
    }
  }

  async #checked(ms: number, data: Buffer, end: number): Promise<boolean> {
    const check = Buffer.alloc(this.#wide ? 4 : 2)
    for (let index = 0; index < check.length; index++) {
      const byte = await this.#plain(ms)
      if (byte === undefined) return false
      check[index] = byte
    }
    const tail = Uint8Array.of(end)
    return this.#wide
      ? crc32(tail, crc32(data)) === check.readUInt32LE()
      : crc16(tail, crc16(data)) === check.readUInt16BE()
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
      if (byte === ZDLE) continue
      if (byte >= End.header && byte <= End.ackStop) return 0x100 + byte
      if (byte === RUB0) return 0x7f
      if (byte === RUB1) return 0xff
      if ((byte & 0x60) === 0x40) return byte ^ 0x40
      if ((byte & 0x7d) !== 0x11) return 0x100
    }
  }

  async #raw(ms: number): Promise<number | undefined> {
    if (!this.#buffered && !(await this.#fill(ms))) return undefined
    const byte = this.#chunk[this.#at++]!
    this.#cancels = byte === ZDLE ? this.#cancels + 1 : 0
    if (this.#cancels >= CANCELS) {
      while (this.#buffered && (this.#chunk[this.#at] === ZDLE || this.#chunk[this.#at] === 8)) this.#at += 1
      throw new OpError('ECANCELED', 'The other side cancelled the transfer')
    }
    return byte
  }

  async #fill(ms: number): Promise<boolean> {
    const chunk = await this.#next(ms)
    if (chunk === undefined) return false
    this.#chunk = chunk
    this.#at = 0
    return chunk.length > 0 || this.#fill(ms)
  }
}
