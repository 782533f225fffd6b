import type { Send } from './past-queue.ts'
import type { Slab } from './slabs.ts'

/** Of a socket. */
export interface Drain {
  readonly writableLength: number
  readonly writable: boolean
  write(bytes: Uint8Array, taken: (error?: Error | null) => void): boolean
  cork(): void
  uncork(): void
}

interface Piece {
  readonly bytes: Buffer
  readonly slab: Slab | undefined
  from: number
  to: number
}

/** Sealed packets on their way into the kernel: pieces that lie together leave as one, and a slab is kept until it was taken. */
export class Outlet {
  readonly #socket: Drain
  readonly #send: Send
  /** `slab` is no more used by what was written. */
  readonly #left: (slab: Slab | undefined) => void
  /** The last piece, which may become longer, and those before it. */
  #last: Piece | undefined
  #pieces: Piece[] = []
  /** For each write whose callback is to come: its slab, if any; 'taken' when that was seen before. */
  #untaken: (Slab | 'taken' | undefined)[] = []
  readonly #taken: () => void

  /** `moved` is called when the kernel took something later than at once. */
  constructor(socket: Drain, send: Send, left: (slab: Slab | undefined) => void, moved: () => void) {
    this.#socket = socket
    this.#send = send
    this.#left = left
    this.#taken = () => {
      const slab = this.#untaken[0]
      // As in PacketPlan.shift.
      if (this.#untaken.length === 1) this.#untaken = []
      else this.#untaken.shift()
      if (slab === 'taken') return
      this.#left(slab)
      moved()
    }
  }

  /** The sealed bytes from `from` to before `to`. */
  add(bytes: Buffer, slab: Slab | undefined, from: number, to: number): void {
    const last = this.#last
    if (last !== undefined && last.bytes === bytes && last.to === from) {
      last.to = to
      return
    }
    if (last !== undefined) this.#pieces.push(last)
    if (slab !== undefined) slab.users++
    this.#last = { bytes, slab, from, to }
  }

  /** Gives everything added to the kernel, as one write. */
  commit(): void {
    const last = this.#last
    if (last === undefined) return
    this.#last = undefined
    if (this.#pieces.length === 0) {
      if (!this.#passes(last)) this.#write([last])
      return
    }
    const pieces = [...this.#pieces, last]
    this.#pieces = []
    this.#write(pieces)
  }

  /** Whether the kernel took all of it at once; `piece` is what it did not take. */
  #passes(piece: Piece): boolean {
    const socket = this.#socket
    // What waits goes first.
    if (socket.writableLength > 0 || !socket.writable) return false
    piece.from += this.#send(piece.bytes, piece.from, piece.to)
    if (piece.from < piece.to) return false
    this.#left(piece.slab)
    return true
  }

  #write(pieces: readonly Piece[]): void {
    const socket = this.#socket
    if (pieces.length > 1) socket.cork()
    for (const { bytes, slab, from, to } of pieces) {
      this.#untaken.push(slab)
      if (socket.writable) socket.write(bytes.subarray(from, to), this.#taken)
      else this.#taken()
    }
    if (pieces.length > 1) socket.uncork()
    if (socket.writableLength > 0) return
    for (let i = 0; i < this.#untaken.length; i++) {
      const slab = this.#untaken[i]
      if (slab === 'taken') continue
      this.#untaken[i] = 'taken'
      this.#left(slab)
    }
  }
}
