import type { Socket } from 'node:net'
import type { ProtocolInside } from './peer.ts'

/** Below this much the client reads what it is told, in bytes. */
const HEARD = 64 * 1024
/** What it may send while it does not, in bytes: requests as short as theirs have answers that cost ten times their length. */
const MOST_UNHEARD = 1024 * 1024
/** Requests of the connection itself in one turn of the loop; then others are served first. Some 5 ms of work. */
const MOST_A_TURN = 100

export interface Hearing {
  /** A request came that ssh2 answers by itself. */
  asked(): void
}

/**
 * Stops reading from a client that does not read what it is told, so that answers do not pile up: those to requests
 * of the connection, which no window bounds. `most` bytes may wait to be sent; it goes on when they are gone. And from
 * one that asks so much that nobody else would be served, until they were: what it has sent beyond that waits, too. And
 * while it brings more than is dealt with, if `mayBring` says no, until that calls.
 */
export function stopReadingFromTheDeaf(
  socket: Socket,
  protocol: Pick<ProtocolInside, '_onPayload' | '_parse' | 'parse'>,
  most: () => number,
  mayBring: (go: () => void) => boolean = () => true,
): Hearing {
  let unheard = 0
  let waits = false
  let brings = true
  let asked = 0
  /** Read, and not parsed in the turn in which it came. */
  let held: Buffer | undefined
  const resume = (): void => {
    if (!waits && brings && asked < MOST_A_TURN) socket.resume()
  }
  const bringMore = (): void => {
    brings = true
    resume()
  }
  // Behind ssh2's own listener: what this read caused is queued.
  socket.on('data', (bytes: Buffer) => {
    if (brings && !mayBring(bringMore)) {
      brings = false
      socket.pause()
    }
    if (waits) return
    unheard = socket.writableLength <= HEARD ? 0 : unheard + bytes.length
    if (socket.writableLength <= most() && unheard <= MOST_UNHEARD) return
    waits = true
    unheard = 0
    socket.pause()
    socket.once('drain', () => {
      waits = false
      resume()
    })
  })
  const nextTurn = (): void => {
    const paused = asked >= MOST_A_TURN
    const late = held
    asked = 0
    held = undefined
    if (socket.destroyed) return
    if (late !== undefined) socket.emit('data', late)
    if (paused) resume()
  }
  const onPayload = protocol._onPayload
  // ssh2's deciphers go on to the end of what was read unless they are told something; `false` is: stop behind this packet.
  protocol._onPayload = (payload) => {
    const next = onPayload(payload)
    return next === undefined && asked >= MOST_A_TURN ? false : next
  }
  protocol.parse = (chunk, from, to) => {
    let at = from
    // What ssh2 says meanwhile leaves as one write: of a key exchange its last two messages, of a channel its end.
    socket.cork()
    try {
      while (at < to && asked < MOST_A_TURN) at = protocol._parse(chunk, at, to) ?? to
    } finally {
      socket.uncork()
    }
    if (at < to) held = Buffer.concat([...(held === undefined ? [] : [held]), chunk.subarray(at, to)])
  }
  return {
    asked() {
      asked += 1
      if (asked === 1) setImmediate(nextTurn)
      if (asked === MOST_A_TURN) socket.pause()
    },
  }
}
