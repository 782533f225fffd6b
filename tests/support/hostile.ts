import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { encodeRequest, type Request } from '../../src/wire/requests.ts'
import { type RawClient, rawClient } from './raw-client.ts'
import type { TestServer } from './start-server.ts'

const MIB = 1024 * 1024
const BIG = '/big'

/** What one client does to a server, at once; it stays until it is disposed of. */
export type Attack = (server: TestServer) => Promise<Disposable>

/** A file of a gigabyte for those who read. */
export function makeBigFile(server: TestServer): void {
  const file = openSync(join(server.home('ada'), 'big'), 'w')
  ftruncateSync(file, 1024 * MIB)
  closeSync(file)
}

const ada = (server: TestServer): Promise<RawClient> =>
  rawClient(server.port, { username: 'ada', password: server.password })

/** An SFTP channel with a file open, and so many bytes of window. */
async function reading(server: TestServer, window: number): Promise<Reading> {
  return readingOver(await ada(server), 0, window)
}

interface Reading {
  readonly client: RawClient
  readonly remote: number
}

async function readingOver(client: RawClient, id: number, window: number): Promise<Reading> {
  const opened = client.next('CHANNEL_OPEN_CONFIRMATION')
  client.protocol.session(id, window, 32_768)
  const [{ sender: remote }] = (await opened).args as [{ readonly sender: number }]
  const started = client.next('CHANNEL_SUCCESS')
  client.protocol.subsystem(remote, 'sftp', true)
  await started
  const flags = { read: true }
  const first: readonly Request[] = [
    { type: 'init', version: 3 },
    { type: 'open', id: 1, path: BIG, flags, attrs: {} },
  ]
  client.protocol.channelData(remote, Buffer.concat(first.map((request) => encodeRequest(request))))
  return { client, remote }
}

/** READs of 255 KiB each, of the first handle of a session. */
const MUCH = Buffer.concat(
  Array.from({ length: 40_000 }, (_, id) =>
    encodeRequest({ type: 'read', id, handle: '\0\0\0\x01', offset: id * 1024, length: 255 * 1024 }),
  ),
)

/** As many as the server's window takes. */
function askForMuch({ client, remote }: Reading): void {
  for (let at = 0; at < MUCH.length; at += 32_000)
    client.protocol.channelData(remote, MUCH.subarray(at, at + 32_000))
}

export const ATTACKS: Readonly<Record<string, Attack>> = {
  'asks for much and reads nothing from the socket': async (server) => {
    const session = await reading(server, 2 ** 31)
    session.client.deaf()
    askForMuch(session)
    return session.client
  },
  'asks for much and never opens its window': async (server) => {
    const session = await reading(server, 200)
    askForMuch(session)
    return session.client
  },
  'asks the connection itself for answers and reads none': async (server) => {
    const client = await ada(server)
    client.deaf()
    for (let i = 0; i < 400_000; i++) client.protocol.ping()
    return client
  },
  'opens and abandons two thousand channels': async (server) => {
    const client = await ada(server)
    for (let id = 0; id < 2000; id++) {
      client.protocol.session(id, 2 ** 31, 32_768)
      if (id % 3 === 0) client.protocol.exec(id % 16, 'cat /big', false)
      if (id % 5 === 0) client.protocol.channelClose(id % 16)
    }
    return client
  },
  'announces 4 GiB in a packet, and goes on sending': async (server) => {
    const { client, remote } = await reading(server, 2 * MIB)
    client.protocol.channelData(remote, Buffer.from([0xff, 0xff, 0xff, 0xff, 6]))
    for (let i = 0; i < 4000; i++) client.protocol.channelData(remote, Buffer.alloc(32_000))
    return client
  },
}

/** Many sessions of ada's, which ask for much when they are told to. */
export interface Crowd extends Disposable {
  ask(): Promise<void>
}

export const CROWDS: Readonly<Record<string, (server: TestServer) => Promise<Crowd>>> = {
  'eighty connections that read nothing': (server) =>
    crowd(server, { connections: 80, channels: 1, window: 2 ** 31 }),
  'sixteen connections with eight channels that never open their windows': (server) =>
    crowd(server, { connections: 16, channels: 8, window: 200 }),
}

async function crowd(
  server: TestServer,
  { connections, channels, window }: Readonly<Record<'connections' | 'channels' | 'window', number>>,
): Promise<Crowd> {
  const clients = new DisposableStack()
  const sessions: Reading[] = []
  for (let i = 0; i < connections; i++) {
    const client = clients.use(await ada(server))
    for (let id = 0; id < channels; id++) sessions.push(await readingOver(client, id, window))
  }
  return {
    async ask() {
      for (const session of sessions) {
        if (channels === 1) session.client.deaf()
        askForMuch(session)
        // What was sent so far goes out.
        await turn()
      }
    },
    [Symbol.dispose]: () => clients.dispose(),
  }
}

/** Memory of a process that is its own, in bytes. */
export function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)![1]) * 1024
}
