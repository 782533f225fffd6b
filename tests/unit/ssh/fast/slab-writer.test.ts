import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Drain } from '../../../../src/ssh/fast/outlet.ts'
import { randomPadding } from '../../../../src/ssh/fast/padding.ts'
import { sealOver } from '../../../../src/ssh/fast/seal.ts'
import { type Line, SlabWriter } from '../../../../src/ssh/fast/slab-writer.ts'
import { heldSlabs, openSlabs, SLAB, type Slabs } from '../../../../src/ssh/fast/slabs.ts'
import { type Held, heldMemory, UNCOUNTED } from '../../../../src/ssh/held.ts'
import { cipherPair } from '../../../support/ciphers.ts'

/** A kernel that takes what was written when told to, and from where it lies then. */
class SlowKernel implements Drain {
  readonly writable = true
  takes = true
  /** What it takes past the queue. */
  atOnce = Number.POSITIVE_INFINITY
  readonly taken: Buffer[] = []
  #waiting: { readonly bytes: Uint8Array; readonly done: () => void }[] = []

  get writableLength(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }
  write(bytes: Uint8Array, done: () => void): boolean {
    this.#waiting.push({ bytes, done })
    if (this.takes) this.take()
    return true
  }
  take(): void {
    for (const { bytes, done } of this.#waiting.splice(0)) {
      this.taken.push(Buffer.from(bytes))
      done()
    }
  }
  /** Past what waits, of which there is none. */
  send(bytes: Uint8Array, from: number, to: number): number {
    assert.equal(this.#waiting.length, 0)
    if (!this.takes) return 0
    const count = Math.min(to - from, this.atOnce)
    this.taken.push(Buffer.from(bytes.subarray(from, from + count)))
    return count
  }
  cork(): void {}
  uncork(): void {}
}

function start(
  slabs: Slabs,
  [name, mac]: readonly [string, string?],
  window: number,
  packetSize: number,
  most = Number.POSITIVE_INFINITY,
  { held = UNCOUNTED, roomy = () => {} }: { held?: Held; roomy?: () => void } = {},
) {
  const { cipher, decipher } = cipherPair(name, mac)
  const seal = sealOver(cipher, randomPadding())
  const kernel = new SlowKernel()
  const outgoing = { id: 3, window, packetSize, state: 'open' }
  let exchanging = false
  let sealed = 0
  const line: Line = {
    seal: () => seal,
    ready: () => !exchanging,
    outgoing,
    socket: kernel,
    send: (bytes, from, to) => kernel.send(bytes, from, to),
    sealed: (count) => {
      sealed += count
    },
    most,
    held,
  }
  const writer = new SlabWriter(line, slabs, roomy)
  return {
    writer,
    kernel,
    outgoing,
    cipher,
    exchange(runs: boolean) {
      exchanging = runs
    },
    /** What a peer makes of all that was taken: data joined, adjustments summed. */
    received() {
      const data: Buffer[] = []
      let adjusted = 0
      decipher._onPayload = (payload) => {
        assert.equal(payload.readUInt32BE(1), 3)
        if (payload[0] === 93) adjusted += payload.readUInt32BE(5)
        else {
          assert.equal(payload[0], 94)
          assert.equal(payload.length, 9 + payload.readUInt32BE(5))
          assert.ok(payload.length - 9 <= packetSize)
          data.push(Buffer.from(payload.subarray(9)))
        }
      }
      const stream = Buffer.concat(kernel.taken)
      assert.equal(sealed, stream.length)
      decipher.decrypt(stream, 0, stream.length)
      return { data: Buffer.concat(data), adjusted }
    },
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('put' as const), count: fc.integer({ min: 0, max: 70_000 }) }),
  fc.record({
    do: fc.constant('reserve' as const),
    count: fc.integer({ min: 1, max: 300_000 }),
    back: fc.nat(300_000),
  }),
  fc.record({ do: fc.constant('open' as const), count: fc.oneof(fc.nat(40), fc.nat(300_000)) }),
  fc.record({ do: fc.constant('adjust' as const), count: fc.integer({ min: 1, max: 1000 }) }),
  fc.record({ do: fc.constant('at once' as const), count: fc.oneof(fc.constant(0), fc.nat(5000)) }),
  fc.record({ do: fc.constantFrom('flush', 'take', 'stall', 'exchange', 'exchanged') }),
)
const anyCipher = fc.constantFrom<readonly [string, string?]>(
  ['aes128-gcm@openssh.com'],
  ['chacha20-poly1305@openssh.com'],
  ['aes128-ctr', 'hmac-sha2-512-etm@openssh.com'],
)

test('slab writer: the peer gets what was put, in its order, whatever stands in the way', () => {
  // Shared, so that a slab that comes back too early is written over by the next.
  const slabs = openSlabs()
  fc.assert(
    fc.property(
      anyCipher,
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1024, max: 34_000 }),
      fc.nat(200_000),
      (cipher, steps, packetSize, window) => {
        const line = start(slabs, cipher, window, packetSize)
        const { writer, kernel } = line
        const sent: Buffer[] = []
        let adjusted = 0
        let next = 1
        const bytes = (count: number): Buffer => Buffer.alloc(count, next++ % 251)
        for (const step of steps) {
          if (step.do === 'put') {
            const part = bytes(step.count)
            writer.put(part)
            sent.push(part)
          } else if (step.do === 'reserve') {
            const back = Math.min(step.back, step.count)
            const part = bytes(step.count)
            let at = 0
            for (const place of writer.reserve(step.count)) {
              place.set(part.subarray(at, at + place.length))
              at += place.length
            }
            assert.equal(at, step.count)
            writer.rewind(back)
            sent.push(part.subarray(0, step.count - back))
          } else if (step.do === 'open') line.outgoing.window += step.count
          else if (step.do === 'adjust') {
            writer.adjust(step.count)
            adjusted += step.count
          } else if (step.do === 'at once') kernel.atOnce = step.count
          else if (step.do === 'flush') writer.flush()
          else if (step.do === 'take') {
            kernel.takes = true
            kernel.take()
          } else if (step.do === 'stall') kernel.takes = false
          else line.exchange(step.do === 'exchange')
          assert.ok(line.outgoing.window >= 0)
        }
        line.exchange(false)
        line.outgoing.window += 1e8
        writer.flush()
        kernel.take()

        const received = line.received()
        assert.ok(received.data.equals(Buffer.concat(sent)))
        assert.equal(received.adjusted, adjusted)
        assert.ok(writer.empty)
      },
    ),
    { numRuns: 300 },
  )
})

test('slab writer: what the kernel has not taken is not written over', () => {
  const line = start(openSlabs(), ['aes128-gcm@openssh.com'], 1e9, 32_768)
  const parts = [1, 2, 3].map((value) => Buffer.alloc(100_000, value))

  line.kernel.takes = false
  for (const part of parts) {
    line.writer.put(part)
    line.writer.flush()
  }
  assert.ok(line.writer.room() < 1024 * 1024 - 300_000)
  line.kernel.take()

  assert.ok(line.received().data.equals(Buffer.concat(parts)))
})

test('slab writer: a slab goes round while the kernel takes all at once', () => {
  let made = 0
  const pool = openSlabs()
  const free = new Set<unknown>()
  const slabs: Slabs = {
    take() {
      const slab = pool.take()
      if (!free.delete(slab)) made++
      return slab
    },
    give(slab) {
      assert.equal(slab.users, 0)
      free.add(slab)
      pool.give(slab)
    },
  }
  const { writer } = start(slabs, ['aes128-gcm@openssh.com'], 1e9, 32_768)

  for (let i = 0; i < 100; i++) {
    writer.put(Buffer.alloc(200_000))
    writer.flush()
  }

  assert.equal(made, 1)
  assert.equal(free.size, 1)
})

// The connection ended while a reply was being made: ssh2's cipher is gone, and does nothing without a word.
test('slab writer: never sends what was not sealed', () => {
  const { writer, kernel, cipher } = start(openSlabs(), ['aes128-gcm@openssh.com'], 1e6, 32_768)
  writer.put(Buffer.from('secret'))

  ;(cipher as unknown as { free(): void }).free()

  assert.throws(() => writer.flush(), /was not sealed/)
  assert.equal(kernel.taken.length, 0)
})

// Mallory opens her window wide and reads nothing; a site with little memory has said how much may wait for her.
test('slab writer: what waits for a client that does not read is bounded, by us and by the site', () => {
  for (const [most, bound] of [
    [Number.POSITIVE_INFINITY, 1024 * 1024],
    [100_000, 100_000],
  ] as const) {
    const { writer, kernel } = start(openSlabs(), ['aes128-gcm@openssh.com'], 2 ** 31, 32_768, most)
    kernel.takes = false

    let put = 0
    while (writer.room() > 0) {
      writer.put(Buffer.alloc(1000))
      writer.flush()
      put += 1000
    }
    assert.ok(put <= bound && put > bound * 0.9, `${put} of ${bound}`)
    kernel.take()

    assert.ok(writer.room() > bound / 10)
  }
})

// She opens two hundred of them: each was bounded, and the sum was not.
test('slab writer: many that do not read have one piece each, and who has read goes on', async () => {
  const memory = heldMemory(() => 16 * 1024 * 1024)
  const pool = openSlabs()
  const told: number[] = []
  const all = Array.from({ length: 40 }, (_, i) => {
    const held = memory.connection('ada')
    const roomy = (): void => void told.push(i)
    return {
      held,
      ...start(heldSlabs(pool, held), ['aes128-gcm@openssh.com'], 2 ** 31, 32_768, undefined, {
        held,
        roomy,
      }),
    }
  })
  for (const { writer, kernel } of all) {
    kernel.takes = false
    assert.ok(writer.room() > 0)
    writer.put(Buffer.alloc(200_000))
    writer.flush()
  }
  assert.ok(all.every(({ writer }) => writer.room() <= 0))

  all[7]!.kernel.take()
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  assert.deepEqual(told, [7])
  assert.ok(all[7]!.writer.room() > 0)

  for (const { kernel } of all) kernel.take()
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  assert.equal(told.length, 40)
  assert.equal(all[0]!.held.isOver, false)
})

test('slab writer: what a closed channel had to send is given back, though nothing can be sealed', () => {
  const memory = heldMemory(() => 16 * 1024 * 1024)
  const held = memory.connection('ada')
  const line = start(heldSlabs(openSlabs(), held), ['aes128-gcm@openssh.com'], 0, 32_768, undefined, { held })
  line.exchange(true)
  for (let i = 0; i < 30; i++) {
    line.writer.put(Buffer.alloc(SLAB))
    line.writer.flush()
  }
  assert.equal(held.isOver, true)

  line.writer.close()

  assert.equal(held.isOver, false)
  // A slow disk answers behind the end of the channel.
  for (let i = 0; i < 30; i++) {
    line.writer.put(Buffer.alloc(1000))
    line.writer.rewind(1000)
    line.writer.put(Buffer.alloc(SLAB))
    line.writer.flush()
  }
  assert.equal(held.isOver, false)
  assert.equal(line.writer.empty, true)
})
