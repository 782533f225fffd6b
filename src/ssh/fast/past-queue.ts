import fs from 'node:fs'
import type { Socket } from 'node:net'

/** How many of the bytes from `from` to before `to` the kernel took. The socket's queue is empty. */
export type Send = (bytes: Uint8Array, from: number, to: number) => number

/**
 * Gives bytes to the kernel past the queue of a socket, which is one call where Node's stream has a turn of bookkeeping for
 * each. What is not taken, for whatever reason, is the stream's to send, and to say what is wrong.
 */
export function pastQueue(socket: Socket): Send {
  const inside = socket as unknown as { readonly _handle?: { readonly fd?: unknown } | null }
  return (bytes, from, to) => {
    // Of a socket that was closed there is none, and its number may be another file's.
    const descriptor = inside._handle?.fd
    if (typeof descriptor !== 'number' || descriptor < 0) return 0
    try {
      return fs.writeSync(descriptor, bytes, from, to - from)
    } catch {
      return 0
    }
  }
}
