import { type Awaitable, isPromise } from '../base/awaitable.ts'
import type { PacketPort, PacketSink } from '../ssh/session.ts'
import { Frames, type Packet } from '../wire/frames.ts'

/** What one session is served before the others have their turn, in bytes. */
const TURN = 256 * 1024

/** Answers one packet, or a run that begins with it; gives what it cost the turn. Fails only on a fault of ours. */
export type Serve = (packet: Packet, frames: Frames) => Awaitable<number>

/**
 * Requests strictly in the order they came, and answered in it.
 *
 * It goes on by itself while answers are there at once, and stops at the first that has to be waited for, when
 * the client does not take its answers, and when the turn is used up. What has not been served stays undecoded,
 * and is not credited: so the client's window bounds what it can make us hold.
 */
export class Order implements PacketSink {
  /** Resolves to the exit status when the client is done or the stream is lost; rejects on a fault of ours. */
  readonly ended: Promise<number>
  readonly #frames = new Frames()
  readonly #serve: Serve
  readonly #port: PacketPort
  #end: (status: number) => void = () => {}
  #fault: (error: unknown) => void = () => {}
  /** A promise is waited for. */
  #busy = false
  #serving: Promise<void> = Promise.resolve()
  /** What this turn of the loop has cost so far. */
  #spent = 0
  #rests = false
  #over = false
  #eof = false
  /** Bytes of input dealt with and not credited yet. */
  #dealt = 0

  constructor(attach: (sink: PacketSink) => { readonly port: PacketPort; readonly serve: Serve }) {
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve
      this.#fault = reject
    })
    const { port, serve } = attach(this)
    this.#port = port
    this.#serve = serve
  }

  bytes(chunk: Uint8Array): void {
    if (!this.#over) this.#frames.push(chunk)
  }

  settle(): void {
    this.#begin()
    if (!this.#over) this.#frames.keep(!this.#busy)
  }

  end(): void {
    this.#eof = true
    this.#begin()
  }

  room(): void {
    this.#begin()
  }

  /** Serves no more. What is being served now is waited for; its answer goes nowhere. */
  async stop(): Promise<void> {
    this.#over = true
    await this.#serving
  }

  /** A turn of the loop begins, unless this session had more than its share of the last. */
  #begin(): void {
    if (this.#rests) return
    this.#spent = 0
    this.#run()
  }

  #run(): void {
    if (this.#busy || this.#over) return
    try {
      this.#turn()
    } catch (error) {
      this.#over = true
      this.#port.writer.flush()
      this.#fault(error)
      return
    }
    // Before the flush, which takes the word to the client along.
    if (this.#dealt > 0 && !this.#busy) {
      this.#port.credit(this.#dealt)
      this.#dealt = 0
    }
    this.#port.writer.flush()
  }

  #turn(): void {
    while (this.#port.writer.room() > 0) {
      if (this.#spent >= TURN) {
        this.#rest()
        return
      }
      // What was taken before is answered: nothing is waited for.
      this.#frames.served()
      const before = this.#frames.held
      const packet = this.#frames.next()
      if (packet === undefined) {
        if (this.#eof) this.#finish(0)
        return
      }
      const cost = this.#serve(packet, this.#frames)
      this.#dealt += before - this.#frames.held
      if (isPromise(cost)) {
        this.#wait(cost)
        return
      }
      this.#spent += cost
    }
  }

  #wait(cost: Promise<number>): void {
    this.#busy = true
    this.#serving = cost.then(
      (cost) => {
        this.#busy = false
        // Promises may be kept without the loop having turned: the turn goes on.
        this.#spent += cost
        this.#run()
      },
      (error) => {
        this.#over = true
        this.#fault(error)
      },
    )
  }

  #rest(): void {
    this.#rests = true
    setImmediate(() => {
      this.#rests = false
      this.#begin()
    })
  }

  #finish(status: number): void {
    this.#over = true
    this.#end(status)
  }
}
