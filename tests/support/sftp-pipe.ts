import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import ssh2 from 'ssh2'
import { decodeReply, type Reply } from '../../src/wire/replies.ts'
import { encodeRequest, type Request } from '../../src/wire/requests.ts'
import type { TestServer } from './start-server.ts'

/** An SFTP session of the real server into which any bytes can be put. */
export interface SftpPipe extends Disposable {
  send(bytes: Uint8Array): void
  /** The next answer; undefined when the session is over. */
  reply(): Promise<{ readonly id: number; readonly reply: Reply } | undefined>
  ask(request: Request): Promise<Reply>
  readonly over: boolean
}

/** A connection of ada's, or of who else has her key, for many pipes. */
export async function sftpPipes(
  server: TestServer,
  username = 'ada',
): Promise<{ open(): Promise<SftpPipe>; end(): void; readonly client: ssh2.Client }> {
  const client = new ssh2.Client()
  client.on('error', () => {})
  client.connect({
    host: server.host,
    port: server.port,
    username,
    privateKey: readFileSync(server.key),
  })
  await once(client, 'ready')
  return { client, open: () => openPipe(client), end: () => void client.end() }
}

async function openPipe(client: ssh2.Client): Promise<SftpPipe> {
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    // ssh2's subsys('sftp') would put its own session on it.
    client.subsys('sftp', (error, opened) => (error ? reject(error) : resolve(opened))),
  )
  let held = Buffer.alloc(0)
  let over = false
  let look = (): void => {}
  channel.on('data', (bytes: Buffer) => {
    held = Buffer.concat([held, bytes])
    look()
  })
  channel.stderr.resume()
  channel.once('close', () => {
    over = true
    look()
  })
  const packet = async (): Promise<Buffer | undefined> => {
    for (;;) {
      if (held.length >= 4 && held.length >= 4 + held.readUInt32BE(0)) {
        const end = 4 + held.readUInt32BE(0)
        const found = held.subarray(4, end)
        held = held.subarray(end)
        return found
      }
      if (over) return undefined
      await new Promise<void>((resolve) => {
        look = resolve
      })
    }
  }
  channel.write(encodeRequest({ type: 'init', version: 3 }))
  await packet()
  const pipe: SftpPipe = {
    send: (bytes) => void channel.write(bytes),
    async reply() {
      const found = await packet()
      return found === undefined ? undefined : decodeReply(found)
    },
    async ask(request) {
      pipe.send(encodeRequest(request))
      const heard = await pipe.reply()
      if (heard === undefined) throw new Error('The session ended')
      return heard.reply
    },
    get over() {
      return over
    },
    [Symbol.dispose]: () => channel.close(),
  }
  return pipe
}
