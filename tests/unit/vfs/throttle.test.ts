import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rate } from '../../../src/base/rate.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath as p } from '../../../src/vfs/path.ts'
import { Throttle, throttled } from '../../../src/vfs/throttle.ts'

/** A clock turned by hand; `slept` has what was waited for. */
function handClock() {
  const slept: number[] = []
  const sleepers = new Set<() => void>()
  let now = 0
  return {
    slept,
    now: () => now,
    elapsed: () => now,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        slept.push(ms)
        signal?.addEventListener('abort', () => reject(signal.reason))
        if (signal?.aborted) reject(signal.reason)
        sleepers.add(resolve)
      }),
    turn(ms: number) {
      now += ms
      for (const wake of sleepers) wake()
      sleepers.clear()
    },
  }
}

const idle = new AbortController().signal

test('rate: a second is in store, a debt is waited for, and all is at most the rate', () => {
  const rate = new Rate(1000, 0)

  assert.equal(rate.take(1000, 0), 0)
  assert.equal(rate.take(500, 0), 500)
  assert.equal(rate.take(500, 0), 1000)
  assert.equal(rate.take(0, 1000), 0)
  assert.equal(rate.take(1, 1000), 1)
  assert.equal(rate.take(1000, 100_000), 0)
  assert.equal(rate.take(1, 100_000), 1)
})

test('rate: a clock that goes back gives nothing', () => {
  const rate = new Rate(1000, 10_000)
  rate.take(1000, 10_000)

  assert.equal(rate.take(1, 0), 1)
})

async function file(throttle: Throttle, signal = idle) {
  const vfs = memoryFileSystem()
  const open = await vfs.open(p('/a'), { read: true, write: true, create: true })
  return throttled(open, throttle, signal)
}

test('throttle: without a cap nothing is waited for, and no promise made', async () => {
  const clock = handClock()
  const open = await file(new Throttle(clock))

  assert.equal(open.write([Buffer.alloc(1_000_000)], 0), undefined)
  assert.equal(open.read([Buffer.alloc(1_000_000)], 0), 1_000_000)
  assert.deepEqual(clock.slept, [])
})

test('throttle: what the file was when it was opened is passed on', async () => {
  const vfs = memoryFileSystem()
  const open = await vfs.open(p('/a'), { write: true, create: true })
  const found = await open.stat()

  assert.equal(throttled({ ...open, found }, new Throttle(handClock()), idle).found, found)
})

test('throttle: both directions have their own cap, over all files of the account', async () => {
  const clock = handClock()
  const throttle = new Throttle(clock)
  throttle.set({ up: 1000, down: 500 })
  const [one, two] = [await file(throttle), await file(throttle)]

  await one.write([Buffer.alloc(1000)], 0)
  const write = two.write([Buffer.alloc(2000)], 0)
  const read = one.read([Buffer.alloc(1000)], 0)
  assert.deepEqual(clock.slept, [2000, 1000])
  assert.equal(one.quick?.(), false)
  clock.turn(2000)
  await write
  assert.equal(await read, 1000)
})

test('throttle: who waits goes on when the cap is another one, or the session ends', async () => {
  const clock = handClock()
  const throttle = new Throttle(clock)
  throttle.set({ up: 1000, down: null })
  const gone = new AbortController()
  const [one, two] = [await file(throttle), await file(throttle, gone.signal)]

  const ended = two.write([Buffer.alloc(1_000_000)], 0)
  gone.abort()
  await ended
  const freed = one.write([Buffer.alloc(1_000_000)], 0)
  throttle.set({ up: null, down: null })
  await freed
  assert.equal(one.write([Buffer.alloc(1_000_000)], 0), undefined)
})
