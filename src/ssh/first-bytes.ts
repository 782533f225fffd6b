import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { type AlgorithmLists, algorithmLists } from './algorithm-lists.ts'

/** Longest identification line (RFC 4253 §4.2), with its end. */
const MOST_LINE = 255
const LINE = /^SSH-(2\.0|1\.99)-/
/** What every implementation takes as a packet (RFC 4253 §6.1), and the line. */
const MOST_BYTES = 36 * 1024
/** How long a client may keep its KEXINIT back after its line, in ms: some wait for the server's first. */
const PATIENCE = 250
/** JSch waits for nothing, but its KEXINIT is a second behind its line, or more: Java loads what it needs for it. */
const LATE_LINE = /^SSH-2\.0-JSCH[-_]/
const PATIENCE_WITH_LATE = 10_000

/**
 * Holds what a client sends until its identification line and its KEXINIT are whole, or have had their time: ssh2
 * takes a line that comes in three pieces for rubbish, and offers before it has seen what the client has. To be
 * called when ssh2 listens to `socket`. `seen` is called before ssh2 gets the first byte; `refused` for what is no
 * such line.
 */
export function holdFirstBytes(
  socket: Socket,
  clock: Clock,
  seen: (lists: AlgorithmLists | undefined) => void,
  refused: () => void,
): void {
  const listeners = socket.listeners('data') as ((chunk: Buffer) => void)[]
  socket.removeAllListeners('data')
  let patience: AbortController | undefined
  let held: Buffer = Buffer.alloc(0)

  const hold = (chunk: Buffer): void => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const end = held.indexOf(10)
    if (end < 0 && held.length < MOST_LINE) return
    const line = held.toString('latin1', 0, end)
    if (end < 0 || end >= MOST_LINE || !LINE.test(line)) {
      stop()
      refused()
      return
    }
    const lists = algorithmLists(held.subarray(end + 1))
    if (lists === 'incomplete' && held.length < MOST_BYTES) {
      if (patience !== undefined) return
      patience = new AbortController()
      clock.sleep(LATE_LINE.test(line) ? PATIENCE_WITH_LATE : PATIENCE, patience.signal).then(
        () => handOn(undefined),
        () => {}, // Handed on or closed meanwhile.
      )
      return
    }
    handOn(lists === 'incomplete' ? undefined : lists)
  }
  const stop = (): void => {
    patience?.abort()
    socket.off('data', hold)
  }
  const handOn = (lists: AlgorithmLists | undefined): void => {
    stop()
    if (socket.destroyed) return
    seen(lists)
    for (const listener of listeners) {
      socket.on('data', listener)
      listener(held)
    }
  }
  socket.on('data', hold)
  socket.once('close', () => patience?.abort())
}
