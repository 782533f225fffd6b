import { createServer, type Socket } from 'node:net'
import type { Clock } from './base/clock.ts'
import { type Address, listenAt } from './ssh/listen.ts'

/** Who serves connections: a process of ours. */
export interface Taker {
  /** Hands a connection over. False: it takes nobody any more; GONE and its kin: it ended before it had it. Rejects for this one alone. */
  take(socket: Socket): Promise<unknown>
}

export interface ReceptionParts {
  readonly listen: Address
  /** Connections that wait while nobody takes any. */
  readonly mostWaiting: () => number
  readonly clock: Clock
  readonly failed: (error: unknown) => void
}

/** So long a connection may be on its way: one that does not arrive (no descriptor is free there) is not kept for ever. In ms. */
const ON_THE_WAY_MS = 20_000

/** The port of several processes: what comes in there is handed to them in turn. */
export interface Reception {
  /** Where it listens: the port that was chosen, if it was to be any. */
  readonly address: Address
  join(taker: Taker): void
  /** It gets nobody new; what it has not taken yet goes to the others when it says so. */
  leave(taker: Taker): void
  /** Listens no more, and turns away who waits. */
  close(): void
}

/**
 * A connection stays here until the process it was handed to says that it has it. So one that is killed meanwhile loses
 * nobody, and the port is there while there is no process at all. Errors as of `listenAt`.
 */
export async function openReception({
  listen,
  mostWaiting,
  clock,
  failed,
}: ReceptionParts): Promise<Reception> {
  /** How many are on their way to each; who was given one last comes last. */
  const onTheWay = new Map<Taker, number>()
  const waiting = new Set<Socket>()
  let closed = false

  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    // Its errors are seen by who serves it.
    socket.on('error', () => {})
    give(socket)
  })
  const address = await listenAt(server, listen)
  server.on('error', failed)

  /** Whoever takes them one by one gets the next, not who is busy. */
  function next(): Taker | undefined {
    let best: Taker | undefined
    for (const [taker, count] of onTheWay) if (best === undefined || count < onTheWay.get(best)!) best = taker
    return best
  }

  function give(socket: Socket): void {
    const taker = next()
    if (taker !== undefined) return void hand(socket, taker)
    if (closed || waiting.size >= mostWaiting()) return void socket.destroy()
    waiting.add(socket)
  }

  async function inTime(answer: Promise<unknown>): Promise<unknown> {
    const over = new AbortController()
    const late = clock.sleep(ON_THE_WAY_MS, over.signal).then(
      () => LATE,
      () => LATE,
    )
    try {
      return await Promise.race([answer, late])
    } finally {
      over.abort()
    }
  }

  async function asked(taker: Taker, socket: Socket): Promise<unknown> {
    try {
      return await inTime(taker.take(socket))
    } catch (error) {
      failed(error)
      return FAILED
    }
  }

  async function hand(socket: Socket, taker: Taker): Promise<void> {
    const before = onTheWay.get(taker)!
    onTheWay.delete(taker)
    onTheWay.set(taker, before + 1)
    const taken = await asked(taker, socket)
    const count = onTheWay.get(taker)
    if (count !== undefined) onTheWay.set(taker, count - 1)
    // It is closed here alone: the other process has it, or may still get it.
    if (taken === true || taken === LATE || taken === FAILED) return void socket.destroy()
    onTheWay.delete(taker)
    give(socket)
  }

  return {
    address,
    join(taker) {
      onTheWay.set(taker, 0)
      for (const socket of waiting) {
        waiting.delete(socket)
        give(socket)
      }
    },
    leave: (taker) => void onTheWay.delete(taker),
    close() {
      closed = true
      onTheWay.clear()
      server.close()
      for (const socket of waiting) socket.destroy()
    },
  }
}

const LATE = Symbol('it did not arrive')
const FAILED = Symbol('it could not be taken')
