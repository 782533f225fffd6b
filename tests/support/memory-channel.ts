import { OpError } from '../../src/base/error.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import type { ByteChannel, PacketPort, PacketSink, PacketWriter, Session } from '../../src/ssh/session.ts'
import { decodeReply, decodeVersion, type Reply, type Version } from '../../src/wire/replies.ts'
import { encodeRequest, type Request } from '../../src/wire/requests.ts'

/** Bytes queued before a session must stop answering, as the porch has it. */
const CAP = 4 * 1024 * 1024

/** What a place in a packet of the transport holds: odd, so that heads of replies lie across two. */
const PLACE = 32 * 1024 - 7

/**
 * The short way of a channel in memory. Chunks are really lent: their memory is overwritten as soon as `settle`
 * returns, so that whoever keeps a view of one is found out. What a client does not read stays queued.
 */
export class MemoryChannel implements ByteChannel {
  readonly input: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => ({ next: refuseBytes }) }
  /** Bytes sent and not read by the client. */
  queued = 0
  credited = 0
  /** Number of `flush` calls. */
  flushes = 0
  errors = ''
  /** The client reads at once what is sent. */
  reads = true
  #sink: PacketSink | undefined
  #pieces: Uint8Array[] = []
  #pending: Uint8Array[] = []
  #received = Buffer.alloc(0)
  #waiting: (() => void)[] = []

  packets(sink: PacketSink): PacketPort {
    this.#sink = sink
    return {
      writer: this.#writer(),
      credit: (count) => {
        this.credited += count
      },
      writeError: (bytes) => this.#error(bytes),
    }
  }

  write = refuseBytes
  async writeError(bytes: Uint8Array): Promise<void> {
    this.#error(bytes)
  }
  end(): void {}

  /** Gives these chunks in one turn. */
  send(...chunks: readonly Uint8Array[]): void {
    const lent = chunks.map((chunk) => new Uint8Array(chunk))
    for (const chunk of lent) this.#sink!.bytes(chunk)
    this.#sink!.settle()
    for (const chunk of lent) chunk.fill(0xee)
  }

  sendEof(): void {
    this.#sink!.end()
  }

  /** The client reads what is queued. */
  read(): void {
    this.#received = Buffer.concat([this.#received, ...this.#pieces])
    this.#pieces = []
    const was = this.queued
    this.queued = 0
    if (was >= CAP) this.#sink!.room()
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** The next packet that was sent, without its length. */
  async packet(): Promise<Uint8Array> {
    while (true) {
      const buffer = this.#received
      if (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE(0)) {
        const end = 4 + buffer.readUInt32BE(0)
        this.#received = buffer.subarray(end)
        return buffer.subarray(4, end)
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Whole and partial packets that nobody took. */
  get untaken(): number {
    return this.#received.length
  }

  #error(bytes: Uint8Array): void {
    this.errors += Buffer.from(bytes).toString('utf8')
  }

  #writer(): PacketWriter {
    const pending = (): number => this.#pending.reduce((sum, piece) => sum + piece.length, 0)
    return {
      room: () => CAP - this.queued - pending(),
      put: (bytes) => void this.#pending.push(new Uint8Array(bytes)),
      reserve: (count) => {
        const places: Uint8Array[] = []
        for (let left = count; left > 0; left -= PLACE) places.push(new Uint8Array(Math.min(left, PLACE)))
        this.#pending.push(...places)
        return places
      },
      rewind: (count) => {
        let left = count
        while (left > 0) {
          const last = this.#pending.pop()
          if (last === undefined) throw new Error('More was taken back than was put')
          if (last.length > left) this.#pending.push(last.subarray(0, last.length - left))
          left -= Math.min(last.length, left)
        }
      },
      flush: () => {
        this.flushes++
        for (const piece of this.#pending.splice(0)) {
          this.queued += piece.length
          this.#pieces.push(piece)
        }
        if (this.reads) this.read()
      },
    }
  }
}

async function refuseBytes(): Promise<never> {
  throw new OpError('ECANCELED', 'This channel has the short way only')
}

/** A session over a memory channel, with the ways a test has to talk to it. */
export interface Harness {
  readonly session: Session
  readonly channel: MemoryChannel
  ask(...requests: readonly Request[]): void
  reply(): Promise<{ readonly id: number; readonly reply: Reply }>
  version(): Promise<Version>
  abort(): void
}

export function memorySession({ client = 'SSH-2.0-OpenSSH_9.2', log = silentLog as Log } = {}): Harness {
  const channel = new MemoryChannel()
  const abort = new AbortController()
  const session: Session = {
    id: 's1',
    identity: { account: 'ada', role: 'user', by: 'password' },
    origin: { address: '127.0.0.1', port: 50000, client },
    local: { address: '127.0.0.1', port: 8808 },
    request: { type: 'subsystem', name: 'sftp' },
    channel,
    log,
    signal: abort.signal,
    draining: new AbortController().signal,
    onSignal() {},
  }
  return {
    session,
    channel,
    ask: (...requests) => channel.send(...requests.map(encodeRequest)),
    reply: async () => decodeReply(await channel.packet()),
    version: async () => decodeVersion(await channel.packet()),
    abort: () => abort.abort(),
  }
}
