import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { encodeRequest } from '../../src/wire/requests.ts'
import { ATTACKS, makeBigFile, memoryOf } from '../../tests/support/hostile.ts'
import { type SftpPipe, sftpPipes } from '../../tests/support/sftp-pipe.ts'
import { startServer, type TestServer } from '../../tests/support/start-server.ts'
import type { Torture } from './killed-uploads.ts'

const STRANGERS = 1000
const LOOKS = 600
const MIB = 1024 * 1024
const GRACE_MS = 20_000
/** READs of the transfer that goes on meanwhile, at once. */
const READS = 32
/** Of it, what comes before anything is measured: it has its memory by then. */
const WARM = 128 * MIB
/** What each may cost at most: memory, and ms that others wait for an answer, a transfer for its next bytes, a newcomer. */
const MOST = { bytes: 64 * MIB, answerMs: 1000, stallMs: 500, loginMs: 2000 }

/**
 * What one hostile client costs: memory, and the worst that somebody else waits meanwhile, who asks, downloads or logs in.
 * Prints a line each, and ends with an error where one costs too much.
 */
export async function hostile({ count, say }: Torture): Promise<string> {
  await using server = await startServer({ env: { MINIFTP_LOGIN_GRACE: `${GRACE_MS}ms` } })
  makeBigFile(server)
  for (let round = 0; round < count; round++) {
    for (const name of Object.keys(ATTACKS)) say(await cost(server, name, () => attacker(server, name)))
    say(await cost(server, 'nobody', async () => ({ [Symbol.dispose]() {} })))
    const strangers = await halfOpen(server)
    say(await cost(server, `holds ${STRANGERS} connections half open`, async () => strangers))
    say(`all of them closed ${(await strangers.closed).toFixed(0)} ms after the last was opened`)
  }
  return 'each within what is allowed'
}

async function cost(server: TestServer, name: string, attack: () => Promise<Disposable>): Promise<string> {
  const pipes = await sftpPipes(server)
  using other = await pipes.open()
  const downloads = await sftpPipes(server)
  using download = bulk(await downloads.open())
  await download.warm
  const before = memoryOf(server.pid)
  let most = 0
  let worst = 0
  let over = false
  const attacking = attack().finally(() => {
    over = true
  })
  // Watched while it attacks, and for a while after.
  for (let looks = 0; looks < LOOKS; looks += over ? 1 : 0) {
    const began = performance.now()
    await other.ask({ type: 'stat', id: looks, path: '/' })
    worst = Math.max(worst, performance.now() - began)
    most = Math.max(most, memoryOf(server.pid) - before)
  }
  const began = performance.now()
  const newcomer = await sftpPipes(server)
  const login = performance.now() - began
  newcomer.end()
  pipes.end()
  downloads.end()
  ;(await attacking)[Symbol.dispose]()
  const { stall, bytes } = download
  const told = `${name}: ${(most / MIB).toFixed(1)} MiB more, worst answer ${worst.toFixed(0)} ms, login ${login.toFixed(0)} ms, beside ${(bytes / MIB).toFixed(0)} MiB of a download that waited ${stall.toFixed(0)} ms at most`
  const dear = most > MOST.bytes || worst > MOST.answerMs || stall > MOST.stallMs || login > MOST.loginMs
  if (dear) throw new Error(told)
  return told
}

/** A download without an end, and the longest that it waited for its next bytes. */
function bulk(
  pipe: SftpPipe,
): Disposable & { readonly warm: Promise<void>; readonly stall: number; readonly bytes: number } {
  const warm = Promise.withResolvers<void>()
  let stall = 0
  let bytes = 0
  let offset = 0
  const ask = (): void => {
    const length = 255 * 1024
    pipe.send(encodeRequest({ type: 'read', id: 1, handle: '\0\0\0\x01', offset, length }))
    offset = (offset + length) % (512 * MIB)
  }
  const run = async (): Promise<void> => {
    await pipe.ask({ type: 'open', id: 1, path: '/big', flags: { read: true }, attrs: {} })
    for (let i = 0; i < READS; i++) ask()
    for (let last = performance.now(); ; last = performance.now()) {
      const heard = await pipe.reply()
      if (heard?.reply.type !== 'data') return
      stall = Math.max(stall, performance.now() - last)
      bytes += heard.reply.data.length
      if (bytes > WARM) warm.resolve()
      ask()
    }
  }
  void run()
  return {
    warm: warm.promise,
    get stall() {
      return stall
    },
    get bytes() {
      return bytes
    },
    [Symbol.dispose]: () => pipe[Symbol.dispose](),
  }
}

/** In a process of its own: its work must not pass for the server's. */
async function attacker(server: TestServer, name: string): Promise<Disposable> {
  const words = [join(import.meta.dirname, 'hostile-client.ts'), name, String(server.port), server.password]
  const child = spawn(process.execPath, ['--no-warnings', ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  await Promise.race([once(child.stdout!, 'data'), once(child, 'close')])
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

/** Half of them silent, half with the beginning of a key exchange; `closed`: when the server had closed the last of them. */
async function halfOpen(server: TestServer): Promise<Disposable & { readonly closed: Promise<number> }> {
  const sockets: Socket[] = []
  const closed: Promise<unknown>[] = []
  for (let i = 0; i < STRANGERS; i++) {
    const socket = connect(server.port, server.host)
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'connect')
    if (i % 2) socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n\0\0\x80\0'), Buffer.alloc(30_000, 20)]))
    sockets.push(socket)
    closed.push(once(socket, 'close'))
  }
  const opened = performance.now()
  return {
    closed: Promise.all(closed).then(() => performance.now() - opened),
    // They are left to the server.
    [Symbol.dispose]() {},
  }
}
