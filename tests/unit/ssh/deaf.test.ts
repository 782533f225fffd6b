import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { stopReadingFromTheDeaf } from '../../../src/ssh/deaf.ts'

const MIB = 1024 * 1024
/** A request on which ssh2 chokes. */
const POISON = 255
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function socketOf(mayBring?: (go: () => void) => boolean) {
  const state = { paused: false, writableLength: 0, corked: 0 }
  const socket = Object.assign(new EventEmitter(), {
    pause() {
      state.paused = true
    },
    resume() {
      state.paused = false
    },
    cork() {
      state.corked += 1
    },
    uncork() {
      state.corked -= 1
    },
  })
  Object.defineProperty(socket, 'writableLength', { get: () => state.writableLength })
  /** Requests that came through, each a byte; opened as ssh2 does, which stops early when told `false`. */
  const opened: number[] = []
  const protocol = {
    _onPayload(payload: Buffer): unknown {
      assert.equal(state.corked, 1)
      if (payload[0] === POISON) throw new Error('Poison')
      opened.push(payload[0]!)
      hearing.asked()
      return undefined
    },
    _parse(chunk: Buffer, from: number, to: number): number | undefined {
      for (let at = from; at < to; at++)
        if (protocol._onPayload(chunk.subarray(at, at + 1)) === false) return at + 1
      return undefined
    },
    parse(_chunk: Buffer, _from: number, _to: number): void {},
  }
  const hearing = stopReadingFromTheDeaf(socket as unknown as Socket, protocol, () => 8 * MIB, mayBring)
  return {
    state,
    hearing,
    opened,
    asks(requests: Buffer) {
      if (socket.listenerCount('data') < 2)
        socket.on('data', (chunk: Buffer) => protocol.parse(chunk, 0, chunk.length))
      socket.emit('data', requests)
    },
    sends: (bytes: number) => socket.emit('data', Buffer.alloc(bytes)),
    drain: () => socket.emit('drain'),
  }
}

test('deaf: who lets too much wait is not read from until it is gone', () => {
  const { state, sends, drain } = socketOf()

  state.writableLength = 8 * MIB
  sends(10)
  assert.equal(state.paused, false)
  state.writableLength = 8 * MIB + 1
  sends(10)
  assert.equal(state.paused, true)
  drain()
  assert.equal(state.paused, false)
})

test('deaf: who goes on asking while little waits, but never less, is not read from either', () => {
  const { state, sends } = socketOf()
  state.writableLength = 100_000

  for (let i = 0; i < 16; i++) sends(64 * 1024)
  assert.equal(state.paused, false)
  sends(1)

  assert.equal(state.paused, true)
})

test('deaf: who brings more than is dealt with is read from again when told, unless it is deaf as well', () => {
  let may = true
  let go = (): void => {}
  const { state, sends, drain } = socketOf((then) => {
    go = then
    return may
  })

  sends(10)
  assert.equal(state.paused, false)
  may = false
  sends(10)
  assert.equal(state.paused, true)
  may = true
  go()
  assert.equal(state.paused, false)
  may = false
  state.writableLength = 9 * MIB
  sends(10)
  drain()
  assert.equal(state.paused, true)
  go()
  assert.equal(state.paused, false)
})

test('deaf: who reads may send as much as it likes', () => {
  const { state, sends } = socketOf()

  for (let i = 0; i < 1000; i++) sends(64 * 1024)

  assert.equal(state.paused, false)
})

// Mallory sends pings by the hundred thousand: each is answered at once, and for two seconds nobody else was.
test('deaf: many requests of the connection in one turn let others in between', async () => {
  const { state, hearing } = socketOf()

  for (let i = 0; i < 99; i++) hearing.asked()
  assert.equal(state.paused, false)
  hearing.asked()
  assert.equal(state.paused, true)
  await turn()

  assert.equal(state.paused, false)
})

test('deaf: the next turn does not wake who is deaf as well', async () => {
  const { state, hearing, sends, drain } = socketOf()
  state.writableLength = 9 * MIB
  sends(1)

  for (let i = 0; i < 600; i++) hearing.asked()
  await turn()
  assert.equal(state.paused, true)
  drain()

  assert.equal(state.paused, false)
})

// She sends them so fast that one read holds thousands: all of them were answered before the pause had an effect.
test('deaf: what one read holds beyond that waits for the next turns, in order and whole', async () => {
  const { state, opened, asks } = socketOf()
  const requests = Buffer.from(Array.from({ length: 250 }, (_, i) => i))
  // The buffer is read into again.
  const read = Buffer.from(requests)

  asks(read)
  read.fill(0)
  assert.equal(opened.length, 100)
  assert.equal(state.paused, true)
  await turn()
  assert.equal(opened.length, 200)
  assert.equal(state.paused, true)
  await turn()

  assert.deepEqual(Buffer.from(opened), requests)
  await turn()
  assert.equal(state.paused, false)
})

test('deaf: what is said to one read leaves together, and nothing is held back after it, whatever ssh2 makes of it', () => {
  const { state, opened, asks } = socketOf()

  asks(Buffer.of(1, 2, 3))
  assert.deepEqual(opened, [1, 2, 3])
  assert.equal(state.corked, 0)

  assert.throws(() => asks(Buffer.of(4, POISON)), /Poison/)
  assert.equal(state.corked, 0)
})
