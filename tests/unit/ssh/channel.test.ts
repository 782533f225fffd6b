import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { Socket } from 'node:net'
import { Duplex, Writable } from 'node:stream'
import { test } from 'node:test'
import type { ServerChannel } from 'ssh2'
import { byteChannel } from '../../../src/ssh/channel.ts'
import { plainPort, tellError } from '../../../src/ssh/plain-port.ts'

const MIB = 1024 * 1024
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Ends of a connection whose client opened its window wide, and does not read: all piles up in the socket. */
function deaf() {
  const socket = Object.assign(new EventEmitter(), { writableLength: 0 })
  const stream = () => {
    const made = Object.assign(new EventEmitter(), {
      writable: true,
      writableLength: 0,
      write(bytes: Uint8Array) {
        socket.writableLength += bytes.length
        return true
      },
    })
    return made
  }
  const channel = Object.assign(stream(), { stderr: stream() })
  return {
    socket,
    channel: channel as unknown as ServerChannel & { stderr: { writableLength: number } },
    wire: socket as unknown as Socket,
    reads() {
      socket.writableLength = 0
      socket.emit('drain')
    },
  }
}

test('channel: who writes to a client that does not read waits, until it has read', async () => {
  const { channel, wire, reads } = deaf()
  const over = new AbortController()
  const bytes = byteChannel(
    channel,
    wire,
    over.signal,
    () => false,
    MIB,
    (sink) => plainPort(channel, wire, sink, MIB),
  )

  await bytes.write(Buffer.alloc(MIB))
  let wrote = false
  const writing = bytes.write(Buffer.alloc(1)).then(() => {
    wrote = true
  })
  await turn()
  assert.equal(wrote, false)
  reads()

  await writing
})

test('channel: who waits for a client that does not read is told when it is gone', async () => {
  const { channel, wire } = deaf()
  const over = new AbortController()
  const bytes = byteChannel(
    channel,
    wire,
    over.signal,
    () => false,
    MIB,
    (sink) => plainPort(channel, wire, sink, MIB),
  )

  const writing = bytes.write(Buffer.alloc(MIB + 1))
  over.abort()

  await assert.rejects(writing, { code: 'ECANCELED' })
})

test('channel: what came before the connection broke is read to its end, which is no end of the input', async () => {
  const { wire } = deaf()
  const channel = Object.assign(
    new Duplex({ read() {}, write: (_, __, done) => done(), autoDestroy: false }),
    {
      stderr: new Writable(),
    },
  )
  const over = new AbortController()
  const { input } = byteChannel(
    channel,
    wire,
    over.signal,
    () => false,
    MIB,
    (sink) => plainPort(channel, wire, sink, MIB),
  )
  const ended = once(channel, 'end')
  const read: string[] = []
  channel.push('one')

  await assert.rejects(
    async () => {
      for await (const chunk of input) {
        read.push(Buffer.from(chunk).toString())
        if (read.length === 1) {
          channel.push('two')
          over.abort()
          // As ssh2 does when it has told that it is over.
          channel.push(null)
        } else await ended
      }
    },
    { code: 'ECANCELED' },
  )

  assert.deepEqual(read, ['one', 'two'])
})

test('plain port: has no room while so much waits, and says when it has', () => {
  const { channel, wire, reads } = deaf()
  let told = 0
  const sink = { bytes() {}, settle() {}, end() {}, room: () => void told++ }
  const { writer } = plainPort(channel, wire, sink, MIB)

  writer.put(Buffer.alloc(MIB - 1))
  assert.equal(writer.room(), 1)
  writer.flush()
  writer.put(Buffer.alloc(1))
  assert.equal(writer.room(), 0)
  writer.flush()
  assert.equal(told, 0)
  reads()

  assert.equal(told, 1)
  assert.equal(writer.room(), MIB)
})

test('plain port: stderr that nobody reads is dropped', () => {
  const { channel, socket } = deaf()
  channel.stderr.writableLength = 64 * 1024 - 4

  tellError(channel, Buffer.alloc(4))
  assert.equal(socket.writableLength, 4)
  tellError(channel, Buffer.alloc(5))

  assert.equal(socket.writableLength, 4)
})
