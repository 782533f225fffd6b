import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { FRAME, type FrameKind, frameReader, writeFrame, writeJson } from '../../src/far-frames.ts'

/** What is written into a socket as it comes out, in one piece. */
async function wire(write: (socket: Socket) => void): Promise<Buffer> {
  const server = createServer((socket) => {
    write(socket)
    socket.end()
  }).listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const parts: Buffer[] = []
  for await (const part of socket) parts.push(part)
  server.close()
  return Buffer.concat(parts)
}

/** Frames as they are read when the bytes come in pieces of these lengths. */
function readIn(bytes: Buffer, lengths: readonly number[]): unknown[] {
  const read: unknown[] = []
  const reader = frameReader({
    bytes(kind, piece) {
      const last = read.at(-1) as [FrameKind, string] | undefined
      if (last?.[0] === kind) last[1] += piece.toString('latin1')
      else read.push([kind, piece.toString('latin1')])
    },
    whole: (kind, value) => void read.push([kind, value]),
  })
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length]!
    reader(bytes.subarray(at, at + length))
    at += length
  }
  return read
}

test('far frames: come out as they went in, in whatever pieces the bytes come', async () => {
  const bytes = await wire((socket) => {
    writeJson(socket, FRAME.head, { id: '1-1.1', name: 'é' })
    writeFrame(socket, FRAME.data, Buffer.from('a'.repeat(3000)))
    writeFrame(socket, FRAME.data, Buffer.alloc(0))
    writeFrame(socket, FRAME.error, Buffer.from('oh'))
    writeFrame(socket, FRAME.end, Buffer.alloc(0))
    writeJson(socket, FRAME.status, 0)
  })
  const all = [
    [FRAME.head, { id: '1-1.1', name: 'é' }],
    [FRAME.data, 'a'.repeat(3000)],
    [FRAME.error, 'oh'],
    [FRAME.end, undefined],
    [FRAME.status, 0],
  ]

  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }), (lengths) => {
      assert.deepEqual(readIn(bytes, lengths), all)
    }),
    { numRuns: 50 },
  )
})

test('far frames: what no process of ours sends is refused, and no memory is spent on it', () => {
  const read = frameReader({ bytes() {}, whole() {} })

  assert.throws(() => read(Buffer.from([9, 0, 0, 0, 1])), /kind 9/)
  const huge = frameReader({ bytes() {}, whole() {} })
  assert.throws(() => huge(Buffer.from([FRAME.head, 0xff, 0, 0, 0])), /A frame of/)
})
