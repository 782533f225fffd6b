import type { Identity, Origin } from '../accounts/account.ts'
import type { Log } from '../base/log.ts'

/**
 * An SSH channel as bytes (RFC 4254 §5). Only the file behind it knows ssh2's streams.
 * Use either `input` and `write`, or `packets`: not both.
 */
export interface ByteChannel {
  /**
   * A chunk is lent until the next is asked for. Ends at the peer's EOF; when the channel closes before, what came is given still, and then it throws ECANCELED.
   * Reading slowly closes the SSH window: that is the back-pressure.
   */
  readonly input: AsyncIterable<Uint8Array>
  /** Takes a copy. Resolves when more may be written; rejects with ECANCELED when channel or connection closes first. */
  write(bytes: Uint8Array): Promise<void>
  writeError(bytes: Uint8Array): Promise<void>
  /** Sends our EOF; the peer's half stays open. */
  end(): void
  /** The short way for packet protocols: input lent, output built in place. */
  packets(sink: PacketSink): PacketPort
}

/** Where the bytes of the short way go. */
export interface PacketSink {
  /** A chunk in order, lent until `settle` returns. Never called again before the port's window allows it. */
  bytes(chunk: Uint8Array): void
  /** All chunks of this turn were given: do the work, copy what must be kept. */
  settle(): void
  /** The peer's EOF. */
  end(): void
  /** There is room again after `writer.room()` was 0 or less. */
  room(): void
}

export interface PacketPort {
  readonly writer: PacketWriter
  /** `count` bytes of input were dealt with: the peer may send as many more. */
  credit(count: number): void
  /** Channel stderr (extended data 1); dropped when its queue is full. */
  writeError(bytes: Uint8Array): void
}

/** Output of the short way. Everything put in a turn leaves together. */
export interface PacketWriter {
  /** Bytes that may still be queued before the cap (4 MiB); 0 or less: stop serving until `sink.room()`. */
  room(): number
  /** Takes a copy. */
  put(bytes: Uint8Array): void
  /** Places for the next `count` bytes, to be filled before the next call of this writer (or its flush). */
  reserve(count: number): Uint8Array[]
  /** Takes the last `count` bytes that were put or reserved back. Only since the last `flush`. */
  rewind(count: number): void
  /** Everything put so far is sent; called at the end of the turn by whoever put. */
  flush(): void
}

/** A terminal as the client described it (RFC 4254 §6.2). */
export interface Pty {
  readonly term: string
  /** Change with the client's window. */
  readonly columns: number
  readonly rows: number
  onResize(listener: () => void): void
}

export type SessionRequest =
  | { readonly type: 'subsystem'; readonly name: string }
  /** A byte string: the command as it came. */
  | { readonly type: 'exec'; readonly command: string; readonly pty: Pty | undefined }
  | { readonly type: 'shell'; readonly pty: Pty | undefined }

export interface Session {
  /** Unique in this process' life; for the log. */
  readonly id: string
  readonly identity: Identity
  readonly origin: Origin
  /** Where the client came in: what to print in a command to paste. */
  readonly local: { readonly address: string; readonly port: number }
  readonly request: SessionRequest
  readonly channel: ByteChannel
  readonly log: Log
  /** Aborted when the channel or the connection closes, or the drain's time is over. */
  readonly signal: AbortSignal
  /** Aborted when the server drains: a session idle at a prompt ends itself. */
  readonly draining: AbortSignal
  /** Called for "signal" requests (RFC 4254 §6.9), with the name without SIG. */
  onSignal(listener: (name: string) => void): void
}

/** Serves one session to its end; resolves to the exit status, which the porch sends before it closes the channel. */
export type SessionHandler = (session: Session) => Promise<number>
export type Middleware = (next: SessionHandler) => SessionHandler
