import { once } from 'node:events'
import type { Socket } from 'node:net'
import ssh2 from 'ssh2'
import { ADA } from './start-porch.ts'

const KEXINIT = 20

/** What we drive of ssh2's client, below its own manners. */
interface Protocol {
  readonly _handlers: Record<string, (protocol: unknown, ...args: unknown[]) => void>
  session(id: number, window: number, packetSize: number): void
  channelData(recipient: number, data: Buffer): void
  channelClose(recipient: number): void
  channelEOF(recipient: number): void
  channelWindowAdjust(recipient: number, count: number): void
  rekey(): void
  readonly _kex: { readonly sessionID: Buffer }
  readonly _packetRW: {
    readonly write: {
      readonly allocStart: number
      alloc(length: number): Buffer
      finalize(packet: Buffer): Buffer
    }
  }
  readonly _cipher: { encrypt(packet: Buffer): void }
  readonly _decipher: { _onPayload: (payload: Buffer) => unknown }
  ping(): void
  service(name: string): void
  exec(recipient: number, command: string, wantReply: boolean): void
  subsystem(recipient: number, name: string, wantReply: boolean): void
  authNone(name: string): void
  authKeyboard(name: string): void
  authPassword(name: string, password: string, newPassword?: string): void
  authPK(
    name: string,
    key: unknown,
    algorithm: string | undefined,
    sign?: (blob: Buffer, done: (signature: Buffer) => void) => void,
  ): void
}

export interface RawClient extends Disposable {
  readonly protocol: Protocol
  /** The next answer of one of these kinds, with its fields; 'closed' when the server ends the connection. */
  next(...names: string[]): Promise<{ readonly name: string; readonly args: readonly unknown[] }>
  /** Reads nothing more from its socket. */
  deaf(): void
  /** What `work` sends leaves in one write. */
  together(work: () => void): void
  /** Any payload, sealed as a message. */
  send(payload: Buffer): void
  /** Called after each further key exchange. */
  onExchange(then: () => void): void
  /** The server's part of the next key exchange is kept until `goOn`; `came`: it is here. */
  holdExchange(): { readonly came: Promise<void>; goOn(): void }
  /** From now on a key exchange that the server begins is not answered. */
  ignoreExchange(): void
}

/** A string as SSH carries it (RFC 4251 §5). */
export function sshString(bytes: string | Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(bytes.length)
  return Buffer.concat([head, Buffer.from(bytes as string)])
}

/** A client that speaks only when told to; logged in as ada unless `loggedIn` is false. */
export async function rawClient(
  port: number,
  loggedIn: boolean | { readonly username: string; readonly password: string } = true,
  algorithms: ssh2.Algorithms = {},
): Promise<RawClient> {
  const client = new ssh2.Client()
  client.on('error', () => {})
  const started = Promise.withResolvers<void>()
  const ready = loggedIn ? once(client, 'ready') : started.promise
  client.connect({
    host: '127.0.0.1',
    port,
    username: typeof loggedIn === 'object' ? loggedIn.username : ADA.name,
    algorithms,
    // It is the server that ends it, or nobody.
    readyTimeout: 0,
    ...(loggedIn
      ? { password: typeof loggedIn === 'object' ? loggedIn.password : ADA.password }
      : { authHandler: () => void started.resolve() as never }),
  })
  await ready
  const { _sock: socket } = client as unknown as { _sock: Socket }
  // Two small messages in a row would wait for each other.
  socket.setNoDelay(true)
  const protocol = (client as unknown as { _protocol: Protocol })._protocol
  return {
    protocol,
    next(...names) {
      return new Promise((resolve) => {
        client.once('close', () => resolve({ name: 'closed', args: [] }))
        for (const name of names) protocol._handlers[name] = (_, ...args) => resolve({ name, args })
      })
    },
    deaf: () => void socket.pause(),
    together(work) {
      socket.cork()
      work()
      socket.uncork()
    },
    send(payload) {
      const { write } = protocol._packetRW
      const start = write.allocStart
      const packet = write.alloc(payload.length)
      packet.set(payload, start)
      protocol._cipher.encrypt(write.finalize(packet))
    },
    onExchange: (then) => void client.on('handshake', then),
    holdExchange() {
      const { _decipher: decipher } = protocol
      const onward = decipher._onPayload
      const came = Promise.withResolvers<void>()
      let kept: Buffer | undefined
      decipher._onPayload = (payload) => {
        if (payload[0] !== KEXINIT) return onward(payload)
        kept = Buffer.from(payload)
        came.resolve()
        return undefined
      }
      return {
        came: came.promise,
        goOn() {
          decipher._onPayload = onward
          onward(kept!)
        },
      }
    },
    ignoreExchange() {
      const { _decipher: decipher } = protocol
      const onward = decipher._onPayload
      decipher._onPayload = (payload) => (payload[0] === KEXINIT ? undefined : onward(payload))
    },
    [Symbol.dispose]: () => void client.destroy(),
  }
}
