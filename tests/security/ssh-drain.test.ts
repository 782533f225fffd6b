// The operator stops the server in the middle of the day. Who is at work may finish, nobody begins anew, and nobody can
// hold the server back by staying.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import type { SessionHandler } from '../../src/ssh/session.ts'
import { rawClient } from '../support/raw-client.ts'
import { ADA, startPorch } from '../support/start-porch.ts'

/** Longer than any test: what ends before it was not ended by it. */
const LONG = 600_000

const MORE_THAN_SOCKETS_HOLD = 64 * 1024 * 1024

async function login(port: number): Promise<ssh2.Client & { readonly over: Promise<unknown> }> {
  const client = new ssh2.Client()
  client.on('error', () => {})
  const over = once(client, 'close')
  client.connect({ host: '127.0.0.1', port, username: ADA.name, password: ADA.password })
  await once(client, 'ready')
  return Object.assign(client, { over })
}

function exec(client: ssh2.Client): Promise<ssh2.ClientChannel> {
  return new Promise((resolve, reject) =>
    client.exec('work', (error, channel) => (error ? reject(error) : resolve(channel))),
  )
}

/** A session that works until it is told to finish, or is ended. */
function workshop() {
  const finish = Promise.withResolvers<void>()
  const ended: boolean[] = []
  const handler: SessionHandler = async ({ signal }) => {
    await Promise.race([finish.promise, once(signal, 'abort')])
    ended.push(signal.aborted)
    return 0
  }
  return { handler, finish: finish.resolve, ended }
}

test('drain: who works finishes and is then let go; who idles goes at once, and nobody comes', async () => {
  const { handler, finish, ended } = workshop()
  await using porch = await startPorch(handler)
  const idle = await login(porch.port)
  const stranger = connect(porch.port, '127.0.0.1').resume()
  const sentAway = once(stranger, 'close')
  await once(stranger, 'connect')
  const busy = await login(porch.port)
  const channel = await exec(busy)
  const status = once(channel.resume(), 'exit')
  // Nobody reads it, and it must not hold the channel back.
  channel.write('to whom it may concern')

  const drained = porch.drain(LONG)
  await idle.over
  await sentAway
  const refused = connect(porch.port, '127.0.0.1')
  const [error] = await once(refused, 'error')
  assert.equal((error as { code?: unknown }).code, 'ECONNREFUSED')
  await assert.rejects(exec(busy), /open failure/)

  finish()
  assert.deepEqual((await status)[0], 0)
  await busy.over
  await drained
  assert.deepEqual(ended, [false])
})

test('drain: who does not finish in its time is ended', async () => {
  const { handler, ended } = workshop()
  await using porch = await startPorch(handler)
  const busy = await login(porch.port)
  await exec(busy)

  await porch.drain(50)

  await busy.over
  assert.deepEqual(ended, [true])
})

// Mallory has asked for more than the kernel holds and reads nothing: what is queued for her will never be sent.
test('drain: who does not read is let go unheard', async () => {
  const handler: SessionHandler = async ({ channel, signal }) => {
    await Promise.race([channel.write(Buffer.alloc(MORE_THAN_SOCKETS_HOLD)), once(signal, 'abort')])
    return 0
  }
  await using porch = await startPorch(handler)
  using mallory = await rawClient(porch.port)
  const opened = mallory.next('CHANNEL_OPEN_CONFIRMATION')
  mallory.protocol.session(0, 0x7fffffff, 32_768)
  await opened
  const started = mallory.next('CHANNEL_SUCCESS')
  mallory.protocol.exec(0, 'flood', true)
  await started
  mallory.deaf()

  await porch.drain(50)
})
