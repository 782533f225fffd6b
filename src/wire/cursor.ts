import { OpError } from '../base/error.ts'

/**
 * Reads the fields of a packet, one after another. A field that is not wholly there, or cannot be, is remembered
 * and read as zero or empty; `check` says so once, at the end, so that no reader needs a test for each field.
 */
export class Cursor {
  readonly #bytes: Buffer
  #at: number
  #wrong: string | undefined

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = asBuffer(bytes)
    this.#at = at
  }

  get at(): number {
    return this.#at
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  uint8(): number {
    if (!this.#has(1)) return 0
    return this.#bytes[this.#at++]!
  }

  uint32(): number {
    if (!this.#has(4)) return 0
    const bytes = this.#bytes
    const at = this.#at
    this.#at = at + 4
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  }

  /** Offsets and sizes; over 2^53-1 they are wrong. */
  uint64(): number {
    const high = this.uint32()
    const low = this.uint32()
    if (high <= 0x1fffff) return high * 0x1_0000_0000 + low
    this.fail('A number is over 2^53-1')
    return 0
  }

  /** A view of the packet, not a copy. */
  bytes(): Uint8Array {
    const length = this.uint32()
    if (!this.#has(length)) return this.#bytes.subarray(0, 0)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** A string as a byte string: one character a byte. */
  text(): string {
    const length = this.uint32()
    if (!this.#has(length)) return ''
    this.#at += length
    return this.#bytes.toString('latin1', this.#at - length, this.#at)
  }

  /** The first thing that is wrong is what `check` tells. */
  fail(what: string): void {
    this.#wrong ??= what
  }

  /** @throws {OpError} EPROTO when a field was cut short or cannot be. */
  check(): void {
    if (this.#wrong !== undefined) throw new OpError('EPROTO', this.#wrong)
  }

  #has(count: number): boolean {
    if (count <= this.#bytes.length - this.#at) return true
    this.fail('The packet is too short for its fields')
    this.#at = this.#bytes.length
    return false
  }
}

/** The same memory, with Buffer's methods. */
function asBuffer(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
