import { createServer, type Socket } from 'node:net'
import ssh2 from 'ssh2'
import type { Authenticator, Identity } from '../accounts/account.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { RELEASE } from '../base/version.ts'
import type { AlgorithmLists } from './algorithm-lists.ts'
import { gcmIsFastest } from './cipher-choice.ts'
import { type Connection, type ConnectionLimits, serveConnection } from './connection.ts'
import { openFastPath } from './fast/fast-port.ts'
import { openReadBuffer } from './fast/read-buffer.ts'
import { whyNotFast } from './fast/why-not-fast.ts'
import { holdFirstBytes } from './first-bytes.ts'
import { heldMemory } from './held.ts'
import type { HostKey } from './hostkeys.ts'
import { offerHybrid, offerInstead } from './hybrid-exchange.ts'
import { strangers } from './limits.ts'
import { type Address, listenAt } from './listen.ts'
import { type Live, openLive } from './live.ts'
import { offerFor, STRICT } from './offer.ts'
import { insideOf } from './peer.ts'
import type { SessionHandler, SessionRequest } from './session.ts'

export interface PorchLimits extends ConnectionLimits {
  /** Connections not logged in. */
  readonly unauthenticated: number
  /** Memory held for clients that do not take what they ask for, or bring more than is dealt with, in bytes. */
  readonly held: number
  /** Of those, silent ones from one address. */
  readonly silentPerAddress: number
  /** After so long without a KEXINIT a connection is silent, in ms. */
  readonly silentMs: number
  /** Between two questions whether the client is still there, in ms. */
  readonly keepaliveMs: number
  /** Of those questions without an answer. */
  readonly keepaliveTries: number
}

export const PORCH_LIMITS: PorchLimits = {
  graceMs: 20_000,
  tries: 6,
  channels: 16,
  idleMs: 5 * 60_000,
  leastPacket: 1024,
  queued: 4 * 1024 * 1024,
  rekeyMs: 3_600_000,
  rekeyBytes: 1024 ** 3,
  unauthenticated: 2_000,
  held: 128 * 1024 * 1024,
  silentPerAddress: 64,
  silentMs: 2_000,
  keepaliveMs: 15_000,
  keepaliveTries: 3,
}

export interface PorchParts {
  readonly listen: Address
  /** Another process listens there, and hands over what comes in. */
  readonly handed?: boolean
  readonly hostKeys: readonly HostKey[]
  /** Looked at for each connection: what changes here holds for the next. */
  readonly limits?: Partial<PorchLimits>
  readonly log: Log
  readonly clock: Clock
  readonly authenticator: Authenticator
  /** Undefined: the request is refused. */
  readonly handlerFor: (identity: Identity, request: SessionRequest) => SessionHandler | undefined
  /** Why this address may not connect; undefined: it may. Asked before anything is read. */
  readonly banned?: (address: string) => string | undefined
  /** Hears of an address that broke the protocol before it logged in. */
  readonly rubbish?: (address: string) => void
  /** What addresses are counted together. */
  readonly neighbourhood?: (address: string) => string
  /** 'fast': past ssh2's streams where that can be done; 'plain': never. */
  readonly dataPath?: 'fast' | 'plain'
  /** Before the numbers of connections, where several processes give such. */
  readonly idPrefix?: string
  /** 'client': its first choice. 'fastest': the quickest of those it names. */
  readonly ciphers?: 'fastest' | 'client'
}

/** Between two looks whether somebody is still about to log in, in ms. */
const SOON_MS = 20

export interface Porch extends AsyncDisposable {
  readonly address: Address
  readonly sessions: Live
  /** A connection that another process has accepted. False: nobody is taken any more. */
  take(socket: Socket): boolean
  /** Takes nobody new; ends sessions that are idle, waits for the others for `ms`, then ends them too. */
  drain(ms: number): Promise<void>
  /** The same, for one whose place another process has taken: who is about to log in is let in first. */
  retire(ms: number): Promise<void>
}

/** Listens, and serves whoever logs in. EACCES, EADDRINUSE as EBUSY. */
export async function serve(parts: PorchParts): Promise<Porch> {
  const limitsNow = (): PorchLimits => ({ ...PORCH_LIMITS, ...parts.limits })
  const { log, clock } = parts
  const live = openLive()
  const freeBlocks: Uint8Array[] = []
  const memory = heldMemory(() => parts.limits?.held ?? PORCH_LIMITS.held)
  const draining = new AbortController()
  const connections = new Set<Connection>()
  const waiting = strangers(limitsNow, clock.elapsed)
  /** What the clients of connections can do, where that was seen in time. */
  const known = new WeakMap<Socket, AlgorithmLists>()
  const choosing = parts.ciphers === 'fastest' && gcmIsFastest()
  /** For those that have not said who they are; afterwards the connection has its own. */
  const graces = new WeakMap<Socket, { readonly timer: NodeJS.Timeout; readonly since: number }>()
  let last = 0
  const slow = parts.dataPath === 'plain' ? 'it is turned off' : whyNotFast()
  log.info('data path', slow === undefined ? { way: 'fast' } : { way: 'plain', why: slow })
  const fast =
    slow === undefined ? { path: openFastPath(clock.elapsed), buffer: openReadBuffer() } : undefined

  const ssh = new ssh2.Server(
    {
      hostKeys: parts.hostKeys.map((key) => key.secret),
      ident: `MiniFTP_${RELEASE}`,
      algorithms: { kex: STRICT.kex, cipher: STRICT.ciphers, hmac: STRICT.macs, compress: ['none'] },
      keepaliveInterval: limitsNow().keepaliveMs,
      keepaliveCountMax: limitsNow().keepaliveTries,
    } as ssh2.ServerConfig,
    (peer, info) => {
      const { _sock: socket, _protocol: protocol } = insideOf(peer)
      const grace = graces.get(socket)
      clearTimeout(grace?.timer)
      const keys = protocol._offer.lists.serverHostKey.array
      offerInstead(protocol, offerFor(known.get(socket), keys, choosing))
      offerHybrid(protocol)
      const origin = { address: info.ip, port: info.port, client: clientName(info.header) }
      const limits = limitsNow()
      const connection = serveConnection(peer, `${parts.idPrefix ?? ''}${++last}`, origin, {
        limits,
        authenticator: parts.authenticator,
        handlerFor: parts.handlerFor,
        live,
        memory,
        freeBlocks,
        log,
        clock,
        draining: draining.signal,
        onLogin: () => waiting.leave(socket),
        onRubbish: () => parts.rubbish?.(info.ip),
        accepted: grace?.since ?? clock.elapsed(),
        fast:
          fast &&
          ((roundTripMs, held) =>
            fast.path.connect(peer, fast.buffer.lends, { roundTripMs, mostQueued: limits.queued, held })),
      })
      peer.once('handshake', () => waiting.spoke(socket))
      connections.add(connection)
      connection.closed.then(() => connections.delete(connection))
    },
  )
  ssh.on('error', (error: Error) => log.error('server failed', error))

  const welcome = (accepted: Socket): void => {
    const socket = fast?.buffer.take(accepted) ?? accepted
    const address = socket.remoteAddress ?? ''
    const why = parts.banned?.(address)
    if (why !== undefined) return void socket.destroy()
    log.debug('connection opened', { address, port: socket.remotePort })
    socket.on('error', () => {})
    waiting.enter(socket, parts.neighbourhood?.(address) ?? address)
    const timer = setTimeout(() => socket.destroy(), limitsNow().graceMs).unref()
    graces.set(socket, { timer, since: clock.elapsed() })
    socket.once('close', () => clearTimeout(timer))
    ssh.injectSocket(socket)
    setImmediate(() =>
      holdFirstBytes(
        socket,
        clock,
        (lists) => {
          if (lists === undefined) return
          known.set(socket, lists)
          waiting.spoke(socket)
        },
        () => {
          parts.rubbish?.(address)
          socket.destroy()
        },
      ),
    )
  }
  const tcp = parts.handed
    ? undefined
    : createServer({ noDelay: true, pauseOnConnect: fast !== undefined }, welcome)
  const address = tcp === undefined ? parts.listen : await listenAt(tcp, parts.listen)
  // One that could not be accepted, for want of descriptors or memory, is nobody else's loss.
  tcp?.on('error', (error) => log.error('server failed', error))

  let stopped: Promise<void> | undefined
  const acceptNobody = (): Promise<void> => {
    stopped ??= new Promise((resolve) => (tcp === undefined ? resolve() : tcp.close(() => resolve())))
    return stopped
  }

  async function retire(ms: number): Promise<void> {
    void acceptNobody()
    const until = clock.elapsed() + ms
    const left = (): number => Math.max(0, until - clock.elapsed())
    while (left() > ms / 2 && (waiting.any || [...connections].some((connection) => connection.begins())))
      await clock.sleep(SOON_MS)
    await drain(left())
  }

  async function drain(ms: number): Promise<void> {
    const closed = acceptNobody()
    waiting.end()
    draining.abort()
    for (const connection of connections) if (connection.sessions() === 0) connection.end()
    const all = Promise.all([...connections].map((connection) => connection.closed))
    const deadline = new AbortController()
    await Promise.race([all, clock.sleep(ms, deadline.signal).catch(() => {})])
    deadline.abort()
    for (const connection of connections) connection.end()
    await Promise.all([...connections].map((connection) => connection.closed))
    await closed
  }

  return {
    address,
    sessions: live,
    take(socket) {
      if (stopped === undefined) welcome(socket)
      // Closed here alone: whoever handed it over has it still.
      else socket.destroy()
      return stopped === undefined
    },
    drain,
    retire,
    [Symbol.asyncDispose]: () => drain(0),
  }
}

function clientName(header: { readonly versions?: { readonly software?: unknown } }): string {
  return String(header.versions?.software ?? '')
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 100)
}
