import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { StreamChannel } from '../../../src/ssh/channel.ts'
import { plainPort } from '../../../src/ssh/plain-port.ts'

const KIB = 1024

// ssh2's streams take 2 MiB before they would tell of a 'drain', a socket 64 KiB: a download with --max-queued 64KiB stood still.
test('plain port: says that there is room again, though less may be queued than the stream would tell of', async () => {
  const kept: (() => void)[] = []
  const channel = new Duplex({
    highWaterMark: 2048 * KIB,
    read() {},
    write: (_chunk, _encoding, done) => void kept.push(done),
  })
  let rooms = 0
  const sink = {
    bytes() {},
    settle() {},
    end() {},
    room() {
      rooms += 1
    },
  }
  const { writer } = plainPort(channel as unknown as StreamChannel, new Socket(), sink, 64 * KIB)

  for (const size of [80, 20]) {
    writer.put(Buffer.alloc(size * KIB))
    writer.flush()
  }
  assert.ok(writer.room() <= 0)
  await turn()
  assert.equal(rooms, 0)
  kept.shift()!()
  await turn()

  assert.equal(rooms, 1)
  assert.equal(writer.room(), 44 * KIB)
})
