import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { openReadBuffer } from '../../../../src/ssh/fast/read-buffer.ts'

/** As in read-buffer.ts. */
const FULL = 512 * 1024
const BYTES = 96 * 1024 * 1024

test('A socket that is never empty is read once in each turn of the loop, to its last byte, and others between', async () => {
  const buffer = openReadBuffer()
  await using server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using _ = flood((server.address() as AddressInfo).port)
  const [accepted] = (await once(server, 'connection')) as [Socket]
  const socket = buffer.take(accepted)
  buffer.lends(socket)

  let turn = 0
  let read = 0
  let full = 0
  let lastFull = -1
  let together = 0
  let paused = 0
  const turns = setImmediate(function next() {
    turn += 1
    if (!socket.destroyed) setImmediate(next)
  })
  socket.on('data', (chunk: Buffer) => {
    assert.ok(!socket.isPaused(), 'read while it was paused')
    for (let at = 0; at < chunk.length; at += 4096)
      assert.equal(chunk[at], ((read + at) >>> 12) & 255, `at ${read + at}`)
    read += chunk.length
    // Busy, so that more has come than one read takes.
    for (const end = performance.now() + 1; performance.now() < end; );
    if (chunk.length < FULL) return
    full += 1
    if (turn === lastFull) together += 1
    lastFull = turn
    if (full % 7 !== 0) return
    paused += 1
    socket.pause()
    setImmediate(() => setImmediate(() => socket.resume()))
  })
  const closed = once(socket, 'close')
  socket.on('end', () => socket.end())
  socket.resume()
  await closed
  clearImmediate(turns)

  assert.equal(read, BYTES)
  assert.ok(
    full > 20 && paused > 2,
    `${full} full reads, ${paused} pauses: the sender was too slow for this test`,
  )
  assert.equal(together, 0, `of ${full} full reads so many came in the turn of the one before`)
})

/** A thread that sends BYTES bytes, each the number of its page, as fast as they are taken. */
function flood(port: number): Worker {
  const code = `
    const { workerData: { port, bytes } } = require('node:worker_threads')
    const piece = Buffer.alloc(1 << 20)
    for (let at = 0; at < piece.length; at++) piece[at] = (at >>> 12) & 255
    const socket = require('node:net').connect(port, '127.0.0.1')
    let left = bytes
    const go = () => {
      while (left > 0) {
        left -= piece.length
        if (!socket.write(piece)) return socket.once('drain', go)
      }
      socket.end()
    }
    socket.once('connect', go).resume()
  `
  return new Worker(code, { eval: true, workerData: { port, bytes: BYTES } })
}
