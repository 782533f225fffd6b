import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Identity, Origin } from './accounts/account.ts'
import type { Awaitable } from './base/awaitable.ts'
import { tell } from './door.ts'
import { FRAME, type FrameKind, readFrames, writeFrame, writeJson } from './far-frames.ts'
import type { PacketPort, Session } from './ssh/session.ts'

/** A session as it is told to the process that has its account. */
export interface FarHead {
  readonly id: string
  readonly identity: Identity
  readonly origin: Origin
  readonly local: Session['local']
  readonly request:
    | { readonly type: 'subsystem'; readonly name: string }
    | { readonly type: 'exec'; readonly command: string; readonly pty?: FarPty }
    | { readonly type: 'shell'; readonly pty?: FarPty }
}

export interface FarPty {
  readonly term: string
  readonly columns: number
  readonly rows: number
}

/** What happens meanwhile at the client's end. */
export type FarEvent =
  | { readonly resize: { readonly columns: number; readonly rows: number } }
  | { readonly signal: string }
  | { readonly drain: true }
  /** The channel or its connection is gone; all that came in before was sent before. */
  | { readonly cut: true }

/** How long the other process may take to read what came in before a cut, in ms. */
const LINGER_MS = 10_000
/** What waits for the other process before its client is held back, in bytes. */
const MOST_WAITING = 1024 * 1024

/**
 * Lets the process that listens at `path` serve the session, whose channel stays here. The exit status; undefined when
 * the session's account is not there (any more).
 */
export async function serveFar(session: Session, path: string): Promise<number | undefined> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
  } catch {
    // It has ended meanwhile: who asks again finds out.
    socket.destroy()
    return undefined
  }
  socket.on('error', () => socket.destroy())
  const over = Promise.withResolvers<number | undefined>()
  writeJson(socket, FRAME.head, headOf(session))
  const read = forward(session, socket, over.resolve)
  const cut = (): void => {
    void read().then(() => {
      over.resolve(130)
      endCut(socket)
    })
  }
  session.signal.addEventListener('abort', cut, { once: true })
  if (session.signal.aborted) cut()
  socket.once('close', () => over.resolve(LOST))
  const status = await over.promise
  session.signal.removeEventListener('abort', cut)
  if (!session.signal.aborted) socket.destroy()
  if (status !== LOST) return status
  session.log.warn('session cut', { why: 'the process with its files has ended' })
  // Gone meanwhile, it hears nothing.
  await tell(session, 'The process that served your files has ended: try again in a moment').catch(() => {})
  return 1
}

/** What came in is served before the end is heard of, as in a process of its own. */
function endCut(socket: Socket): void {
  if (socket.destroyed) return
  writeJson(socket, FRAME.event, { cut: true } satisfies FarEvent)
  socket.end()
  socket.resume()
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}

const LOST = -1

function headOf({ id, identity, origin, local, request }: Session): FarHead {
  if (request.type === 'subsystem') return { id, identity, origin, local, request }
  const { pty, ...rest } = request
  const { term, columns, rows } = pty ?? {}
  const told = pty === undefined ? {} : { pty: { term, columns, rows } as FarPty }
  return { id, identity, origin, local, request: { ...rest, ...told } }
}

/** Both ways, from when the other process has said that it serves the session. Resolves when all that came in is on its way. */
function forward(
  session: Session,
  socket: Socket,
  over: (status: Awaitable<number | undefined>) => void,
): () => Promise<void> {
  let out: Out | undefined
  const begun = Promise.withResolvers<Out | undefined>()
  socket.once('close', () => begun.resolve(undefined))
  readFrames(socket, session.log, {
    bytes: (kind, piece) => out?.bytes(kind, piece),
    whole(kind, value) {
      if (kind === FRAME.head) {
        if ((value as { readonly here: boolean }).here) out = begin(session, socket)
        else over(undefined)
        begun.resolve(out)
      } else if (kind === FRAME.end) out?.end()
      // From now on it is over in this way, though the socket closes before a slow client has taken all.
      else if (kind === FRAME.status && out !== undefined) over(out.done().then(() => value as number))
    },
  })
  return async () => (await begun.promise)?.read
}

/** The way to the client. */
interface Out {
  bytes(kind: FrameKind, piece: Buffer): void
  end(): void
  /** All is with the channel. */
  done(): Promise<void>
  /** What came from the client is on its way. */
  readonly read: Promise<void>
}

function begin(session: Session, socket: Socket): Out {
  const tell = (event: FarEvent): void => {
    // After a cut the other process still reads what came before it.
    if (!socket.writableEnded) writeJson(socket, FRAME.event, event)
  }
  const { request, draining } = session
  const drain = (): void => tell({ drain: true })
  draining.addEventListener('abort', drain, { once: true })
  if (draining.aborted) drain()
  socket.once('close', () => draining.removeEventListener('abort', drain))
  session.onSignal((signal) => tell({ signal }))
  if (request.type === 'subsystem') return byPackets(session, socket)
  const { pty } = request
  pty?.onResize(() => tell({ resize: { columns: pty.columns, rows: pty.rows } }))
  return byStreams(session, socket, bringInput(session, socket))
}

/** The short way, for the many bytes of SFTP. */
function byPackets({ channel }: Session, socket: Socket): Out {
  let owed = 0
  const pay = (): void => {
    if (owed === 0 || socket.writableLength > MOST_WAITING) return
    port.credit(owed)
    owed = 0
  }
  const port: PacketPort = channel.packets({
    bytes(chunk) {
      owed += chunk.length
      // It is lent, and the socket may keep it.
      writeFrame(socket, FRAME.data, Buffer.from(chunk))
    },
    settle: pay,
    end() {
      // The channel may tell its end behind a cut: a write there would destroy what is on its way.
      if (!socket.writableEnded) writeFrame(socket, FRAME.end, NOTHING)
    },
    room: () => void socket.resume(),
  })
  socket.on('drain', pay)
  return {
    bytes(kind, piece) {
      if (kind === FRAME.error) return port.writeError(piece)
      port.writer.put(piece)
      port.writer.flush()
      if (port.writer.room() <= 0) socket.pause()
    },
    end() {},
    done: async () => {},
    read: Promise.resolve(),
  }
}

async function bringInput({ channel }: Session, socket: Socket): Promise<void> {
  try {
    for await (const chunk of channel.input) {
      if (socket.destroyed) return
      // It is lent, and the socket may keep it.
      if (!writeFrame(socket, FRAME.data, Buffer.from(chunk))) await drained(socket)
    }
    if (!socket.destroyed) writeFrame(socket, FRAME.end, NOTHING)
  } catch {
    // The channel has closed, and the session's signal says so.
  }
}

function byStreams({ channel }: Session, socket: Socket, read: Promise<void>): Out {
  let waiting = 0
  let last: Promise<void> = Promise.resolve()
  const next = (count: number, act: () => Promise<void> | void): void => {
    waiting += count
    if (waiting > MOST_WAITING) socket.pause()
    last = last.then(act).then(
      () => {
        waiting -= count
        if (waiting <= MOST_WAITING) socket.resume()
      },
      () => void socket.destroy(),
    )
  }
  return {
    bytes(kind, piece) {
      const write = kind === FRAME.error ? channel.writeError : channel.write
      next(piece.length, () => write(piece))
    },
    end: () => next(0, () => channel.end()),
    done: () => last,
    read,
  }
}

/** Until the socket takes more, or is gone. */
export function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
    if (socket.destroyed || !socket.writableNeedDrain) done()
  })
}

const NOTHING = Buffer.alloc(0)
