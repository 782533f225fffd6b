import type { Held } from '../held.ts'
import type { PacketWriter } from '../session.ts'
import { type Drain, Outlet } from './outlet.ts'
import { DATA_HEAD, PacketPlan, type Planned } from './packet-plan.ts'
import type { Send } from './past-queue.ts'
import { MOST_BEHIND, PACKET_HEAD, type Seal } from './seal.ts'
import type { Slab, Slabs } from './slabs.ts'

/** Bytes that may wait: for the peer's window, for a key exchange, for the kernel. */
const MOST_QUEUED = 1024 * 1024
/** Of those, what may wait for the window: more would only be read from the disk sooner. */
const MOST_BEYOND_WINDOW = 256 * 1024
/** Data of one packet, however long ones the peer takes. */
const MOST_DATA = 64 * 1024
/** Leftovers so short are moved out of their slab, so that a peer that does not read holds no slab for little. */
const SHORT = 64 * 1024

const CHANNEL_WINDOW_ADJUST = 93
const CHANNEL_DATA = 94
/** The message's number, recipient channel, bytes to add (RFC 4254 §5.2). */
const ADJUST = 1 + 4 + 4

/** What a writer sends on. */
export interface Line {
  /** How packets are sealed under the keys now in use. */
  seal(): Seal
  /** False while a key exchange runs, when nothing else may be sent (RFC 4253 §7.1), and after the end. */
  ready(): boolean
  /** ssh2's count of the peer's window, which its own packets use too. */
  readonly outgoing: Outgoing
  readonly socket: Drain
  /** Past its queue. */
  readonly send: Send
  /** So many bytes were sealed. */
  readonly sealed: (count: number) => void
  /** Bytes that may wait where that is less than what we would take. */
  readonly most: number
  /** What the connection's account holds. */
  readonly held: Pick<Held, 'isOver' | 'wait' | 'forget'>
}
export interface Outgoing {
  readonly id: number
  window: number
  readonly packetSize: number
  readonly state: string
}

/**
 * The output of one channel, built, sealed and sent in one piece of memory. What the peer's window or a key
 * exchange holds back stays in its place until `flush` is called again.
 */
export class SlabWriter implements PacketWriter {
  readonly #line: Line
  readonly #plan: PacketPlan
  readonly #outlet: Outlet
  readonly #roomy: () => void
  #seal: Seal
  #full = false
  #telling = false
  #adjust = 0
  #over = false
  /** The account may hold more. */
  readonly #freed = (): void => this.#tell()

  /** `roomy` is called when `room` is above 0 again after it was not. */
  constructor(line: Line, slabs: Slabs, roomy: () => void) {
    this.#line = line
    this.#roomy = roomy
    this.#seal = line.seal()
    const plan = new PacketPlan(slabs, this.#seal)
    this.#plan = plan
    this.#outlet = new Outlet(
      line.socket,
      line.send,
      (slab) => plan.leave(slab),
      () => this.#tell(),
    )
  }

  room(): number {
    const left = this.#left()
    if (left > 0 && !this.#waits()) return left
    this.#full = true
    return Math.min(left, 0)
  }

  put(bytes: Uint8Array): void {
    const places = this.reserve(bytes.length)
    let at = 0
    for (const place of places) {
      place.set(places.length === 1 ? bytes : bytes.subarray(at, at + place.length))
      at += place.length
    }
  }

  reserve(count: number): Uint8Array[] {
    // What a slow disk answers behind the end is held for nobody.
    if (this.#over) return [Buffer.allocUnsafe(count)]
    return this.#plan.reserve(count, Math.min(this.#line.outgoing.packetSize, MOST_DATA))
  }

  rewind(count: number): void {
    if (!this.#over) this.#plan.rewind(count)
  }

  /** Lets the peer send `count` bytes more; it leaves with the next flush. */
  adjust(count: number): void {
    this.#adjust += count
  }

  /** Nothing waits to be sealed. */
  get empty(): boolean {
    return this.#plan.size === 0
  }

  flush(): void {
    this.#plan.close()
    if ((this.#plan.size > 0 || this.#adjust > 0) && this.#line.ready()) this.#send()
    this.#tell()
  }

  /** The channel is no more: what was not sealed goes nowhere. */
  close(): void {
    this.#over = true
    this.#line.held.forget(this.#freed)
    this.#plan.clear()
  }

  #left(): number {
    const { size } = this.#plan
    const beyond = size - Math.max(0, this.#line.outgoing.window)
    const most = Math.min(MOST_QUEUED, this.#line.most)
    return Math.min(most - size - this.#line.socket.writableLength, MOST_BEYOND_WINDOW - beyond)
  }

  /** The account holds too much: it is told here when that is over. */
  #waits(): boolean {
    const { held } = this.#line
    if (this.#over || !held.isOver) return false
    held.wait(this.#freed)
    return true
  }

  /** Not from within `flush`, whose caller is at its work. */
  #tell(): void {
    if (!this.#full || this.#telling || this.#left() <= 0 || this.#waits()) return
    this.#telling = true
    queueMicrotask(() => {
      this.#telling = false
      if (this.#left() <= 0 || this.#waits()) return
      this.#full = false
      this.#roomy()
    })
  }

  #send(): void {
    const { outgoing } = this.#line
    const plan = this.#plan
    const seal = this.#line.seal()
    if (!seal.fits(this.#seal)) plan.moveOut(seal)
    this.#seal = seal
    if (outgoing.state !== 'open') plan.clear()

    for (let packet = plan.first; packet !== undefined && outgoing.window > 0; packet = plan.first) {
      if (packet.data > outgoing.window) plan.splitFirst(outgoing.window)
      outgoing.window -= packet.data
      plan.shift()
      this.#sealData(packet)
    }
    if (this.#adjust > 0 && (outgoing.state === 'open' || outgoing.state === 'eof')) this.#sealAdjust()
    this.#outlet.commit()
    if (plan.size === 0) plan.dropSlab()
    else if (plan.size < SHORT) plan.moveOut(seal)
  }

  #sealData({ bytes, slab, start, data }: Planned): void {
    let at = start + PACKET_HEAD
    bytes[at] = CHANNEL_DATA
    at = bytes.writeUInt32BE(this.#line.outgoing.id, at + 1)
    bytes.writeUInt32BE(data, at)
    this.#add(bytes, slab, start, this.#seal.seal(bytes, start, DATA_HEAD + data))
    this.#plan.leave(slab)
  }

  #sealAdjust(): void {
    const count = this.#adjust
    this.#adjust = 0
    const place = this.#plan.behind(this.#seal.sizeOf(ADJUST)) ?? {
      bytes: Buffer.allocUnsafe(PACKET_HEAD + ADJUST + MOST_BEHIND),
      slab: undefined,
      start: 0,
    }
    const { bytes, slab, start } = place
    let at = start + PACKET_HEAD
    bytes[at] = CHANNEL_WINDOW_ADJUST
    at = bytes.writeUInt32BE(this.#line.outgoing.id, at + 1)
    bytes.writeUInt32BE(count, at)
    this.#add(bytes, slab, start, this.#seal.seal(bytes, start, ADJUST))
  }

  #add(bytes: Buffer, slab: Slab | undefined, start: number, end: number): void {
    this.#line.sealed(end - start)
    this.#outlet.add(bytes, slab, start, end)
  }
}
