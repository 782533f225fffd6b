import type { Socket } from 'node:net'
import type { Duplex, Writable } from 'node:stream'
import { OpError } from '../base/error.ts'
import type { DrainedPort } from './plain-port.ts'
import type { ByteChannel, PacketSink } from './session.ts'

/** A channel as ssh2 has it. */
export type StreamChannel = Duplex & { readonly stderr: Writable }

/** A channel, with what its session's end waits for. */
export interface ServedChannel extends ByteChannel {
  /** Everything put into the short way is on its way, or the channel has closed. */
  drained(): Promise<void>
}

/**
 * ssh2's channel as bytes. Three things it does that must be known: a write is never called back once the
 * connection is gone, 'close' may not come unless the input is read, and a window that the client opened wide
 * lets it pile up in the socket what the client does not take: above `most` bytes writers wait.
 */
export function byteChannel(
  channel: StreamChannel,
  socket: Socket,
  signal: AbortSignal,
  allSaid: () => boolean,
  most: number,
  makePort: (sink: PacketSink) => DrainedPort,
): ServedChannel {
  let port: DrainedPort | undefined
  const gone = (): OpError => new OpError('ECANCELED', 'The connection ended')

  /** Resolves at one of the events, or at the end of the session. */
  function next(
    ...events: readonly (readonly [{ on: StreamChannel['on']; off: StreamChannel['off'] }, string])[]
  ): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        for (const [emitter, name] of events) emitter.off(name, done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      for (const [emitter, name] of events) emitter.on(name, done)
      signal.addEventListener('abort', done, { once: true })
      if (signal.aborted) done()
    })
  }

  async function* read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk: Uint8Array | null = channel.read()
      if (chunk !== null) yield chunk
      // What a lost connection has left is read; that it ends then is ssh2's word, unless the peer had said it.
      else if (signal.aborted && !allSaid()) throw gone()
      else if (channel.readableEnded || signal.aborted) return
      else await next([channel, 'readable'], [channel, 'end'])
    }
  }

  async function write(stream: NodeJS.WritableStream, bytes: Uint8Array): Promise<void> {
    if (signal.aborted) throw gone()
    // The stream keeps them longer than whoever wrote them.
    const more = stream.write(Uint8Array.from(bytes))
    if (!more) await next([stream as StreamChannel, 'drain'])
    while (!signal.aborted && socket.writableLength > most)
      await next([socket as unknown as StreamChannel, 'drain'])
    if (signal.aborted) throw gone()
  }

  return {
    input: { [Symbol.asyncIterator]: () => read() },
    write: (bytes) => write(channel, bytes),
    writeError: (bytes) => write(channel.stderr, bytes),
    end: () => void channel.end(),
    packets(sink) {
      port = makePort(sink)
      return port
    },
    drained: async () => port?.drained(),
  }
}
