import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isOpError } from '../../src/base/error.ts'
import { CANCEL, End, Frame, FrameWriter, hexHeader } from '../../src/zmodem/frames.ts'
import { FrameReader } from '../../src/zmodem/reader.ts'

/** A reader of `bytes` in pieces cut at `cuts`; nothing more comes. */
function readerOf(bytes: Uint8Array, cuts: readonly number[]): FrameReader {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  )
  const pieces = places.slice(1).map((to, index) => bytes.subarray(places[index], to))
  return new FrameReader(async () => pieces.shift())
}

const blocks = fc.array(fc.uint8Array({ maxLength: 2000 }), { minLength: 1, maxLength: 4 })
const cuts = fc.array(fc.nat(10_000), { maxLength: 12 })

test('zmodem: what is written is read, wherever the line cuts it, with both checks and both ways to escape', async () => {
  await fc.assert(
    fc.asyncProperty(blocks, cuts, fc.boolean(), fc.boolean(), async (sent, at, controls, wide) => {
      const writer = new FrameWriter(controls, wide)
      writer.header(Frame.data, 0xfedcba98)
      for (const [index, block] of sent.entries())
        writer.data(block, index === sent.length - 1 ? End.header : End.go)
      const reader = readerOf(
        Buffer.concat([Buffer.from('noise \r\n'), hexHeader(Frame.rpos, 77), writer.take()]),
        at,
      )

      assert.deepEqual(await reader.header(0), { type: Frame.rpos, position: 77, flags: 0 })
      const header = await reader.header(0)
      assert.deepEqual([header?.type, header?.position], [Frame.data, 0xfedcba98])
      for (const block of sent) {
        const got = await reader.subpacket(0)
        assert.ok(got !== undefined && got !== 'damaged')
        assert.deepEqual(new Uint8Array(got.data), block)
      }
    }),
    { numRuns: 200 },
  )
})

test('zmodem: nothing that a terminal or a network swallows is sent raw', () => {
  const writer = new FrameWriter(false, true)
  writer.header(Frame.data, 0x11131118)
  writer.data(
    Uint8Array.from({ length: 256 }, (_, byte) => byte),
    End.go,
  )
  writer.data(Buffer.from('@\r@\r'), End.go)
  const sent = writer.take()
  for (const byte of [0x10, 0x11, 0x13, 0x90, 0x91, 0x93, 0x1d, 0x9d, 0x7f, 0xff])
    assert.ok(!sent.includes(byte), `${byte}`)
  assert.ok(!sent.includes(Buffer.from('@\r')))
})

test('zmodem: damaged bytes are told or passed over, never taken, and never throw anything of their own', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 500 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (block, at, flip) => {
        const writer = new FrameWriter(false, true)
        writer.header(Frame.data, 0)
        const header = writer.take()
        writer.data(block, End.ackStop)
        const bytes = writer.take()
        const place = at % (bytes.length - 1)
        bytes[place] = bytes[place]! ^ flip
        try {
          const reader = readerOf(Buffer.concat([header, bytes]), [])
          await reader.header(0)
          const got = await reader.subpacket(0)
          if (got !== undefined && got !== 'damaged') assert.deepEqual(new Uint8Array(got.data), block)
        } catch (error) {
          if (!isOpError(error, 'ECANCELED')) throw error
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('zmodem: random bytes end, and five CANs cancel', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), cuts, async (bytes, at) => {
      const reader = readerOf(bytes, at)
      try {
        while ((await reader.header(0)) !== undefined) await reader.subpacket(0)
      } catch (error) {
        if (!isOpError(error, 'ECANCELED')) throw error
      }
    }),
  )
  await assert.rejects(readerOf(CANCEL, []).header(0), (error) => isOpError(error, 'ECANCELED'))
})

test('zmodem: five CANs cancel in what is passed over, too, wherever the line cuts it; fewer do not', async () => {
  const noise = Buffer.from('what is left of a file \x18\x18\x18\x18 that was refused')
  await fc.assert(
    fc.asyncProperty(cuts, async (at) => {
      const over = Buffer.concat([noise, hexHeader(Frame.rpos, 77)])
      assert.deepEqual(await readerOf(over, at).header(0), { type: Frame.rpos, position: 77, flags: 0 })
      const cancelled = readerOf(Buffer.concat([noise, CANCEL, over]), at)
      await assert.rejects(cancelled.header(0), (error) => isOpError(error, 'ECANCELED'))
    }),
  )
})

test('zmodem: a subpacket longer than 64 KiB is damaged, and not kept to its end', async () => {
  const writer = new FrameWriter(false, true)
  writer.header(Frame.data, 0)
  writer.data(Buffer.alloc(64 * 1024 + 1, 'x'), End.ackStop)
  const reader = readerOf(writer.take(), [])
  await reader.header(0)

  assert.equal(await reader.subpacket(0), 'damaged')
})

test('zmodem: a header in hex with a digit that is off is passed over, and the next one is read', async () => {
  const bad = hexHeader(Frame.rpos, 77)
  bad[8] = bad[8] === 0x30 ? 0x31 : 0x30
  const reader = readerOf(Buffer.concat([bad, hexHeader(Frame.rpos, 78)]), [])

  assert.deepEqual(await reader.header(0), { type: Frame.rpos, position: 78, flags: 0 })
})

test('zmodem: XON and XOFF that a line puts between the bytes are no data', async () => {
  const writer = new FrameWriter(false, true)
  writer.header(Frame.data, 0)
  const data = Buffer.from('all bytes of this \x18 are data')
  writer.data(data, End.ackStop)
  const sent = [...writer.take()]
  // Between the three bytes that begin a header nothing comes.
  const noisy = sent.slice(3).flatMap((byte) => [0x11, byte, 0x13])
  const reader = readerOf(Buffer.from([...sent.slice(0, 3), ...noisy]), [])
  await reader.header(0)

  assert.deepEqual(await reader.subpacket(0), { data, end: End.ackStop })
})
