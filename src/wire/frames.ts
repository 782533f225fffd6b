import { OpError } from '../base/error.ts'
import { MAX_PACKET, Type } from './constants.ts'

/**
 * One packet without its length field. `bytes` is all of it in one piece, except for a WRITE or DATA whose data lie in
 * several chunks: then `bytes` holds at least `HEAD` bytes and `rest` what follows, as views of the chunks.
 */
export interface Packet {
  readonly bytes: Uint8Array
  readonly rest: readonly Uint8Array[]
  readonly length: number
  /** It lies at least partly in a chunk that is only lent. */
  readonly lent: boolean
}

/** Most pieces a packet's data may lie in; a peer that sends smaller ones has them put together, for the kernel takes 1,024 a call. */
const MOST_VIEWS = 64

/** A WRITE's fields in front of its data, with the longest handle a peer may have made. */
const HEAD = 1 + 4 + 4 + 256 + 8 + 4

const NONE: readonly Uint8Array[] = []

/** More than so many bytes are copied into pieces of a size, which are used again; so many of them are kept for that. */
const WORTH_KEEPING = 32 * 1024
const PIECE = 256 * 1024
const MOST_FREE = 4

/**
 * Cuts a byte stream into SFTP packets: uint32 length, then that many bytes (draft-02 §3).
 *
 * Chunks are lent: what is not taken by `next` before they are used again must be saved by `keep`. A packet
 * that lies whole in one chunk is a view of it, and good for as long as the chunk is.
 */
export class Frames {
  /** Chunks not wholly taken; the first `#kept` of them are ours. */
  #chunks: Uint8Array[] = []
  #kept = 0
  /** First byte of the first chunk not taken. */
  #at = 0
  #held = 0
  /** The last kept chunk's memory, which may have room behind it. */
  #memory: Uint8Array = EMPTY
  #used = 0
  /** Memory whose bytes were all taken, and may be in use until they are `served`; and what is free since. */
  #passed: Uint8Array[] = []
  #free: Uint8Array[] = []
  #peeked: Packet | undefined

  /** Bytes given and not taken. */
  get held(): number {
    return this.#held
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#held += chunk.length
  }

  /**
   * The next whole packet, taken; undefined until more bytes come.
   *
   * @throws {OpError} EPROTO when a length is too short for a packet or over MAX_PACKET. The stream is lost then.
   */
  next(): Packet | undefined {
    const packet = this.peek()
    if (packet !== undefined) this.#skip(4 + packet.length)
    this.#peeked = undefined
    return packet
  }

  /** The same packet that `next` will take. */
  peek(): Packet | undefined {
    if (this.#peeked !== undefined || this.#held < 4) return this.#peeked
    const length =
      ((this.#byte(0) << 24) | (this.#byte(1) << 16) | (this.#byte(2) << 8) | this.#byte(3)) >>> 0
    if (length < 5 || length > MAX_PACKET)
      throw new OpError('EPROTO', `A packet of ${length} bytes cannot be`)
    if (this.#held < 4 + length) return undefined
    this.#peeked = this.#whole(length)
    return this.#peeked
  }

  /**
   * Copies what was not taken out of the lent chunks: they may be used again afterwards. `served`: packets that
   * were taken are used no more, so that memory that was kept for them is used again.
   */
  keep(served = false): void {
    this.#peeked = undefined
    if (served) this.served()
    const lent = this.#chunks.splice(this.#kept)
    if (this.#kept === 0 && lent.length > 0) {
      lent[0] = lent[0]!.subarray(this.#at)
      this.#at = 0
    }
    let left = 0
    for (const chunk of lent) left += chunk.length
    for (const chunk of lent) {
      for (let from = 0; from < chunk.length; ) {
        if (this.#used === this.#memory.length) this.#begin(left)
        const part = chunk.subarray(from, from + this.#memory.length - this.#used)
        this.#add(part)
        from += part.length
        left -= part.length
      }
    }
    this.#kept = this.#chunks.length
  }

  /**
   * Packets that were taken are used no more: the memory that was kept for them is used again. What is allocated anew for
   * each read, while a disk is slow, waits for the collector.
   */
  served(): void {
    if (this.#passed.length > 0) {
      for (const memory of this.#passed)
        if (memory.length >= WORTH_KEEPING && this.#free.length < MOST_FREE) this.#free.push(memory)
      this.#passed = []
    }
    // Who waits holds nothing.
    if (this.#held === 0 && this.#free.length > 0) this.#free = []
  }

  /** Copies `part` behind what is kept: the memory has room for it. */
  #add(part: Uint8Array): void {
    const last = this.#chunks.at(-1)
    const begin = last?.buffer === this.#memory.buffer ? last.byteOffset : this.#used
    this.#memory.set(part, this.#used)
    this.#used += part.length
    const chunk = this.#memory.subarray(begin, this.#used)
    if (begin === this.#used - part.length) this.#chunks.push(chunk)
    else this.#chunks[this.#chunks.length - 1] = chunk
  }

  /** Memory for `left` bytes, or the first of them; small pieces share one, so that a slow peer costs what it sent. */
  #begin(left: number): void {
    const isSmall = left < WORTH_KEEPING && this.#memory.length < PIECE
    const at = this.#free.findLastIndex((memory) => memory.length >= (isSmall ? left : PIECE))
    this.#memory =
      at >= 0
        ? this.#free.splice(at, 1)[0]!
        : Buffer.allocUnsafeSlow(isSmall ? Math.max(1024, 2 * left) : PIECE)
    this.#used = 0
  }

  #byte(index: number): number {
    let at = this.#at + index
    for (const chunk of this.#chunks) {
      if (at < chunk.length) return chunk[at]!
      at -= chunk.length
    }
    return 0
  }

  #skip(count: number): void {
    this.#held -= count
    let at = this.#at + count
    let taken = 0
    while (taken < this.#chunks.length && at >= this.#chunks[taken]!.length)
      at -= this.#chunks[taken++]!.length
    this.#at = at
    if (taken === 0) return
    for (let i = 0; i < Math.min(taken, this.#kept); i++) this.#pass(this.#chunks[i]!)
    if (taken === this.#chunks.length) this.#chunks = []
    else this.#chunks.splice(0, taken)
    this.#kept = Math.max(0, this.#kept - taken)
  }

  /** A kept chunk was taken, which is all that its memory holds. */
  #pass(chunk: Uint8Array): void {
    const memory = new Uint8Array(chunk.buffer)
    this.#passed.push(memory)
    if (this.#memory.buffer !== memory.buffer) return
    this.#memory = EMPTY
    this.#used = 0
  }

  /** The packet behind the length field, where it lies. */
  #whole(length: number): Packet {
    const views: Uint8Array[] = []
    let begin = this.#at + 4
    let left = length
    let passed = 0
    for (const chunk of this.#chunks) {
      passed++
      if (begin >= chunk.length) {
        begin -= chunk.length
        continue
      }
      const view = chunk.subarray(begin, begin + left)
      views.push(view)
      begin = 0
      left -= view.length
      if (left === 0) break
    }
    const lent = passed > this.#kept
    const first = views[0]!
    const carries = first[0] === Type.write || first[0] === Type.data
    const whole = carries && views.length <= MOST_VIEWS ? Math.min(length, HEAD) : length
    if (first.length < whole) return gather(views, whole, length, lent)
    return { bytes: first, rest: views.length === 1 ? NONE : views.slice(1), length, lent }
  }
}

const EMPTY = new Uint8Array(0)

/** Puts the first `whole` bytes of `views` into one piece. */
function gather(views: readonly Uint8Array[], whole: number, length: number, lent: boolean): Packet {
  const bytes = Buffer.allocUnsafe(whole)
  const rest: Uint8Array[] = []
  let at = 0
  for (const view of views) {
    const count = Math.min(view.length, whole - at)
    bytes.set(view.subarray(0, count), at)
    at += count
    if (count < view.length) rest.push(view.subarray(count))
  }
  return { bytes, rest, length, lent }
}
