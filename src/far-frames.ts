import type { Socket } from 'node:net'
import type { Log } from './base/log.ts'

/** What goes over the socket between two processes of which one has the channel of a session and the other its account. */
export const FRAME = {
  /** JSON: the session, or what has become of it. First of all. */
  head: 1,
  data: 2,
  /** The sender's EOF. */
  end: 3,
  /** Channel stderr. */
  error: 4,
  /** JSON: a resize, a signal, the drain. */
  event: 5,
  /** The exit status, in JSON. */
  status: 6,
} as const

export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

/** A byte of kind and four of length. */
const HEAD = 5
/** Of what must be whole to be read; data passes on as it comes. */
const MOST_JSON = 1024 * 1024

/** Whether the socket takes more now. */
export function writeFrame(socket: Socket, kind: FrameKind, bytes: Uint8Array): boolean {
  const head = Buffer.allocUnsafe(HEAD)
  head[0] = kind
  head.writeUInt32BE(bytes.length, 1)
  socket.cork()
  socket.write(head)
  const more = bytes.length === 0 || socket.write(bytes)
  socket.uncork()
  return more
}

export function writeJson(socket: Socket, kind: FrameKind, value: unknown): void {
  writeFrame(socket, kind, Buffer.from(JSON.stringify(value)))
}

export interface FrameSink {
  /** A piece of `data` or `error`, whole or not; lent for the call. */
  bytes(kind: FrameKind, piece: Buffer): void
  /** Any other frame, whole. */
  whole(kind: FrameKind, value: unknown): void
}

/** Reads what comes. A frame that cannot be, or that cannot be served, ends the socket and is logged: it costs no process. */
export function readFrames(socket: Socket, log: Log, sink: FrameSink): void {
  const read = frameReader(sink)
  socket.on('data', (chunk: Buffer) => {
    try {
      read(chunk)
    } catch (error) {
      log.error('frame refused', error)
      socket.destroy()
    }
  })
}

/** Reads frames from whatever comes in; throws at what no process of ours sends. */
export function frameReader(sink: FrameSink): (chunk: Buffer) => void {
  let head = Buffer.alloc(0)
  let kind: FrameKind = FRAME.data
  let left = 0
  let parts: Buffer[] = []

  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (left === 0) {
        const piece = chunk.subarray(at, at + HEAD - head.length)
        at += piece.length
        head = Buffer.concat([head, piece])
        if (head.length < HEAD) return
        kind = kindOf(head[0]!)
        left = head.readUInt32BE(1)
        head = Buffer.alloc(0)
        if (isBytes(kind)) continue
        if (left > MOST_JSON) throw new Error(`A frame of ${left} bytes`)
        if (left === 0) sink.whole(kind, undefined)
        continue
      }
      const piece = chunk.subarray(at, at + left)
      at += piece.length
      left -= piece.length
      if (isBytes(kind)) {
        sink.bytes(kind, piece)
        continue
      }
      parts.push(Buffer.from(piece))
      if (left > 0) continue
      const text = Buffer.concat(parts).toString()
      parts = []
      sink.whole(kind, JSON.parse(text))
    }
  }
}

function isBytes(kind: FrameKind): boolean {
  return kind === FRAME.data || kind === FRAME.error
}

function kindOf(byte: number): FrameKind {
  const found = Object.values(FRAME).find((kind) => kind === byte)
  if (found === undefined) throw new Error(`A frame of kind ${byte}`)
  return found
}
