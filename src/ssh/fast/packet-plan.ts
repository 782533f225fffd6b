import { MOST_BEHIND, PACKET_HEAD, type Seal } from './seal.ts'
import type { Slab, Slabs } from './slabs.ts'

/** The message's number, recipient channel and length of the string in front of the data (RFC 4254 §5.2). */
export const DATA_HEAD = 1 + 4 + 4
const BEFORE = PACKET_HEAD + DATA_HEAD

/** What is left of a slab is not worth a packet. */
const LEAST_DATA = 1024

/** A CHANNEL_DATA packet whose data lie in place, not sealed yet. */
export interface Planned {
  readonly bytes: Buffer
  /** Undefined: memory of its own. */
  readonly slab: Slab | undefined
  /** Where the packet begins. */
  readonly start: number
  /** Bytes of data. */
  data: number
}

/**
 * Where the next output of one channel will lie: packet behind packet in a slab, so that what is sealed can be sent
 * in one piece. Data are put between the head and the padding of packets that are sealed later.
 */
export class PacketPlan {
  readonly #slabs: Slabs
  #packets: Planned[] = []
  /** How many of them nothing more goes into, and nothing is taken back from. */
  #closed = 0
  #size = 0
  #seal: Seal
  /** The last packet, while more goes into it. */
  #open: Planned | undefined
  #slab: Slab | undefined
  /** Where the next packet begins in the slab. */
  #at = 0

  constructor(slabs: Slabs, seal: Seal) {
    this.#slabs = slabs
    this.#seal = seal
  }

  /** Data planned, in bytes. */
  get size(): number {
    return this.#size
  }

  get first(): Planned | undefined {
    return this.#packets[0]
  }

  /** Places for `count` bytes, in packets of at most `most` bytes of data. */
  reserve(count: number, most: number): Uint8Array[] {
    const places: Uint8Array[] = []
    for (let left = count; left > 0; ) {
      const packet = this.#roomy(most)
      const begin = packet.start + BEFORE + packet.data
      const fit = Math.min(left, most - packet.data, packet.bytes.length - MOST_BEHIND - begin)
      places.push(packet.bytes.subarray(begin, begin + fit))
      packet.data += fit
      left -= fit
    }
    this.#size += count
    return places
  }

  /** Forgets the last `count` bytes; only since `close`. */
  rewind(count: number): void {
    for (let left = count; left > 0; ) {
      const last = this.#packets.at(-1)
      if (last === undefined || this.#packets.length <= this.#closed)
        throw new Error('More was taken back than was put')
      const taken = Math.min(left, last.data)
      last.data -= taken
      left -= taken
      this.#size -= taken
      if (last.data === 0) this.#unmake(last)
    }
  }

  #unmake(last: Planned): void {
    this.#packets.pop()
    this.#open = this.#packets.length > this.#closed ? this.#packets.at(-1) : undefined
    this.#at = last.start
    if (this.#open !== undefined && this.#open.slab !== last.slab) this.#slab = this.#open.slab
    this.leave(last.slab)
  }

  /** The last packet is complete: what comes goes into others. */
  close(): void {
    this.#closed = this.#packets.length
    const last = this.#open
    if (last === undefined) return
    this.#at = last.start + this.#seal.sizeOf(DATA_HEAD + last.data)
    this.#open = undefined
  }

  /** Takes the first packet out, which was sealed; its slab is not left by that. */
  shift(): void {
    const packet = this.#packets[0]
    if (packet === undefined) return
    // Most often the only one: V8 takes the last out of an array by a call, which makes it smaller.
    if (this.#packets.length === 1) this.#packets = []
    else this.#packets.shift()
    this.#size -= packet.data
    this.#closed--
  }

  /** The first `count` bytes of the first packet's data go out alone; the rest moves into memory of its own. */
  splitFirst(count: number): void {
    const packet = this.#packets[0]!
    const begin = packet.start + BEFORE
    const rest = this.#own(packet.bytes.subarray(begin + count, begin + packet.data))
    packet.data = count
    this.#packets.splice(1, 0, rest)
    this.#closed++
  }

  /** A place for a whole packet of `size` bytes behind everything, if there is one; to be sealed at once. */
  behind(size: number): { readonly bytes: Buffer; readonly slab: Slab; readonly start: number } | undefined {
    const slab = this.#slab
    if (slab === undefined || this.#packets.length > 0 || this.#at + size > slab.bytes.length)
      return undefined
    const start = this.#at
    this.#at += size
    return { bytes: slab.bytes, slab, start }
  }

  /** Everything planned moves into memory of its own: it was laid out for keys that are no more, or holds a slab for little. */
  moveOut(seal: Seal): void {
    this.close()
    this.#seal = seal
    this.#packets = this.#packets.map((packet) => {
      if (packet.slab === undefined) return packet
      const begin = packet.start + BEFORE
      const moved = this.#own(packet.bytes.subarray(begin, begin + packet.data))
      this.leave(packet.slab)
      return moved
    })
    this.dropSlab()
  }

  /** Nothing more is put into the slab now in use. */
  dropSlab(): void {
    const slab = this.#slab
    this.#slab = undefined
    this.#at = 0
    if (slab !== undefined && slab.users === 0) this.#slabs.give(slab)
  }

  /** Everything planned is forgotten. */
  clear(): void {
    const packets = this.#packets
    this.#packets = []
    this.#closed = 0
    this.#open = undefined
    this.#size = 0
    for (const { slab } of packets) this.leave(slab)
    this.dropSlab()
  }

  /** Somebody who used `slab` does so no more. */
  leave(slab: Slab | undefined): void {
    if (slab === undefined) return
    slab.users--
    if (slab.users === 0 && slab !== this.#slab) this.#slabs.give(slab)
  }

  /** The packet that the next data go into. */
  #roomy(most: number): Planned {
    const last = this.#open
    if (last !== undefined) {
      if (last.data < most && last.start + BEFORE + last.data + MOST_BEHIND < last.bytes.length) return last
      this.#at = last.start + this.#seal.sizeOf(DATA_HEAD + last.data)
    }
    let slab = this.#slab
    if (slab === undefined || this.#at + BEFORE + LEAST_DATA + MOST_BEHIND > slab.bytes.length) {
      slab = this.#slab = this.#slabs.take()
      this.#at = 0
    }
    slab.users++
    const packet = { bytes: slab.bytes, slab, start: this.#at, data: 0 }
    this.#open = packet
    this.#packets.push(packet)
    return packet
  }

  #own(data: Uint8Array): Planned {
    const bytes = Buffer.allocUnsafe(BEFORE + data.length + MOST_BEHIND)
    bytes.set(data, BEFORE)
    return { bytes, slab: undefined, start: 0, data: data.length }
  }
}
