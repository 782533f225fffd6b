import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import { Builder } from '../../../src/wire/builder.ts'
import { Cursor } from '../../../src/wire/cursor.ts'
import { Frames } from '../../../src/wire/frames.ts'
import { decodeReply } from '../../../src/wire/replies.ts'
import { decodeRequest, encodeRequest, type Request } from '../../../src/wire/requests.ts'

const isProto = (error: unknown): boolean => isOpError(error, 'EPROTO')

/** As if `packet` had come whole. */
function decoded(packet: Uint8Array): Request {
  const frames = new Frames()
  frames.push(packet)
  return decodeRequest(frames.next()!)
}

test('cursor: 2^53-1 is the largest number', () => {
  const largest = new Cursor(Buffer.from('001fffffffffffff', 'hex'))
  assert.equal(largest.uint64(), Number.MAX_SAFE_INTEGER)
  largest.check()

  const larger = new Cursor(Buffer.from('0020000000000000', 'hex'))
  larger.uint64()
  assert.throws(() => larger.check(), isProto)
})

test('cursor: the first thing that is wrong is told, and nothing is read behind the end', () => {
  const cursor = new Cursor(Buffer.from('000000ff61', 'hex'))

  assert.equal(cursor.text(), '')
  assert.equal(cursor.uint32(), 0)
  cursor.fail('something else')

  assert.throws(() => cursor.check(), /too short for its fields/)
})

test('requests: a WRITE that would end behind 2^53-1 is refused', () => {
  const write = (offset: number): Uint8Array =>
    encodeRequest({ type: 'write', id: 1, handle: 'h', offset, data: [Buffer.alloc(2)], length: 2 })

  assert.equal(decoded(write(Number.MAX_SAFE_INTEGER - 2)).type, 'write')
  assert.throws(() => decoded(write(Number.MAX_SAFE_INTEGER - 1)), isProto)
})

test('requests: data that are shorter than they say are refused', () => {
  const packet = Buffer.from(
    encodeRequest({ type: 'write', id: 1, handle: 'h', offset: 0, data: [Buffer.alloc(2)], length: 2 }),
  )
  packet.writeUInt32BE(3, packet.length - 6)

  assert.throws(() => decoded(packet), isProto)
})

test('requests: a handle longer than 256 bytes is refused', () => {
  const close = (length: number): Uint8Array =>
    encodeRequest({ type: 'close', id: 1, handle: 'h'.repeat(length) })

  assert.equal(decoded(close(256)).type, 'close')
  assert.throws(() => decoded(close(257)), isProto)
})

test('attrs, names: a count that cannot be is refused before anything is read', () => {
  const attrs = new Builder()
    .uint32(0)
    .uint8(9)
    .uint32(1)
    .text('/a')
    .uint32(0x80000000)
    .uint32(0xffffffff)
    .packet()
  const names = new Builder().uint8(104).uint32(1).uint32(0xffffffff).done()

  const before = performance.now()
  assert.throws(() => decoded(attrs), /not that many extended attributes/)
  assert.throws(() => decodeReply(names), /not that many names/)
  assert.ok(performance.now() - before < 1000)
})

test('frames: a packet that was looked at is still right after its chunk was used again', () => {
  const packet = encodeRequest({ type: 'stat', id: 7, path: '/some/path' })
  const frames = new Frames()
  const chunk = Uint8Array.from(packet)
  frames.push(chunk)

  frames.peek()
  frames.keep()
  chunk.fill(0xee)

  assert.deepEqual(decodeRequest(frames.next()!), { type: 'stat', id: 7, path: '/some/path' })
})

test('frames: what a slow peer sends byte by byte costs about what it is', () => {
  const frames = new Frames()
  const before = process.memoryUsage()
  const head = Buffer.alloc(4)
  head.writeUInt32BE(200_000)
  frames.push(head)
  frames.keep()

  for (let i = 0; i < 199_999; i++) {
    frames.push(Uint8Array.of(6))
    frames.keep()
  }

  const after = process.memoryUsage()
  assert.equal(frames.next(), undefined)
  assert.equal(frames.held, 200_003)
  assert.ok(after.arrayBuffers - before.arrayBuffers < 8 * 1024 * 1024, 'memory for each byte')
})
