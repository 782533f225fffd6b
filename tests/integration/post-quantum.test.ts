// Who records today's connections can read them on the day that a quantum computer is built, unless their keys came of an
// exchange that it does not break either.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { HYBRID } from '../../src/ssh/mlkem.ts'
import { dialPorch } from '../support/dial-porch.ts'
import { succeed, without } from '../support/run-client.ts'
import { startPorch } from '../support/start-porch.ts'
import { startServer } from '../support/start-server.ts'

const nobody = async (): Promise<number> => 0

/** The exchanges that the other side names in its KEXINIT, best first (RFC 4253 §7.1). */
async function offered(socket: Socket): Promise<readonly string[]> {
  socket.on('error', () => {})
  socket.write('SSH-2.0-reader\r\n')
  let heard = Buffer.alloc(0)
  for await (const bytes of socket) {
    heard = Buffer.concat([heard, bytes])
    const packet = heard.subarray(heard.indexOf(10) + 1)
    if (packet.length < 26 || packet.length < 26 + packet.readUInt32BE(22)) continue
    return packet.toString('latin1', 26, 26 + packet.readUInt32BE(22)).split(',')
  }
  throw new Error('There was no KEXINIT')
}

test('post-quantum: the server names it first', async () => {
  await using porch = await startPorch(nobody)

  assert.equal((await offered(connect(porch.port, '127.0.0.1')))[0], HYBRID)
})

test('post-quantum: the client names it first', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const came = once(server, 'connection')
  const dialing = dialPorch((server.address() as AddressInfo).port).catch(() => {})

  const [socket] = (await came) as [Socket]
  const names = await offered(socket)

  assert.equal(names[0], HYBRID)
  server.close()
  await dialing
})

for (const dataPath of ['fast', 'plain'] as const) {
  test(`post-quantum: our client and our server agree on it (${dataPath})`, async () => {
    await using porch = await startPorch(nobody, { dataPath })

    const dialed = await dialPorch(porch.port, dataPath)

    assert.equal(dialed.agreed.kex, HYBRID)
    dialed.cut()
  })
}

/** OpenSSH knows it since 9.9, and warns of servers that do not since 10.1. */
const knows = spawnSync('ssh', ['-Q', 'kex'], { encoding: 'utf8' }).stdout?.includes(HYBRID)
const skip = without('ssh') || (knows ? false : `this ssh does not know ${HYBRID}`)

test('post-quantum: OpenSSH agrees on it unasked, and moves a file through many of its exchanges', {
  skip,
}, async () => {
  await using server = await startServer()
  const words = ['-F', server.sshConfig, '-v', '-o', 'LogLevel=DEBUG1', 'ftp', 'pwd']
  const { stdout, stderr } = await succeed('ssh', words)

  assert.match(stderr, new RegExp(`kex: algorithm: ${HYBRID}`))
  assert.equal(stdout, '/\n')
  const only = ['-F', server.sshConfig, '-o', `KexAlgorithms=${HYBRID}`, '-o', 'RekeyLimit=1M']
  const body = Buffer.alloc(4 * 1024 * 1024, 'in clear')
  await succeed('ssh', [...only, 'ftp', 'put f'], { input: body })
  const { bytes } = await succeed('ssh', [...only, 'ftp', 'cat f'])
  assert.ok(bytes.equals(body))
})
