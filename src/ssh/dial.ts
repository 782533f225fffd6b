// Over 300 lines: one connection from its first byte to its channels, with every way that it can fail told at its place.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type ssh2 from 'ssh2'
import { OpError } from '../base/error.ts'
import { Semaphore } from '../base/lane.ts'
import { RELEASE } from '../base/version.ts'
import { openFastPath } from './fast/fast-port.ts'
import { whyNotFast } from './fast/why-not-fast.ts'
import { offerHybrid } from './hybrid-exchange.ts'
import { insideOf } from './peer.ts'
import { type DrainedPort, plainPort } from './plain-port.ts'
import type { PacketPort, PacketSink } from './session.ts'

/** Ciphers that cost least come first; the client's order wins. */
const CIPHERS: ssh2.CipherAlgorithm[] = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com' as ssh2.CipherAlgorithm,
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
]
const KEEPALIVE_MS = 10_000
const KEEPALIVES_LOST = 3
/** One read of the socket. */
const READ_BUFFER = 512 * 1024
/** What a command may print before it is not believed: a listing of a large folder. */
const MOST_OUTPUT = 32 * 1024 * 1024
/** Commands at once: channels are few (OpenSSH's MaxSessions is 10). */
const COMMANDS = 2

/** ssh2's client and what it is told, for those who make one by another package. */
export type Peer = ssh2.Client
export type PeerConfig = ssh2.ConnectConfig

export interface DialOptions {
  readonly host: string
  readonly port: number
  readonly user: string
  /** ms until the login must be done, without the time a person takes to answer. */
  readonly patienceMs: number
  /** Key types on record for the host, asked for first. */
  readonly hostKeyTypes: readonly string[]
  readonly checkHost: (blob: Uint8Array) => Promise<boolean>
  readonly login: ssh2.AuthHandlerMiddleware
  /** A tunnel to the host instead of a socket. */
  readonly through?: Duplex | undefined
  readonly dataPath?: 'fast' | 'plain' | undefined
  readonly signal?: AbortSignal | undefined
}

/** A connection that is logged in: the client's side of the porch. */
export interface Dialed {
  /** What the server says it is: "MiniFTP_0.1". */
  readonly software: string
  /** How it was agreed to talk: cipher and key exchange. */
  readonly agreed: { readonly kex: string; readonly cipher: string }
  /** A channel with this subsystem, by the short way. */
  subsystem(name: string, sink: PacketSink): Promise<Subsystem>
  /** Runs a command (a byte string) to its end. */
  exec(command: string): Promise<{ readonly status: number | null; readonly stdout: string }>
  /** A connection from the server onward to `host`. */
  tunnel(host: string, port: number): Promise<Duplex>
  /** Resolves when the connection is no more. */
  readonly closed: Promise<void>
  /** Whether it is still there. */
  readonly alive: () => boolean
  cut(): void
}

export interface Subsystem extends PacketPort {
  close(): void
}

/**
 * Connects and logs in, with `connect` over `peer` (whose makers keep their own count of it). ECONNREFUSED when the
 * host is not to be reached, EACCES when it refuses the login, EPERM when its key is refused, ECONNRESET, ECANCELED.
 */
export async function dial(
  peer: ssh2.Client,
  connectPeer: (config: ssh2.ConnectConfig) => Promise<unknown>,
  options: DialOptions,
): Promise<Dialed> {
  const { host, port, user, signal } = options
  signal?.throwIfAborted()
  const opened = options.through === undefined ? openSocket(host, port) : undefined
  let refusal: OpError | undefined
  let agreed = { kex: '', cipher: '' }
  peer.on('handshake', (now) => {
    agreed = { kex: now.kex, cipher: now.cs.cipher }
  })
  const gone = Promise.withResolvers<void>()
  peer.once('close', gone.resolve)
  const cut = (): void => {
    insideOf(peer as unknown as ssh2.Connection)._sock?.destroy()
  }
  signal?.addEventListener('abort', cut, { once: true })
  const late = patience(options.patienceMs, cut)
  try {
    const ready = connectPeer({
      sock: opened?.socket ?? options.through,
      username: user,
      ident: `MiniFTP_client_${RELEASE}`,
      algorithms: {
        cipher: CIPHERS,
        ...(options.hostKeyTypes.length > 0 && {
          serverHostKey: { prepend: preferred(options.hostKeyTypes), append: [], remove: [] },
        }),
      },
      readyTimeout: 0,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: KEEPALIVES_LOST,
      hostVerifier: (blob: Buffer, done: (good: boolean) => void) => {
        late.stop()
        options.checkHost(blob).then(
          (good) => {
            late.start()
            if (!good) refusal = new OpError('EPERM', 'The key of the host was not accepted')
            done(good)
          },
          (error: unknown) => {
            refusal =
              error instanceof OpError
                ? error
                : new OpError('EIO', 'The key of the host could not be checked', { cause: error })
            done(false)
          },
        )
      },
      authHandler: (
        left: ssh2.AuthenticationType[],
        partial: boolean | null,
        next: (method: ssh2.AnyAuthMethod | false) => void,
      ) => {
        late.stop()
        options.login(
          left,
          partial as boolean,
          ((method: never) => {
            late.start()
            next(method)
          }) as never,
        )
      },
    } as unknown as ssh2.ConnectConfig)
    offerHybrid(insideOf(peer as unknown as ssh2.Connection)._protocol)
    await ready
  } catch (cause) {
    cut()
    if (signal?.aborted) throw new OpError('ECANCELED', 'Cancelled', { cause })
    throw refusal ?? explain(cause, host, port, user, late.passed())
  } finally {
    late.end()
    signal?.removeEventListener('abort', cut)
  }
  return dialedOver(peer, options, gone.promise, () => agreed, cut, opened?.lends)
}

function dialedOver(
  peer: ssh2.Client,
  { dataPath = 'fast' }: DialOptions,
  closed: Promise<void>,
  agreed: () => { kex: string; cipher: string },
  cut: () => void,
  lends: (() => void) | undefined,
): Dialed {
  const inside = insideOf(peer as unknown as ssh2.Connection)
  const fast = dataPath === 'fast' && lends !== undefined && whyNotFast() === undefined
  let path: ReturnType<ReturnType<typeof openFastPath>['connect']> | undefined
  const commands = new Semaphore(COMMANDS)
  let isAlive = true
  closed.then(() => {
    isAlive = false
  })

  const alive = (): boolean => isAlive && inside._sock.writable
  const portOf = (channel: ssh2.ClientChannel, sink: PacketSink): DrainedPort => {
    // Both sides' channels are ssh2's one class; what the ports touch of it is in both.
    const both = channel as unknown as ssh2.ServerChannel
    if (!fast) return plainPort(both, inside._sock, sink)
    path ??= openFastPath().connect(peer as unknown as ssh2.Connection, () => lends?.())
    return path.port(both, sink)
  }

  return {
    software: (peer as unknown as { readonly _remoteVer?: string })._remoteVer ?? '',
    get agreed() {
      return agreed()
    },
    closed,
    alive,
    cut,
    async subsystem(name, sink) {
      const channel = await asked<ssh2.ClientChannel>(alive, (done) => peer.subsys(name, done))
      channel.on('error', () => {})
      // Its stderr repeats what the replies say; unread it would use the window up.
      channel.stderr.resume()
      channel.once('close', () => sink.end())
      const port = portOf(channel, sink)
      return {
        writer: port.writer,
        credit: (count) => port.credit(count),
        writeError: (bytes) => port.writeError(bytes),
        close: () => void channel.close(),
      }
    },
    async exec(command) {
      using _ = await commands.enter()
      const bytes = Buffer.from(command, 'latin1')
      // Heard from the moment it is there: all that a quick command says may lie in the same read.
      let said: ReturnType<typeof output> | undefined
      await asked<ssh2.ClientChannel>(alive, (done) =>
        peer.exec(bytes as unknown as string, (error, channel) => {
          if (!error) said = output(channel, closed)
          done(error, channel)
        }),
      )
      return await said!
    },
    tunnel: (host, port) =>
      asked<ssh2.ClientChannel>(alive, (done) => peer.forwardOut('127.0.0.1', 0, host, port, done)),
  }
}

async function output(
  channel: ssh2.ClientChannel,
  closed: Promise<void>,
): Promise<{ status: number | null; stdout: string }> {
  const chunks: Buffer[] = []
  let size = 0
  let status: number | null = null
  channel.on('error', () => {})
  channel.on('exit', (code: number | null) => {
    status = code
  })
  channel.stderr.resume()
  channel.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= MOST_OUTPUT) chunks.push(chunk)
    else channel.close()
  })
  channel.end()
  const over = await Promise.race([
    once(channel, 'close').then(() => 'channel'),
    closed.then(() => 'connection'),
  ])
  if (over === 'connection' && status === null) throw lost()
  if (size > MOST_OUTPUT)
    throw new OpError('EPROTO', `The server answered with more than ${MOST_OUTPUT} bytes`)
  return { status, stdout: Buffer.concat(chunks).toString('latin1') }
}

/** One of ssh2's callbacks as a promise. */
function asked<T>(
  alive: () => boolean,
  ask: (done: (error: Error | undefined, value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (!alive()) return reject(lost())
    try {
      ask((error, value) => {
        if (!error) resolve(value)
        // ssh2 calls a request refused, too, whose connection ended under it.
        else if (!alive() || /No response|Not connected/.test(error.message)) reject(lost(error))
        else reject(new OpError('ENOTSUP', `The server refused it: ${error.message}`, { cause: error }))
      })
    } catch (error) {
      reject(lost(error))
    }
  })
}

export function lost(cause?: unknown): OpError {
  return new OpError('ECONNRESET', 'The connection was lost', { cause })
}

/** A socket that reads into one piece of memory; its 'data' are copies until `lends` was called. */
function openSocket(host: string, port: number): { readonly socket: Socket; readonly lends: () => void } {
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER)
  let lent = false
  const socket: Socket = connect({
    host,
    port,
    noDelay: true,
    onread: {
      buffer,
      callback(count: number): boolean {
        const bytes = buffer.subarray(0, count)
        socket.emit('data', lent ? bytes : Buffer.from(bytes))
        return true
      },
    },
  })
  return {
    socket,
    lends() {
      lent = true
    },
  }
}

const RSA = ['rsa-sha2-512', 'rsa-sha2-256']

/** ssh2's names of the algorithms for keys of these types. */
function preferred(types: readonly string[]): ssh2.ServerHostKeyAlgorithm[] {
  return types.flatMap((type) =>
    type === 'ssh-rsa' ? RSA : KNOWN_KEYS.has(type) ? [type] : [],
  ) as ssh2.ServerHostKeyAlgorithm[]
}
const KNOWN_KEYS = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
])

/** Time that runs only while nobody is asked anything, until it has ended: the host's key is checked whenever keys are renewed. */
function patience(ms: number, tooLate: () => void) {
  let handle: NodeJS.Timeout | undefined
  let isOver = false
  let hasEnded = false
  const stop = (): void => clearTimeout(handle)
  const end = (): void => {
    hasEnded = true
    stop()
  }
  const start = (): void => {
    stop()
    if (hasEnded) return
    handle = setTimeout(() => {
      isOver = true
      tooLate()
    }, ms)
  }
  start()
  return { start, stop, end, passed: () => isOver }
}

function explain(cause: unknown, host: string, port: number, user: string, late: boolean): OpError {
  const text = cause instanceof Error ? cause.message.replace(/^\w+: /, '') : String(cause)
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const where = port === 22 ? host : `${host}:${port}`
  if (/authentication methods failed/.test(text))
    return new OpError(
      'EACCES',
      `"${where}" refused the login of "${user}": check the name, the password or the key`,
      { cause },
    )
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new OpError('ECONNREFUSED', `The host "${host}" is not known: check its name`, { cause })
  if (code === 'ECONNREFUSED')
    return new OpError(
      'ECONNREFUSED',
      `Nothing listens at port ${port} of "${host}": check host and port, and that the server runs`,
      { cause },
    )
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH' || code === 'ETIMEDOUT')
    return new OpError('ECONNREFUSED', `"${where}" is not to be reached: check the network and the host`, {
      cause,
    })
  if (late) return new OpError('ECONNRESET', `"${where}" did not answer in time`, { cause })
  if (/no matching|handshake failed/i.test(text))
    return new OpError('EPROTO', `"${where}" has no algorithms in common with us: ${text}`, { cause })
  return new OpError('ECONNRESET', `The connection to "${where}" ended before the login was done`, { cause })
}
