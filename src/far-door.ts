import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { Duplex, Writable } from 'node:stream'
import type { Identity } from './accounts/account.ts'
import type { Clock } from './base/clock.ts'
import type { Log } from './base/log.ts'
import { FRAME, type FrameKind, type FrameSink, readFrames, writeFrame, writeJson } from './far-frames.ts'
import { drained, type FarEvent, type FarHead } from './far-session.ts'
import { byteChannel, type ServedChannel, type StreamChannel } from './ssh/channel.ts'
import { plainPort } from './ssh/plain-port.ts'
import type { Session, SessionHandler, SessionRequest } from './ssh/session.ts'
import { type LivePty, livePty } from './ssh/tty.ts'

export interface FarDoorParts {
  readonly path: string
  readonly handlerFor: (identity: Identity, request: SessionRequest) => SessionHandler | undefined
  /** Keeps the account here meanwhile; undefined when it is not here. */
  readonly enter: (account: string) => Disposable | undefined
  readonly log: Log
  readonly clock: Clock
  /** Output that may wait for a client that does not read, in bytes. */
  readonly queued: () => number
  readonly umask: (mask: number) => number
}

export interface FarDoor extends AsyncDisposable {
  /** Waits `ms` for its sessions, then ends them. */
  drain(ms: number): Promise<void>
}

/** Serves sessions of this process' accounts whose channels are in other processes (`serveFar`). */
export async function openFarDoor(parts: FarDoorParts): Promise<FarDoor> {
  const { path, umask, log, clock } = parts
  rmSync(path, { force: true })
  const draining = new AbortController()
  const open = new Map<Socket, Promise<void>>()
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    socket.on('error', () => socket.destroy())
    const served = answer(socket, draining.signal, parts).catch((error: unknown) => {
      log.error('session failed', error)
      socket.destroy()
    })
    open.set(
      socket,
      served.finally(() => open.delete(socket)),
    )
  })
  const before = umask(0o177)
  server.listen(path)
  umask(before)
  await once(server, 'listening')
  server.on('error', (error) => log.error('server failed', error))

  async function drain(ms: number): Promise<void> {
    draining.abort()
    const deadline = new AbortController()
    await Promise.race([Promise.all(open.values()), clock.sleep(ms, deadline.signal).catch(() => {})])
    deadline.abort()
    for (const socket of open.keys()) socket.destroy()
    await Promise.all(open.values())
  }

  return {
    drain,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await drain(0)
      await closed
    },
  }
}

async function answer(socket: Socket, draining: AbortSignal, parts: FarDoorParts): Promise<void> {
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  const channel = channelOver(socket)
  const events: Events = { signalled: undefined, pty: undefined, draining: new AbortController() }
  const head = Promise.withResolvers<FarHead | undefined>()
  gone.signal.addEventListener('abort', () => head.resolve(undefined), { once: true })
  readFrames(
    socket,
    parts.log,
    sinkOf({
      head: head.resolve,
      data: (piece) => void channel.take(piece),
      event: (event) => ('cut' in event ? gone.abort() : happen(event, events)),
    }),
  )
  const told = await head.promise
  if (told === undefined) return
  using here = parts.enter(told.identity.account)
  const { request, pty } = requestOf(told)
  events.pty = pty
  const handler = here && parts.handlerFor(told.identity, request)
  writeJson(socket, FRAME.head, { here: handler !== undefined })
  if (handler === undefined) return void socket.end()
  const bytes = byteChannel(channel.stream, socket, gone.signal, channel.allSaid, parts.queued(), (sink) =>
    plainPort(channel.stream, socket, sink, parts.queued()),
  )
  const session = sessionOf(told, request, {
    bytes,
    log: parts.log,
    signal: gone.signal,
    draining: AbortSignal.any([draining, events.draining.signal]),
    onSignal: (listener) => {
      events.signalled = listener
    },
  })
  await finish(socket, channel, gone.signal, await statusOf(handler, session))
}

async function statusOf(handler: SessionHandler, session: Session): Promise<number> {
  try {
    return await handler(session)
  } catch (error) {
    session.log.error('session failed', error)
    return 1
  }
}

/** The status goes when all that was written is on its way. */
async function finish(
  socket: Socket,
  { stream }: FarChannel,
  gone: AbortSignal,
  status: number,
): Promise<void> {
  const aborted = gone.aborted ? Promise.resolve() : once(gone, 'abort')
  await Promise.race([Promise.all([written(stream), written(stream.stderr)]), aborted])
  if (!gone.aborted) writeJson(socket, FRAME.status, status)
  // What is not read would hold the end back.
  socket.resume()
  socket.end()
}

function written(stream: Writable): Promise<unknown> {
  if (stream.writableEnded) return stream.writableFinished ? Promise.resolve() : once(stream, 'finish')
  return new Promise<void>((resolve) => void stream.write(Buffer.alloc(0), () => resolve()))
}

interface Events {
  signalled: ((name: string) => void) | undefined
  pty: LivePty | undefined
  readonly draining: AbortController
}

function happen(
  event: Exclude<FarEvent, { readonly cut: true }>,
  { signalled, pty, draining }: Events,
): void {
  if ('signal' in event) signalled?.(event.signal)
  else if ('resize' in event) pty?.resize(cellsOf(event.resize))
  else draining.abort()
}

function cellsOf({ columns, rows }: { readonly columns: number; readonly rows: number }) {
  return { cols: columns, rows, width: 0, height: 0 }
}

function requestOf({ request }: FarHead): {
  readonly request: SessionRequest
  readonly pty: LivePty | undefined
} {
  if (request.type === 'subsystem') return { request, pty: undefined }
  const pty = request.pty && livePty({ term: request.pty.term, ...cellsOf(request.pty), modes: {} })
  return { request: { ...request, pty }, pty }
}

function sessionOf(
  { id, identity, origin, local }: FarHead,
  request: SessionRequest,
  {
    bytes,
    log,
    ...rest
  }: Pick<Session, 'log' | 'signal' | 'draining' | 'onSignal'> & { readonly bytes: ServedChannel },
): Session {
  const conn = id.slice(0, id.lastIndexOf('.'))
  const { address, port } = origin
  return {
    ...rest,
    id,
    identity,
    origin,
    local,
    request,
    channel: bytes,
    log: log.with({ conn, address, port, session: id, account: identity.account }),
  }
}

interface FarChannel {
  readonly stream: StreamChannel
  /** What came in; undefined at its end. */
  take(piece: Buffer | undefined): void
  /** Its end has come. */
  allSaid(): boolean
}

/** The far channel as streams, as ssh2 has a near one. */
function channelOver(socket: Socket): FarChannel {
  const sending = (kind: FrameKind) => (chunk: Buffer, _: string, taken: () => void) => {
    if (socket.destroyed || writeFrame(socket, kind, chunk)) taken()
    else void drained(socket).then(taken)
  }
  const stream = new Duplex({
    allowHalfOpen: true,
    autoDestroy: false,
    read: () => void socket.resume(),
    write: sending(FRAME.data),
    final(done) {
      if (!socket.destroyed) writeFrame(socket, FRAME.end, Buffer.alloc(0))
      done()
    },
  })
  socket.once('close', () => stream.destroy())
  let ended = false
  return {
    stream: Object.assign(stream, { stderr: new Writable({ write: sending(FRAME.error) }) }),
    allSaid: () => ended,
    take(piece) {
      if (piece === undefined) ended = true
      if (stream.destroyed) return
      // It is lent by nobody: what comes out of a socket is its reader's.
      if (!stream.push(piece ?? null) && piece !== undefined) socket.pause()
    },
  }
}

function sinkOf(to: {
  readonly head: (head: FarHead) => void
  readonly data: (piece: Buffer | undefined) => void
  readonly event: (event: FarEvent) => void
}): FrameSink {
  return {
    bytes: (_, piece) => to.data(piece),
    whole(kind, value) {
      if (kind === FRAME.head) to.head(value as FarHead)
      else if (kind === FRAME.end) to.data(undefined)
      else if (kind === FRAME.event) to.event(value as FarEvent)
    },
  }
}
