import type { Socket } from 'node:net'
import type { StreamChannel } from './channel.ts'
import { type Held, UNCOUNTED } from './held.ts'
import type { PacketPort, PacketSink, PacketWriter } from './session.ts'

/** Output that may be queued where nobody says otherwise, in bytes. */
const MOST_QUEUED = 4 * 1024 * 1024
/** Input handed over and not yet dealt with at which the channel is paused; then the SSH window closes by itself. */
const MOST_OWED = 2 * 1024 * 1024
/** Of stderr; what does not fit is not told. */
const MOST_ERRORS = 64 * 1024

/** A port whose maker must know when everything put is on its way. */
export interface DrainedPort extends PacketPort {
  /** Resolves when nothing waits for the peer's window or a key exchange, or the channel has closed. */
  drained(): Promise<void>
}

/**
 * The short way over ssh2's own streams: any cipher, any version, no addon. `most` bytes may be queued: in the channel
 * for want of window, in the socket for want of a reader. What waits is `held`, input too.
 */
export function plainPort(
  channel: StreamChannel,
  socket: Socket,
  sink: PacketSink,
  most = MOST_QUEUED,
  held: Held = UNCOUNTED,
): DrainedPort {
  let isClosed = false
  let owed = 0
  channel.on('data', (chunk: Buffer) => {
    owed += chunk.length
    held.came(chunk.length)
    if (owed > MOST_OWED) channel.pause()
    sink.bytes(chunk)
    sink.settle()
  })
  channel.on('end', () => sink.end())

  let parts: Uint8Array[] = []
  let size = 0
  let full = false
  let counted = 0
  const countHeld = (): void => {
    // Of a short queue of the socket nobody is told when it is gone.
    const queued = socket.writableNeedDrain ? socket.writableLength : 0
    const waits = isClosed ? 0 : size + channel.writableLength + queued
    if (waits > counted) held.take(waits - counted)
    else if (waits < counted) held.give(counted - waits)
    counted = waits
  }
  const room = (): number => {
    countHeld()
    const left = most - size - channel.writableLength - socket.writableLength
    if (left > 0 && !held.isOver) return left
    full = true
    if (held.isOver) held.wait(tell)
    return Math.min(left, 0)
  }
  const tell = (): void => {
    countHeld()
    if (!full || isClosed || room() <= 0) return
    full = false
    sink.room()
  }
  channel.on('drain', tell)
  socket.on('drain', tell)
  channel.once('close', () => {
    socket.off('drain', tell)
    isClosed = true
    countHeld()
    held.forget(tell)
    held.dealt(owed)
  })

  const writer: PacketWriter = {
    room,
    put(bytes) {
      parts.push(Uint8Array.from(bytes))
      size += bytes.length
    },
    reserve(count) {
      const place = Buffer.allocUnsafe(count)
      parts.push(place)
      size += count
      return [place]
    },
    rewind(count) {
      size -= count
      for (let left = count; left > 0; ) {
        const last = parts.pop()!
        if (last.length > left) parts.push(last.subarray(0, last.length - left))
        left -= last.length
      }
    },
    flush() {
      if (size === 0) return
      const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts, size)
      parts = []
      size = 0
      // The streams tell of a 'drain' only where they held more than they like, which may be more than `most`.
      if (channel.writable) channel.write(bytes, (error) => error ?? tell())
      countHeld()
    },
  }

  return {
    writer,
    credit(count) {
      owed -= count
      if (!isClosed) held.dealt(count)
      if (owed <= MOST_OWED && channel.isPaused()) channel.resume()
    },
    writeError: (bytes) => tellError(channel, bytes),
    // The stream's own end waits for what was written to it.
    drained: () => Promise.resolve(),
  }
}

/** Channel stderr; dropped when its queue is full. */
export function tellError(channel: StreamChannel, bytes: Uint8Array): void {
  if (channel.writable && channel.stderr.writableLength + bytes.length <= MOST_ERRORS)
    channel.stderr.write(bytes)
}
