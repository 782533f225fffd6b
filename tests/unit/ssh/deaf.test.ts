import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { stopReadingFromTheDeaf } from '../../../src/ssh/deaf.ts'

const MIB = 1024 * 1024
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function socketOf() {
  const state = { paused: false, writableLength: 0 }
  const socket = Object.assign(new EventEmitter(), {
    pause() {
      state.paused = true
    },
    resume() {
      state.paused = false
    },
  })
  Object.defineProperty(socket, 'writableLength', { get: () => state.writableLength })
  const hearing = stopReadingFromTheDeaf(socket as unknown as Socket, () => 8 * MIB)
  return {
    state,
    hearing,
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

test('deaf: who reads may send as much as it likes', () => {
  const { state, sends } = socketOf()

  for (let i = 0; i < 1000; i++) sends(64 * 1024)

  assert.equal(state.paused, false)
})

// Mallory sends pings by the hundred thousand: each is answered at once, and for two seconds nobody else was.
test('deaf: many requests of the connection in one turn let others in between', async () => {
  const { state, hearing } = socketOf()

  for (let i = 0; i < 499; i++) hearing.asked()
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
