import type { Socket } from 'node:net'

/** Below this much the client reads what it is told, in bytes. */
const HEARD = 64 * 1024
/** What it may send while it does not, in bytes: requests as short as theirs have answers that cost ten times their length. */
const MOST_UNHEARD = 1024 * 1024
/** Requests of the connection itself in one turn of the loop; then others are served first. */
const MOST_A_TURN = 500

export interface Hearing {
  /** A request came that ssh2 answers by itself. */
  asked(): void
}

/**
 * Stops reading from a client that does not read what it is told, so that answers do not pile up: those to requests
 * of the connection, which no window bounds. `most` bytes may wait to be sent; it goes on when they are gone. And from
 * one that asks so much that nobody else would be served, until they were.
 */
export function stopReadingFromTheDeaf(socket: Socket, most: () => number): Hearing {
  let unheard = 0
  let waits = false
  let asked = 0
  const resume = (): void => {
    if (!waits && asked < MOST_A_TURN) socket.resume()
  }
  // Behind ssh2's own listener: what this read caused is queued.
  socket.on('data', (bytes: Buffer) => {
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
    asked = 0
    if (paused) resume()
  }
  return {
    asked() {
      asked += 1
      if (asked === 1) setImmediate(nextTurn)
      if (asked === MOST_A_TURN) socket.pause()
    },
  }
}
