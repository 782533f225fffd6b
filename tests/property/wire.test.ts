import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OpError } from '../../src/base/error.ts'
import { Frames, type Packet } from '../../src/wire/frames.ts'
import { decodeReply, decodeVersion } from '../../src/wire/replies.ts'
import { decodeRequest, encodeRequest } from '../../src/wire/requests.ts'
import { anyRequest } from '../support/sftp-requests.ts'

const whole = ({ bytes, rest }: Packet): Buffer => Buffer.concat([bytes, ...rest])

const withLength = (packet: Uint8Array): Buffer => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(packet.length)
  return Buffer.concat([length, packet])
}

/** A packet whose type is that of a WRITE as often as not: those are cut in another way. */
const packets = fc.array(
  fc
    .tuple(fc.constantFrom(3, 6), fc.uint8Array({ minLength: 4, maxLength: 700 }))
    .map(([type, rest]) => Buffer.from([type, ...rest])),
  { maxLength: 8 },
)

test('frames: gives the same packets wherever the stream is cut, and whenever the chunks are used again', () => {
  const cuts = fc.array(fc.tuple(fc.integer({ min: 1, max: 900 }), fc.boolean()), {
    minLength: 1,
    maxLength: 20,
  })

  fc.assert(
    fc.property(packets, cuts, fc.boolean(), fc.boolean(), (sent, cuts, eager, served) => {
      const stream = Buffer.concat(sent.map(withLength))
      const frames = new Frames()
      const got: Buffer[] = []
      let lent: Uint8Array[] = []
      const take = (): void => {
        for (let packet = frames.next(); packet !== undefined; packet = frames.next()) {
          assert.equal(whole(packet).length, packet.length)
          got.push(Buffer.from(whole(packet)))
        }
      }
      for (let at = 0, i = 0; at < stream.length; i++) {
        const [size, ends] = cuts[i % cuts.length]!
        const chunk = new Uint8Array(stream.subarray(at, at + size))
        at += size
        frames.push(chunk)
        lent.push(chunk)
        if (eager) frames.peek()
        if (!ends) continue
        if (eager) take()
        frames.keep(served)
        for (const used of lent) used.fill(0xee)
        lent = []
      }
      take()
      assert.deepEqual(got, sent)
      assert.equal(frames.held, 0)
    }),
    { numRuns: 2000 },
  )
})

test('wire: what is encoded is decoded to the same', () => {
  fc.assert(
    fc.property(anyRequest, (request) => {
      const frames = new Frames()
      frames.push(encodeRequest(request))
      const packet = frames.next()!
      const decoded = decodeRequest(packet)
      if (request.type === 'write') {
        const { data, ...rest } = request
        const { data: got, ...others } = decoded as typeof request
        assert.deepEqual({ ...others, data: Buffer.concat(got) }, { ...rest, data: Buffer.concat(data) })
      } else assert.deepEqual(structuredClone(decoded), structuredClone(request))
      assert.deepEqual(encodeRequest(decoded), encodeRequest(request))
    }),
    { numRuns: 3000 },
  )
})

test('wire: a packet with changed bytes or a changed length is decoded, or refused with an OpError', () => {
  const changes = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 })

  fc.assert(
    fc.property(anyRequest, changes, fc.nat(80), (request, changes, cut) => {
      const packet = Buffer.from(encodeRequest(request)).subarray(4)
      const mutant = packet.subarray(0, Math.max(5, packet.length - cut))
      for (const [at, value] of changes) if (at < mutant.length) mutant[at] = value
      const readers = [
        () => decodeRequest({ bytes: mutant, rest: [], length: mutant.length, lent: false }),
        () => decodeReply(mutant),
        () => decodeVersion(mutant),
      ]
      for (const read of readers) {
        try {
          read()
        } catch (error) {
          assert.ok(error instanceof OpError, String(error))
          assert.equal(error.code, 'EPROTO')
        }
      }
    }),
    { numRuns: 5000 },
  )
})

test('frames: memory is used again, but never under a packet that is still in use', () => {
  const busyFor = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 20 })

  fc.assert(
    fc.property(busyFor, fc.integer({ min: 1, max: 5 }), (busyFor, packetsAtOnce) => {
      const frames = new Frames()
      const inUse: { readonly packet: Packet; readonly number: number }[] = []
      let sent = 0
      let taken = 0
      const check = (): void => {
        for (const { packet, number } of inUse)
          assert.ok(
            whole(packet)
              .subarray(1)
              .equals(Buffer.alloc(40_000, number & 0x7f)),
          )
      }
      for (let turn = 0; turn < 60; turn++) {
        const chunk = Buffer.concat(
          Array.from({ length: packetsAtOnce }, () =>
            withLength(Buffer.concat([Buffer.from([6]), Buffer.alloc(40_000, sent++ & 0x7f)])),
          ),
        )
        frames.push(chunk)
        frames.keep(false)
        chunk.fill(0xee)
        if (turn % busyFor[turn % busyFor.length]! === 0) {
          check()
          inUse.length = 0
          frames.served()
          for (let i = 0; i < packetsAtOnce * 2 && sent - taken > 1; i++) {
            const packet = frames.next()!
            inUse.push({ packet, number: taken++ })
          }
        }
        check()
      }
      check()
    }),
    { numRuns: 100 },
  )
})

test('frames: what is kept fills its memory, however it came', () => {
  for (const size of [20_000, 150_000, 200_000]) {
    const frames = new Frames()
    let sent = 0
    while (sent < 2_000_000) {
      frames.push(withLength(Buffer.concat([Buffer.from([6]), Buffer.alloc(size)])))
      frames.keep(false)
      sent = frames.held
    }
    const memories = new Set<ArrayBufferLike>()
    for (let packet = frames.next(); packet !== undefined; packet = frames.next())
      // What is gathered from the end of one into a packet's head is a copy.
      for (const { buffer, length } of [packet.bytes, ...packet.rest]) if (length > 300) memories.add(buffer)
    const taken = [...memories].reduce((sum, { byteLength }) => sum + byteLength, 0)
    assert.ok(taken < sent + 300_000, `${taken} bytes for ${sent} in pieces of ${size}`)
  }
})

test('frames: while a disk is slow the same few pieces of memory are used again', () => {
  const frames = new Frames()
  const memories = new Set<ArrayBufferLike>()
  const packet = withLength(Buffer.concat([Buffer.from([6]), Buffer.alloc(100_000)]))
  frames.push(packet)
  for (let turn = 0; turn < 100; turn++) {
    frames.push(packet)
    frames.keep(false)
    memories.add(frames.next()!.bytes.buffer)
    frames.served()
  }

  assert.ok(memories.size <= 4, `${memories.size} pieces of memory`)
})
