/** Writes fields, one after another; grows as it must. */
export class Builder {
  #bytes: Buffer
  #at = 0

  constructor(room = 64) {
    this.#bytes = Buffer.allocUnsafe(room)
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#at
  }

  uint8(value: number): this {
    const at = this.#take(1)
    this.#bytes[at] = value
    return this
  }

  /** Taken modulo 2^32. */
  uint32(value: number): this {
    const at = this.#take(4)
    this.#bytes.writeUInt32BE(value >>> 0, at)
    return this
  }

  /** In the place of four bytes that were written. Taken modulo 2^32. */
  put32(at: number, value: number): this {
    this.#bytes.writeUInt32BE(value >>> 0, at)
    return this
  }

  uint64(value: number): this {
    const at = this.#take(8)
    this.#bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at)
    this.#bytes.writeUInt32BE(value % 0x1_0000_0000, at + 4)
    return this
  }

  bytes(value: Uint8Array): this {
    this.uint32(value.length)
    const at = this.#take(value.length)
    this.#bytes.set(value, at)
    return this
  }

  /** A byte string, as it is. */
  text(value: string): this {
    this.uint32(value.length)
    const at = this.#take(value.length)
    this.#bytes.write(value, at, 'latin1')
    return this
  }

  /** Bytes without a length of their own. */
  raw(value: Uint8Array): this {
    const at = this.#take(value.length)
    this.#bytes.set(value, at)
    return this
  }

  /** What was written. The builder is not used again. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  /** The same as a packet that `packetOf` began: its length is filled in. */
  packet(): Uint8Array {
    this.#bytes.writeUInt32BE(this.#at - 4, 0)
    return this.done()
  }

  #take(count: number): number {
    const at = this.#at
    const end = at + count
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2))
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
    }
    this.#at = end
    return at
  }
}

/** Begins a packet: room for its length, and its type. */
export function packetOf(type: number, room = 64): Builder {
  return new Builder(room + 5).uint32(0).uint8(type)
}
