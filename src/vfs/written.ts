import { Extents } from './extents.ts'

/** How far beyond the contiguous bytes a client may have been writing when it went away: clients send out of order within this. */
const REORDER_WINDOW = 16 * 1024 * 1024

/** Where the side file remembers an upload, should this process be killed. */
export interface Slot {
  /** It has a hole: what is below `prefix` was written, and below `floor` nothing is cut. Without `prefix`: it has none. */
  gap(prefix: number | undefined, floor: number): void
  /** It outlasts this process, unless it is freed. */
  keep(): void
  free(): void
}

/** Which bytes of an upload are there, to know what to keep when its writer goes away. Bytes. */
export class Written {
  readonly #extents: Extents
  readonly #slot: Slot
  #size: number
  #floor = 0
  /** The prefix of a hole, as the slot has it. */
  #noted: number | undefined

  constructor(size: number, slot: Slot) {
    this.#size = size
    this.#extents = new Extents(size)
    this.#slot = slot
  }

  get size(): number {
    return this.#size
  }

  get hasHole(): boolean {
    return this.#extents.hasHole
  }

  /**
   * What is left when the writer goes away: a hole within the reorder window is cut off, so that going on by size is
   * right; never below what was set by SETSTAT or confirmed by fsync.
   */
  get cut(): number {
    return this.hasHole ? cutOf(this.#size, this.#extents.prefix, this.#floor) : this.#size
  }

  /** About to be written: a hole is remembered before it is there. */
  before(from: number): void {
    if (from > this.#extents.prefix && this.#noted === undefined) this.#note(this.#extents.prefix)
  }

  add(from: number, to: number): void {
    this.#extents.add(from, to)
    this.#size = Math.max(this.#size, to)
    if (this.#noted !== undefined) this.settle()
  }

  /** The client said how long the file is. */
  resized(size: number): void {
    this.#size = size
    this.#floor = size
    this.#extents.set(size)
    if (this.#noted !== undefined) this.settle()
  }

  /** fsync was answered when the file was this long. */
  synced(size: number): void {
    this.#floor = Math.max(this.#floor, size)
    if (this.#noted !== undefined) this.#note(this.#noted)
  }

  /** A write of these bytes failed, and the file has `size` bytes now: a full disk has taken what it had room for. */
  failed(from: number, to: number, size: number): void {
    const end = Math.min(to, size)
    if (end > Math.max(from, this.#size)) this.add(from, end)
    this.settle()
  }

  /** What is remembered is what is there: also after a change that failed. */
  settle(): void {
    const prefix = this.hasHole ? this.#extents.prefix : undefined
    if (prefix !== this.#noted) this.#note(prefix)
  }

  #note(prefix: number | undefined): void {
    this.#noted = prefix
    this.#slot.gap(prefix, this.#floor)
  }
}

/** Where a file of `size` bytes is cut that was written up to `prefix` without a hole. */
export function cutOf(size: number, prefix: number, floor: number): number {
  return size - prefix <= REORDER_WINDOW ? Math.min(size, Math.max(floor, prefix)) : size
}
