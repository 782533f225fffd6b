// What a client sends reaches ssh2's handlers only as far as the guards let it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type ssh2 from 'ssh2'
import { guardPeer } from '../../../src/ssh/guards.ts'

const NAMES = [
  'CHANNEL_OPEN',
  'GLOBAL_REQUEST',
  'CHANNEL_REQUEST',
  'CHANNEL_DATA',
  'CHANNEL_CLOSE',
  'SERVICE_REQUEST',
  'USERAUTH_REQUEST',
]

/** A connection of ssh2 whose handlers note what reached them, under guard. */
function guarded() {
  const heard: unknown[][] = []
  const told: unknown[][] = []
  const cuts: string[] = []
  let asked = 0
  const channels = new Map<number, unknown>()
  const handlers = Object.fromEntries(
    NAMES.map((name) => [name, (_: unknown, ...args: unknown[]) => void heard.push([name, ...args])]),
  ) as Record<string, (protocol: unknown, ...args: unknown[]) => void>
  const tell =
    (name: string) =>
    (...args: unknown[]) =>
      void told.push([name, ...args])
  const protocol = {
    _handlers: handlers,
    channelOpenFail: tell('channelOpenFail'),
    channelClose: tell('channelClose'),
    serviceAccept: tell('serviceAccept'),
  }
  const manager = {
    get: (id: number) => channels.get(id),
    remove: (id: number) => void channels.delete(id),
  }
  const question = { open: false }
  const { decided } = guardPeer(
    { _protocol: protocol, _chanMgr: manager } as unknown as ssh2.Connection,
    1024,
    () => {
      asked += 1
    },
    () => question.open,
    (why) => void cuts.push(why),
  )
  const send = (name: string, ...args: unknown[]): void => handlers[name]!(protocol, ...args)
  return { send, decided, question, heard, told, cuts, channels, asked: () => asked }
}

test('guards: a packet size under the least is refused, one that is huge is cut to 256 KiB', () => {
  const { send, heard, told } = guarded()
  const type = 'session'

  send('CHANNEL_OPEN', { type, sender: 3, packetSize: 1023 })
  send('CHANNEL_OPEN', { type, sender: 4, packetSize: 1024 })
  send('CHANNEL_OPEN', { type, sender: 5, packetSize: 0xffffffff })

  assert.deepEqual(told, [['channelOpenFail', 3, 1, 'The packet size must be at least 1024']])
  assert.deepEqual(heard, [
    ['CHANNEL_OPEN', { type, sender: 4, packetSize: 1024 }],
    ['CHANNEL_OPEN', { type, sender: 5, packetSize: 256 * 1024 }],
  ])
})

test('guards: each request that ssh2 answers by itself is counted', () => {
  const { send, asked } = guarded()

  for (const name of ['GLOBAL_REQUEST', 'CHANNEL_REQUEST', 'CHANNEL_DATA']) send(name, 0, Buffer.alloc(1))
  send('CHANNEL_OPEN', { type: 'session', sender: 0, packetSize: 32_768 })

  assert.equal(asked(), 3)
})

for (const [state, channel] of [
  ['a channel', { incoming: { window: 10 } }],
  ['a session that has not started', { _chanInfo: { incoming: { window: 10 }, outgoing: { id: 0 } } }],
] as const) {
  test(`guards: data beyond the window of ${state} end the connection`, () => {
    const { send, heard, cuts, channels } = guarded()
    channels.set(0, channel)

    send('CHANNEL_DATA', 0, Buffer.alloc(10))
    assert.deepEqual(cuts, [])
    send('CHANNEL_DATA', 0, Buffer.alloc(11))

    assert.equal(heard.length, 1)
    assert.deepEqual(cuts, ['data beyond the window'])
  })
}

test('guards: the CLOSE of a session that never started is answered, and its place is free', () => {
  const { send, told, channels } = guarded()
  channels.set(7, { _chanInfo: { incoming: { window: 10 }, outgoing: { id: 9 } } })

  send('CHANNEL_CLOSE', 7)

  assert.deepEqual(told, [['channelClose', 9]])
  assert.equal(channels.size, 0)
})

test('guards: the login service may be asked for again, 32 times in all; another service is left to ssh2', () => {
  const { send, heard, told, cuts } = guarded()

  for (let times = 0; times < 32; times++) send('SERVICE_REQUEST', 'ssh-userauth')
  assert.deepEqual([heard.length, told.length, cuts], [1, 31, []])
  send('SERVICE_REQUEST', 'ssh-connection')
  assert.equal(heard.length, 2)
  send('SERVICE_REQUEST', 'ssh-userauth')

  assert.deepEqual(cuts, ['the login service asked for too often'])
})

test('guards: one attempt is decided after the other, in their order, and eight may wait', () => {
  const { send, decided, heard, cuts } = guarded()

  for (let attempt = 0; attempt < 9; attempt++) send('USERAUTH_REQUEST', attempt)
  assert.deepEqual(heard, [['USERAUTH_REQUEST', 0]])
  for (let times = 0; times < 9; times++) decided()
  assert.deepEqual(
    heard.map(([, attempt]) => attempt),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  )
  assert.deepEqual(cuts, [])

  for (let attempt = 0; attempt < 10; attempt++) send('USERAUTH_REQUEST', attempt)
  assert.deepEqual(cuts, ['too many login attempts sent ahead'])
})

// RFC 4252 section 5.1: who is asked for a password may show a key instead.
test('guards: an attempt takes the place of one that waits for an answer, and the third waits for both', () => {
  const { send, decided, question, heard } = guarded()
  const seen = (): unknown[] => heard.map(([, name]) => name)

  send('USERAUTH_REQUEST', 'prompted')
  question.open = true
  send('USERAUTH_REQUEST', 'instead')
  question.open = false
  send('USERAUTH_REQUEST', 'third')
  assert.deepEqual(seen(), ['prompted', 'instead'])
  decided()
  assert.deepEqual(seen(), ['prompted', 'instead'])
  decided()

  assert.deepEqual(seen(), ['prompted', 'instead', 'third'])
})
