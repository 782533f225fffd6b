import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import type { Awaitable } from '../../src/base/awaitable.ts'
import { KeptBytes } from '../../src/sftpd/kept-bytes.ts'
import { Order } from '../../src/sftpd/order.ts'
import type { SftpSession } from '../../src/sftpd/session.ts'
import { serveWrites } from '../../src/sftpd/write-run.ts'
import type { PacketPort } from '../../src/ssh/session.ts'
import { decodeRequest, encodeRequest, type WriteRequest } from '../../src/wire/requests.ts'

/** What a file of the test does with a run, whose bytes are only lent for the call. */
type Write = (data: readonly Uint8Array[], offset: number) => Awaitable<void>

const WHOLE = 64 * 1024

/** A session whose WRITEs all go to one file; its input lies in one buffer that is overwritten behind each `settle`. */
function uploadTo(file: { write: Write; quick?: () => boolean }) {
  let answered = 0
  const failed: unknown[] = []
  const open = { file, flags: { append: false }, written: 0, path: '/a' }
  const session = {
    handles: { file: () => open },
    outbox: {
      ok() {
        answered += 1
      },
      fail: (_: number, error: unknown) => void failed.push(error),
    },
    kept: new KeptBytes(),
  } as unknown as SftpSession
  const port = { writer: { room: () => 1000, flush() {} }, credit() {} } as unknown as PacketPort
  const order = new Order(() => ({
    port,
    serve: (packet, frames) => serveWrites(decodeRequest(packet) as WriteRequest, packet, frames, session),
  }))
  order.ended.catch((error: unknown) => failed.push(error))
  const lent = Buffer.alloc(WHOLE)
  return {
    get answered() {
      return answered
    },
    failed,
    /** One read of the socket, cut into packets of the connection. */
    send(bytes: Uint8Array, pieces: number) {
      lent.set(bytes)
      const size = Math.ceil(bytes.length / pieces)
      for (let at = 0; at < bytes.length; at += size)
        order.bytes(lent.subarray(at, Math.min(at + size, bytes.length)))
      order.settle()
      lent.fill(0xee)
    },
    async over(requests: number) {
      for (let turn = 0; turn < 20_000 && answered + failed.length < requests; turn++) await setImmediate()
    },
  }
}

function writesOf(bytes: Uint8Array, piece: number): { stream: Buffer; requests: number } {
  const packets: Uint8Array[] = []
  for (let offset = 0; offset < bytes.length; offset += piece) {
    const data = [bytes.subarray(offset, offset + piece)]
    const length = Math.min(piece, bytes.length - offset)
    packets.push(encodeRequest({ type: 'write', id: packets.length, handle: 'h', offset, length, data }))
  }
  return { stream: Buffer.concat(packets), requests: packets.length }
}

/** The same numbers for the same seed, each below `most`. */
function numbers(seed: number): (most: number) => number {
  let at = seed
  return (most) => {
    at = Math.imul(at ^ (at >>> 15), 0x2c1b3c6d) + 0x9e3779b9
    return ((at ^ (at >>> 13)) >>> 0) % most
  }
}

test('lent writes: each byte reaches its place, whenever runs are done, fail late and are tried again', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.constantFrom(8_000, 32_768, 60_000, 200_000),
      fc.boolean(),
      fc.integer({ min: 0, max: 3 }),
      async (seed, piece, slow, failures) => {
        const below = numbers(seed)
        const want = Buffer.alloc(600_000 + below(600_000))
        for (let at = 0; at + 4 <= want.length; at += 4)
          want.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at)
        const got = Buffer.alloc(want.length)
        const late = async (data: Buffer, offset: number): Promise<void> => {
          for (let turns = 1 + below(4); turns > 0; turns--) await setImmediate()
          if (data.length > piece && below(4) < failures) throw new Error('The run as a whole')
          got.set(data, offset)
        }
        const upload = uploadTo({
          quick: () => below(2) === 0,
          write(data, offset) {
            if (slow || below(3) === 0) return late(Buffer.concat(data), offset)
            got.set(Buffer.concat(data), offset)
          },
        })
        const { stream, requests } = writesOf(want, piece)
        for (let at = 0; at < stream.length; ) {
          const end = Math.min(stream.length, at + 1 + below(WHOLE))
          upload.send(stream.subarray(at, end), 1 + below(3))
          at = end
          if (below(3) === 0) await setImmediate()
        }
        await upload.over(requests)

        assert.deepEqual(upload.failed, [])
        assert.equal(upload.answered, requests)
        assert.ok(got.equals(want), 'other bytes are there than were sent')
      },
    ),
    { numRuns: 60 },
  )
})

test('lent writes: what comes while the disk is busy lies in memory that is used again', async () => {
  const memories = new Set<ArrayBufferLike>()
  const { stream, requests } = writesOf(Buffer.alloc(16 * 1024 * 1024), 32_768)
  let sent = 0
  const sendMore = (bytes: number): void => {
    for (const end = Math.min(stream.length, sent + bytes); sent < end; sent += WHOLE)
      upload.send(stream.subarray(sent, sent + WHOLE), 2)
  }
  const upload = uploadTo({
    quick: () => false,
    async write(data) {
      for (const { buffer } of data) memories.add(buffer)
      await setImmediate()
      // As the window has it: as much as is being written.
      sendMore(data.reduce((sum, { length }) => sum + length, 0))
      await setImmediate()
    },
  })
  sendMore(1024 * 1024)
  await upload.over(requests)

  assert.equal(upload.answered, requests)
  assert.ok(memories.size < 20, `${memories.size} pieces of memory for 16 MiB`)
})

for (const [quick, least, most] of [
  [true, 512 * 1024, 1024 * 1024],
  [false, 128 * 1024, 256 * 1024],
] as const)
  test(`lent writes: a run for a ${quick ? 'quick' : 'slow'} disk is of at most ${most / 1024} KiB`, async () => {
    let longest = 0
    const upload = uploadTo({
      quick: () => quick,
      async write(data) {
        longest = Math.max(
          longest,
          data.reduce((sum, { length }) => sum + length, 0),
        )
        await setImmediate()
      },
    })
    const piece = 32_000
    const { stream, requests } = writesOf(Buffer.alloc(4 * 1024 * 1024), piece)
    for (let at = 0; at < stream.length; at += WHOLE) upload.send(stream.subarray(at, at + WHOLE), 1)
    await upload.over(requests)

    assert.equal(upload.answered, requests)
    assert.ok(longest > least && longest < most + piece, `${longest} bytes`)
  })
