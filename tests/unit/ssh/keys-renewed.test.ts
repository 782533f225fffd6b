import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { type TestContext, test } from 'node:test'
import type ssh2 from 'ssh2'
import { type RenewalLimits, renewKeys } from '../../../src/ssh/keys-renewed.ts'

const HOUR = 3_600_000
const GIB = 1024 ** 3

/** A connection of ssh2 whose exchanges end when `exchanged` is called. */
function connection(t: TestContext, limits: RenewalLimits = { rekeyMs: HOUR, rekeyBytes: GIB }) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const socket = Object.assign(new EventEmitter(), { bytesRead: 0 })
  const protocol = {
    _destruct: {},
    _kexinit: undefined as Buffer | undefined,
    _queue: undefined as Uint8Array[] | undefined,
    _onWrite: (_data: { readonly length: number }): void => {},
  }
  const state = { begun: 0, cut: [] as string[], past: 0 }
  const peer = Object.assign(new EventEmitter(), {
    _sock: socket,
    _protocol: protocol,
    rekey() {
      state.begun += 1
      protocol._kexinit = Buffer.alloc(1)
    },
  })
  const renewal = renewKeys(
    peer as unknown as ssh2.Connection,
    limits,
    (why) => void state.cut.push(why),
    () => state.past,
  )
  return {
    state,
    protocol,
    renewal,
    moves(bytes: number) {
      socket.bytesRead += bytes
      socket.emit('data')
    },
    exchanged() {
      protocol._kexinit = undefined
      peer.emit('rekey')
    },
    pass: (ms: number) => t.mock.timers.tick(ms),
  }
}

test('keys: renewed when the volume is reached, counted anew from then on', (t) => {
  const { state, renewal, moves, exchanged } = connection(t)
  renewal.start()

  moves(GIB - 1)
  assert.equal(state.begun, 0)
  moves(1)
  moves(1000)
  assert.equal(state.begun, 1)
  exchanged()
  moves(GIB - 1)
  assert.equal(state.begun, 1)
  moves(1)

  assert.equal(state.begun, 2)
  assert.deepEqual(state.cut, [])
})

test('keys: what is sent counts as what comes does, by ssh2 or past it', (t) => {
  const { state, protocol, renewal, moves, exchanged } = connection(t)
  renewal.start()

  protocol._onWrite({ length: GIB - 2 })
  moves(1)
  assert.equal(state.begun, 0)
  moves(1)
  assert.equal(state.begun, 1)
  exchanged()

  state.past += GIB - 2
  moves(1)
  assert.equal(state.begun, 1)
  moves(1)
  assert.equal(state.begun, 2)
})

test('keys: 0 is never, by volume and by age; an exchange must end all the same', (t) => {
  const { state, protocol, renewal, moves, pass } = connection(t, { rekeyMs: 0, rekeyBytes: 0 })
  renewal.start()

  moves(2 * GIB)
  pass(10 * HOUR)
  assert.equal(state.begun, 0)
  protocol._kexinit = Buffer.alloc(1)
  for (let tenMinutes = 0; tenMinutes < 3; tenMinutes++) pass(HOUR / 6)

  assert.deepEqual(state.cut, ['a key exchange that does not end'])
})

test('keys: renewed when they are old enough, until the connection ends', (t) => {
  const { state, renewal, exchanged, pass } = connection(t)
  renewal.start()

  pass(HOUR - 1)
  assert.equal(state.begun, 0)
  pass(1)
  assert.equal(state.begun, 1)
  exchanged()
  pass(HOUR)
  assert.equal(state.begun, 2)
  exchanged()
  renewal.stop()
  pass(10 * HOUR)

  assert.equal(state.begun, 2)
})

test('keys: nobody gets new ones before the login, nor does volume ask for them', (t) => {
  const { state, moves, exchanged } = connection(t)

  moves(2 * GIB)
  assert.equal(state.begun, 0)
  exchanged()

  assert.deepEqual(state.cut, ['new keys before login'])
})

test('keys: a client may renew them as often as it uses them, and a few times for nothing', (t) => {
  const { state, renewal, moves, exchanged } = connection(t)
  renewal.start()

  for (let i = 0; i < 100; i++) {
    moves(16 * 1024 + 1)
    exchanged()
  }
  for (let i = 0; i < 16; i++) exchanged()
  assert.deepEqual(state.cut, [])
  exchanged()

  assert.deepEqual(state.cut, ['new keys again and again'])
})

// ssh2 keeps every answer until the exchange is over, and mallory sees to it that it never is.
test('keys: what waits for the end of an exchange is bounded, in bytes and in number', (t) => {
  for (const [answers, size] of [
    [24, 1024 * 1024],
    [125_000, 1],
  ] as const) {
    const { state, protocol, renewal, moves } = connection(t)
    renewal.start()
    protocol._queue = []
    for (let i = 0; i < answers - 1; i++) protocol._queue.push(Buffer.allocUnsafe(size))
    moves(1)
    assert.deepEqual(state.cut, [])
    for (let i = 0; i < answers / 10; i++) protocol._queue.push(Buffer.allocUnsafe(size))
    moves(1)

    assert.deepEqual(state.cut, ['too many requests in a key exchange'])
    t.mock.timers.reset()
  }
})

test('keys: an exchange that the client never ends is not waited for for ever', (t) => {
  const { state, renewal, pass } = connection(t)
  renewal.start()

  pass(HOUR)
  assert.deepEqual(state.cut, [])
  pass(HOUR)

  assert.deepEqual(state.cut, ['a key exchange that does not end'])
  pass(HOUR)
  assert.equal(state.cut.length, 1)
})
