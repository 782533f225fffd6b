import { once } from 'node:events'
import { OpError } from '../base/error.ts'
import type { ServedChannel, StreamChannel } from './channel.ts'
import { lentBlocks } from './lent-blocks.ts'
import type { DrainedPort } from './plain-port.ts'
import type { PacketSink } from './session.ts'

/**
 * A channel over its short way: as bytes for pipes and terminals, which carry as much as SFTP does. What comes in is
 * copied once, into memory that is used again; what goes out is built and sent in one piece. At most the SSH window waits
 * for a reader, and `port`'s queue for the client.
 */
export function portChannel(
  channel: StreamChannel,
  signal: AbortSignal,
  allSaid: () => boolean,
  makePort: (sink: PacketSink) => DrainedPort,
  freeBlocks?: Uint8Array[],
): ServedChannel {
  const came = lentBlocks(freeBlocks)
  let ended = false
  let inputChanged = Promise.withResolvers<void>()
  let roomChanged = Promise.withResolvers<void>()
  const gone = (): OpError => new OpError('ECANCELED', 'The connection ended')

  const wakeReader = (): void => {
    inputChanged.resolve()
    inputChanged = Promise.withResolvers()
  }
  const wakeWriters = (): void => {
    roomChanged.resolve()
    roomChanged = Promise.withResolvers()
  }
  signal.addEventListener('abort', () => {
    wakeReader()
    wakeWriters()
  })
  const sink: PacketSink = {
    bytes: came.put,
    settle: wakeReader,
    end() {
      // The end of a connection that broke is ssh2's word, not the peer's.
      ended = allSaid() || !signal.aborted
      wakeReader()
    },
    room: wakeWriters,
  }
  /** Writes that wait for room, and when the last of them has had it. */
  let late = 0
  let before = Promise.resolve()
  let port: DrainedPort | undefined
  const bytePort = (): DrainedPort => {
    port ??= makePort(sink)
    return port
  }

  async function* read(): AsyncGenerator<Uint8Array> {
    const { writer, credit } = bytePort()
    for (;;) {
      const block = came.take()
      if (block !== undefined) {
        yield block
        came.give(block)
        credit(block.length)
        // What the peer may send more leaves with it.
        writer.flush()
      } else if (ended) return
      // The end itself may come behind the word that the session is over, when both lay in one read.
      else if (signal.aborted && !allSaid()) throw gone()
      else await inputChanged.promise
    }
  }

  function put(bytes: Uint8Array): void {
    const { writer } = bytePort()
    writer.put(bytes)
    writer.flush()
  }

  async function room(): Promise<void> {
    const { writer } = bytePort()
    while (!signal.aborted && writer.room() <= 0) await roomChanged.promise
  }

  /** Behind all that waits already, once there is room. */
  function putLate(bytes: Uint8Array): Promise<void> {
    late += 1
    const mine = before.then(room).then(() => {
      late -= 1
      put(bytes)
    })
    before = mine.catch(() => {})
    return mine
  }

  async function write(bytes: Uint8Array): Promise<void> {
    if (signal.aborted) throw gone()
    const { writer } = bytePort()
    // Others of the account may have filled what it may hold.
    if (late === 0 && writer.room() > 0) put(bytes)
    else await putLate(Uint8Array.from(bytes))
    await room()
    if (signal.aborted) throw gone()
  }

  async function writeError(bytes: Uint8Array): Promise<void> {
    if (signal.aborted) throw gone()
    if (!channel.stderr.write(bytes)) await once(channel.stderr, 'drain', { signal }).catch(() => {})
    if (signal.aborted) throw gone()
  }

  async function drained(): Promise<void> {
    await before
    await port?.drained()
    await errorsSent(channel, signal)
  }

  return {
    get input() {
      // From now on what comes is counted, whether it is read or not.
      bytePort()
      return { [Symbol.asyncIterator]: () => read() }
    },
    write,
    writeError,
    end: () => void drained().then(() => channel.end()),
    packets(given) {
      port = makePort(given)
      return port
    },
    drained,
  }
}

/** What was written to stderr is on its way, or the session is over: behind our EOF ssh2 sends none of it. */
function errorsSent({ stderr }: StreamChannel, signal: AbortSignal): Promise<void> {
  if (signal.aborted || stderr.writableLength === 0) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    stderr.write(Buffer.alloc(0), done)
    signal.addEventListener('abort', done)
  })
}
