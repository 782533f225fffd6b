// Mallory is logged in and bends the channels of her connection: sizes that ssh2 loops on, data that nobody made room for,
// channels without number, closed before they began, or on to other machines. She is refused or cut off.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { type RawClient, rawClient, sshString } from '../support/raw-client.ts'
import { startPorch } from '../support/start-porch.ts'

const ADMINISTRATIVELY_PROHIBITED = 1
const OPENED = ['CHANNEL_OPEN_CONFIRMATION', 'CHANNEL_OPEN_FAILURE'] as const
const silent = ({ signal }: { readonly signal: AbortSignal }): Promise<number> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(0)))

async function open(client: RawClient, id: number, packetSize = 32_768): Promise<string> {
  const heard = client.next(...OPENED)
  client.protocol.session(id, 65_536, packetSize)
  return (await heard).name
}

// ada asks for packets of 0 bytes: ssh2 cuts what it sends into such pieces, for ever; of 1 byte: until the heap is full.
for (const [size, answer] of [
  [0, 'CHANNEL_OPEN_FAILURE'],
  [1, 'CHANNEL_OPEN_FAILURE'],
  [1023, 'CHANNEL_OPEN_FAILURE'],
  [1024, 'CHANNEL_OPEN_CONFIRMATION'],
] as const) {
  test(`channel: answers a packet size of ${size} with ${answer}`, async () => {
    await using porch = await startPorch(silent)
    using client = await rawClient(porch.port)

    assert.equal(await open(client, 0, size), answer)
  })
}

// ada opens channels until the memory is full.
test('channel: opens 16 on a connection, and no more', async () => {
  await using porch = await startPorch(silent)
  using client = await rawClient(porch.port)

  const names: string[] = []
  for (let id = 0; id < 17; id += 1) names.push(await open(client, id))

  assert.deepEqual(
    names.map((name) => name === 'CHANNEL_OPEN_CONFIRMATION'),
    [...Array(16).fill(true), false],
  )
})

// ada uses all of them at a time, and the operator reads of a leak on the terminal.
test('channel: 16 that are in use are none too many for Node', async (t) => {
  const warned: string[] = []
  const hear = ({ message }: Error): void => void warned.push(message)
  process.on('warning', hear)
  t.after(() => process.off('warning', hear))
  await using porch = await startPorch(async ({ channel, signal }) => {
    await channel.write(Buffer.from('here'))
    return silent({ signal })
  })
  using client = await rawClient(porch.port)
  for (let id = 0; id < 16; id += 1) {
    await open(client, id)
    const answered = client.next('CHANNEL_DATA')
    client.protocol.exec(id, 'wait', false)
    await answered
  }

  // Its client's own in this process wait for closes.
  assert.deepEqual(
    warned.filter((text) => /drain|handshake/.test(text)),
    [],
  )
})

// ada opens and closes sessions that she never starts: ssh2 does not answer, and her channels would be used up.
test('channel: answers the close of a session that never started, and opens others for it', async () => {
  await using porch = await startPorch(silent, { limits: { channels: 1 } })
  using client = await rawClient(porch.port)
  await open(client, 0)

  const heard = client.next('CHANNEL_CLOSE')
  client.protocol.channelClose(0)
  const answer = await heard
  const again = await open(client, 1)

  assert.deepEqual([answer.name, again], ['CHANNEL_CLOSE', 'CHANNEL_OPEN_CONFIRMATION'])
})

// ada does not wait for the window: what she sends is kept in memory until somebody reads it, who never does.
test('channel: ends a connection that sends beyond its window', { timeout: 20_000 }, async () => {
  await using porch = await startPorch(silent)
  using client = await rawClient(porch.port)
  await open(client, 0)
  const started = client.next('CHANNEL_SUCCESS')
  client.protocol.exec(0, 'wait', true)
  await started

  const heard = client.next()
  for (let i = 0; i < 400; i += 1) client.protocol.channelData(0, Buffer.alloc(32_000))

  assert.equal((await heard).name, 'closed')
})

// ada has an account for files, and wants to go on from here to machines that only the server can reach.
test('channel: nothing is forwarded, in either direction', async () => {
  await using porch = await startPorch(silent)
  using client = await rawClient(porch.port)
  const place = [sshString('127.0.0.1'), Buffer.from([0, 0, 0, 80])]

  const opened = client.next(...OPENED)
  const from = Buffer.from('00000000' + '00100000' + '00008000', 'hex')
  client.send(Buffer.concat([Buffer.from([90]), sshString('direct-tcpip'), from, ...place, ...place]))
  const listening = client.next('REQUEST_SUCCESS', 'REQUEST_FAILURE')
  client.send(Buffer.concat([Buffer.from([80]), sshString('tcpip-forward'), Buffer.from([1]), ...place]))

  const { name, args } = await opened
  assert.deepEqual([name, (await listening).name], ['CHANNEL_OPEN_FAILURE', 'REQUEST_FAILURE'])
  assert.deepEqual(args, [0, ADMINISTRATIVELY_PROHIBITED, 'Nothing is forwarded here'])
})

// Nobody attacks: a client asks one small thing after another, and each answer would wait 40 ms for the last one's
// acknowledgement (Nagle's algorithm). Node keeps what was asked of the kernel with the socket.
test('channel: what is sent is sent at once, whatever the kernel would wait for', async () => {
  await using porch = await startPorch(silent)
  const accepted: object[] = []
  const note = (message: unknown): void => void accepted.push((message as { socket: object }).socket)
  subscribe('net.server.socket', note)
  try {
    using _ = await rawClient(porch.port)
  } finally {
    unsubscribe('net.server.socket', note)
  }

  const noDelay = accepted.map((socket) => {
    const symbol = Object.getOwnPropertySymbols(socket).find(
      ({ description }) => description === 'kSetNoDelay',
    )
    return symbol && (socket as Record<symbol, unknown>)[symbol]
  })

  assert.deepEqual(noDelay, [true])
})
