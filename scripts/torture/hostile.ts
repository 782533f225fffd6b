import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { ATTACKS, makeBigFile, memoryOf } from '../../tests/support/hostile.ts'
import { sftpPipes } from '../../tests/support/sftp-pipe.ts'
import { startServer, type TestServer } from '../../tests/support/start-server.ts'
import type { Torture } from './killed-uploads.ts'

const STRANGERS = 1000
const LOOKS = 3000
const MIB = 1024 * 1024

/** What one hostile client costs: memory, and the worst that somebody else waits meanwhile. Prints a line each. */
export async function hostile({ count, say }: Torture): Promise<string> {
  await using server = await startServer({ env: { MINIFTP_LOGIN_GRACE: '20s' } })
  makeBigFile(server)
  for (let round = 0; round < count; round++) {
    for (const name of Object.keys(ATTACKS)) say(await cost(server, name, () => attacker(server, name)))
    say(await cost(server, `holds ${STRANGERS} connections half open`, () => halfOpen(server)))
  }
  return 'each within 64 MiB'
}

async function cost(server: TestServer, name: string, attack: () => Promise<Disposable>): Promise<string> {
  const pipes = await sftpPipes(server)
  using other = await pipes.open()
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
  ;(await attacking)[Symbol.dispose]()
  const told = `${name}: ${(most / MIB).toFixed(1)} MiB more, worst answer ${worst.toFixed(0)} ms, login ${login.toFixed(0)} ms`
  if (most > 64 * MIB) throw new Error(told)
  return told
}

/** In a process of its own: its work must not pass for the server's. */
async function attacker(server: TestServer, name: string): Promise<Disposable> {
  const words = [join(import.meta.dirname, 'hostile-client.ts'), name, String(server.port), server.password]
  const child = spawn(process.execPath, ['--no-warnings', ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  await Promise.race([once(child.stdout!, 'data'), once(child, 'close')])
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

/** Half of them silent, half with the beginning of a key exchange. */
async function halfOpen(server: TestServer): Promise<Disposable> {
  const sockets: Socket[] = []
  for (let i = 0; i < STRANGERS; i++) {
    const socket = connect(server.port, server.host)
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'connect')
    if (i % 2) socket.write(Buffer.concat([Buffer.from('SSH-2.0-x\r\n\0\0\x80\0'), Buffer.alloc(30_000, 20)]))
    sockets.push(socket)
  }
  return {
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
    },
  }
}
