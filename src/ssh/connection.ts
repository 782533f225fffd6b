// Over 300 lines: one connection from its login to its end; who it is, what it has open and why it ends are each asked by all the rest.
import type ssh2 from 'ssh2'
import type { Authenticator, Identity, Origin } from '../accounts/account.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { decide, type Shown } from './auth.ts'
import { byteChannel } from './channel.ts'
import { stopReadingFromTheDeaf } from './deaf.ts'
import { execBytes } from './exec-bytes.ts'
import type { FastConnection } from './fast/fast-port.ts'
import { guardPeer } from './guards.ts'
import { type Held, type HeldMemory, UNCOUNTED } from './held.ts'
import { type RenewalLimits, renewKeys } from './keys-renewed.ts'
import type { Live } from './live.ts'
import { insideOf } from './peer.ts'
import { type DrainedPort, plainPort } from './plain-port.ts'
import { portChannel } from './port-channel.ts'
import { roundTrip } from './round-trip.ts'
import type { PacketSink, Session, SessionHandler, SessionRequest } from './session.ts'
import { timer } from './timer.ts'
import { type LivePty, livePty } from './tty.ts'

export interface ConnectionLimits extends RenewalLimits {
  /** Time to log in. */
  readonly graceMs: number
  /** Failed attempts. */
  readonly tries: number
  readonly channels: number
  /** Without a channel open. */
  readonly idleMs: number
  /** Least packet size that a client may ask for, in bytes. */
  readonly leastPacket: number
  /** Output that may be queued for a client that does not read, in bytes. */
  readonly queued: number
}

/** Requests that are no failed attempt: what methods there are, whether a key would do. */
const MOST_QUESTIONS = 32
/** Answers that may wait for a stranger who does not read, in bytes. */
const MOST_FOR_STRANGERS = 256 * 1024
/** How soon after its login a client asks for its first session, in ms. */
const BEGIN_MS = 1_000
/** How long a connection that is cut may take to send what it has, in ms. */
const LINGER = 1_000
/** How long a client has to show why its connection ends: with DISCONNECT right behind them, OpenSSH drops words. */
const LAST_WORDS_MS = 300
/** Why a session's signal is aborted. Made once: those of a login cost as much as its signature. */
const ENDED: unknown = AbortSignal.abort().reason

export interface ConnectionParts {
  readonly limits: ConnectionLimits
  readonly authenticator: Authenticator
  readonly handlerFor: (identity: Identity, request: SessionRequest) => SessionHandler | undefined
  readonly live: Live
  /** Counts what its account makes us hold. */
  readonly memory: HeldMemory
  /** Memory for input that nobody uses now; shared by all. */
  readonly freeBlocks: Uint8Array[]
  readonly log: Log
  readonly clock: Clock
  readonly draining: AbortSignal
  /** Logged in: no longer one of those that may be closed for a newcomer. */
  readonly onLogin: () => void
  /** It broke the protocol before it logged in. */
  readonly onRubbish: () => void
  /** When it was accepted, by the clock's `elapsed`: its grace time runs since then. */
  readonly accepted: number
  /** Takes this connection's channels past ssh2's streams; undefined: the plain way. */
  readonly fast?: ((roundTripMs: number, held: Held) => FastConnection) | undefined
}

export interface Connection {
  readonly closed: Promise<void>
  readonly sessions: () => number
  /** Just logged in: its first session is on its way. */
  readonly begins: () => boolean
  /** Ends its sessions, then itself. */
  end(): void
}

/** Serves one connection of ssh2, from its identification string to its end. */
export function serveConnection(
  peer: ssh2.Connection,
  id: string,
  origin: Origin,
  parts: ConnectionParts,
): Connection {
  const { limits, clock } = parts
  const log = parts.log.with({ conn: id, address: origin.address, port: origin.port })
  const { _sock: socket } = insideOf(peer)
  const closed = Promise.withResolvers<void>()
  const sessions = new Map<Session, AbortController>()
  let identity: Identity | undefined
  let came = Number.NEGATIVE_INFINITY
  let tries = 0
  let questions = 0
  const shown: Shown = {}
  let count = 0
  let ending = false
  let isCut = false
  let isClosed = false
  // Each of its channels listens to both.
  for (const emitter of [peer, socket]) emitter.setMaxListeners(0)

  const cut = (): void => {
    if (isCut) return
    isCut = true
    peer.end()
    socket.destroySoon()
    // Who does not read would keep it open.
    setTimeout(() => socket.destroy(), LINGER).unref()
  }
  /** ssh2 gives DISCONNECT no text: a sentence goes by the channels, at a terminal on a line of its own. */
  const tellAndEnd = (why: string): void => {
    ending = true
    for (const [{ request, channel }, gone] of sessions) {
      const isTyped = request.type !== 'subsystem' && request.pty !== undefined
      const told = isTyped
        ? channel.write(Buffer.from(`\r\n${why}\r\n`))
        : channel.writeError(Buffer.from(`${why}\n`))
      told.catch(() => {}) // Nobody waits for it.
      gone.abort(ENDED)
    }
    setTimeout(cut, sessions.size === 0 ? 0 : LAST_WORDS_MS)
  }
  const offend = (why: string): void => {
    // The rest of what was read with it may be thousands of the same.
    if (isCut) return
    log.warn('connection cut', { account: identity?.account, why })
    if (identity === undefined) parts.onRubbish()
    cut()
  }
  let held = UNCOUNTED
  const hearing = stopReadingFromTheDeaf(
    socket,
    insideOf(peer)._protocol,
    () => (identity === undefined ? MOST_FOR_STRANGERS : 2 * limits.queued),
    (go) => held.mayBring(go),
  )
  const guarded = guardPeer(peer, limits.leastPacket, hearing.asked, () => shown.asked === true, offend)
  let fast: FastConnection | undefined
  const renewal = renewKeys(peer, limits, offend, () => fast?.sent ?? 0)
  const grace = timer(Math.max(1, limits.graceMs - (clock.elapsed() - parts.accepted)), () => {
    log.info('login refused', { reason: 'time is up' })
    cut()
  })
  const idle = timer(limits.idleMs, () => {
    log.info('connection idle')
    cut()
  })
  idle.stop()

  const turns = roundTrip(clock.elapsed)
  peer.on('authentication', async (context) => {
    turns.heard()
    const decision = await decide(context, parts.authenticator, origin, shown, log)
    if ('identity' in decision) {
      identity = decision.identity
      parts.onLogin()
      log.info('login accepted', { account: identity.account, method: identity.by, client: origin.client })
      // Who went away meanwhile will not come to its timers' end.
      if (isClosed) return
      came = clock.elapsed()
      grace.stop()
      idle.start()
      renewal.start()
      login(identity)
    } else if (decision.counts) {
      tries += 1
      log.info('login refused', { account: String(context.username).slice(0, 64), method: decision.refused })
      if (tries >= limits.tries) return cut()
    } else if (++questions > MOST_QUESTIONS) return offend('too many questions before login')
    guarded.decided()
    turns.told()
  })

  let rawCommand: (() => string | undefined) | undefined

  function login(who: Identity): void {
    rawCommand = execBytes(insideOf(peer)._protocol)
    held = parts.memory.connection(who.account)
    const entry = parts.live.add({
      id,
      identity: who,
      origin,
      since: clock.now(),
      kinds: () => [...sessions.keys()].map(({ request }) => kindOf(request)),
      end: tellAndEnd,
    })
    closed.promise.then(() => entry[Symbol.dispose]())
  }

  peer.on('request', (accept, reject, name: string) => {
    turns.heard()
    if (name === 'no-more-sessions@openssh.com') accept?.()
    else reject?.()
  })
  peer.on('error', (error: Error & { readonly level?: unknown }) => {
    if (error.level === 'protocol') return offend(error.message)
    log.debug('connection error', { text: error.message })
    if (error.level !== 'socket') cut()
  })

  peer.on('session', (accept, reject) => {
    turns.heard()
    const isFull = count >= limits.channels || parts.draining.aborted || ending
    if (identity === undefined || isFull) return reject()
    count += 1
    idle.stop()
    const session = accept()
    let pty: LivePty | undefined
    const gone = new AbortController()
    let allSaid = false
    let signalled: ((name: string) => void) | undefined
    session.on('eof', () => {
      allSaid = true
    })
    // As ssh2 tells it: when the peer's CLOSE has come, whether its data was read or not.
    session.on('close', () => {
      gone.abort(ENDED)
      count -= 1
      if (count === 0) idle.start()
    })
    session.on('pty', (ok, _no, info) => {
      pty = livePty(info)
      ok?.()
    })
    session.on('window-change', (ok, _no, info) => {
      pty?.resize(info)
      ok?.()
    })
    session.on('signal', (ok, _no, info) => {
      ok?.()
      signalled?.(String(info.name).replace(/^SIG/, ''))
    })
    const start = (
      open: (() => ssh2.ServerChannel) | undefined,
      refuse: (() => void) | undefined,
      request: SessionRequest,
    ): void => {
      const handler = identity && parts.handlerFor(identity, request)
      if (identity === undefined || handler === undefined) {
        log.info('request refused', { account: identity?.account, request: kindOf(request) })
        refuse?.()
        return
      }
      const channel = open?.()
      if (channel === undefined) refuse?.()
      else {
        const end: SessionEnd = { gone, allSaid: () => allSaid }
        void run(handler, channel, end, identity, request, (listener) => {
          signalled = listener
        })
      }
    }
    session.on('subsystem', (open, refuse, info) =>
      start(open, refuse, { type: 'subsystem', name: String(info.name) }),
    )
    session.on('exec', (open, refuse, info) => {
      const command = rawCommand?.() ?? Buffer.from(String(info.command)).toString('latin1')
      start(open, refuse, { type: 'exec', command, pty })
    })
    session.on('shell', (open, refuse) => start(open, refuse, { type: 'shell', pty }))
  })

  const makePort = (channel: ssh2.ServerChannel, sink: PacketSink): DrainedPort => {
    fast ??= parts.fast?.(turns.ms, held)
    return fast?.port(channel, sink) ?? plainPort(channel, socket, sink, limits.queued, held)
  }

  let started = 0
  async function run(
    handler: SessionHandler,
    channel: ssh2.ServerChannel,
    { gone, allSaid }: SessionEnd,
    who: Identity,
    request: SessionRequest,
    onSignal: (listener: (name: string) => void) => void,
  ): Promise<void> {
    const port = (sink: PacketSink): DrainedPort => makePort(channel, sink)
    const bytes =
      parts.fast !== undefined
        ? portChannel(channel, gone.signal, allSaid, port, parts.freeBlocks)
        : byteChannel(channel, socket, gone.signal, allSaid, limits.queued, port)
    const session: Session = {
      id: `${id}.${++started}`,
      identity: who,
      origin,
      local: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
      request,
      channel: bytes,
      log: log.with({ session: `${id}.${started}`, account: who.account }),
      signal: gone.signal,
      draining: parts.draining,
      onSignal,
    }
    channel.on('error', (error: Error) => session.log.debug('channel error', { text: error.message }))
    sessions.set(session, gone)
    try {
      const status = await handler(session)
      await bytes.drained()
      if (!gone.signal.aborted) channel.exit(status)
    } catch (error) {
      session.log.error('session failed', error)
      if (!gone.signal.aborted) channel.exit(1)
    } finally {
      sessions.delete(session)
      channel.end()
      // Unread input would hold the channel's end back.
      channel.resume()
      // Its client may keep the connection for ever.
      if (parts.draining.aborted && sessions.size === 0) channel.once('close', cut)
    }
  }

  peer.once('close', () => {
    isClosed = true
    for (const stop of [grace, idle, renewal]) stop.stop()
    held.close()
    for (const gone of sessions.values()) gone.abort(ENDED)
    log.info('connection closed', { account: identity?.account })
    closed.resolve()
  })

  return {
    closed: closed.promise,
    sessions: () => sessions.size,
    begins: () => sessions.size === 0 && clock.elapsed() - came < BEGIN_MS,
    end() {
      for (const gone of sessions.values()) gone.abort(ENDED)
      cut()
    },
  }
}

/** How a session ends from outside. */
interface SessionEnd {
  readonly gone: AbortController
  /** The peer's EOF has come: it says no more, and has not been cut off. */
  readonly allSaid: () => boolean
}

function kindOf(request: SessionRequest): string {
  return request.type === 'subsystem' ? `subsystem ${request.name.slice(0, 32)}` : request.type
}
