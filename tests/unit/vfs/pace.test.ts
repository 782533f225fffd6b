import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../../src/base/clock.ts'
import { openPaces } from '../../../src/vfs/pace.ts'

/** A disk whose calls take as long as is said, and the pace that sees it. */
function disk() {
  let at = 0
  let delay = 0
  const clock: Clock = { now: () => at, elapsed: () => at, sleep: async () => {} }
  const paces = openPaces(clock, undefined, () => delay)
  const pace = paces.of(1)
  const now = (ms: number) =>
    pace.now(() => {
      at += ms
    })
  /** The same, and of it so long for a processor. */
  const busy = (ms: number, waited: number) =>
    pace.now(() => {
      at += ms
      delay += waited
    })
  const later = (ms: number) =>
    pace.later(async () => {
      at += ms
    })
  const backAfter = async (): Promise<number> => {
    let calls = 0
    for (; !pace.quick && calls < 1000; calls++) await later(1)
    return calls
  }
  return { pace, paces, now, busy, later, backAfter }
}

test('pace: one call that takes 200 ms takes the disk off the loop, and no other disk', () => {
  const { pace, paces, now } = disk()

  now(200)

  assert.equal(pace.quick, false)
  assert.equal(paces.of(1).quick, false)
  assert.equal(paces.of(2).quick, true)
})

test('pace: a call now and then that takes some ms is the processor, not the disk', () => {
  const { pace, now } = disk()

  for (let i = 0; i < 100; i++) {
    now(8)
    for (let quick = 0; quick < 4; quick++) now(0.02)
  }

  assert.equal(pace.quick, true)
})

test('pace: calls that wait for the processor are not the disk, however many they are', () => {
  const { pace, busy } = disk()

  for (let i = 0; i < 100; i++) busy(18, 17.5)

  assert.equal(pace.quick, true)
})

test('pace: a slow disk is seen though the processor is busy, too', () => {
  const { pace, busy } = disk()

  for (let i = 0; i < 6; i++) busy(18, 12)

  assert.equal(pace.quick, false)
})

test('pace: a long call alone is not enough, while it is not known whether the processor was busy', () => {
  const { pace, now, busy } = disk()

  now(90)
  assert.equal(pace.quick, true)
  busy(90, 0)

  assert.equal(pace.quick, false)
})

test('pace: calls that take 5 ms each are a slow disk', () => {
  const { pace, now } = disk()

  for (let i = 0; i < 5; i++) now(5)

  assert.equal(pace.quick, false)
})

test('pace: comes back after 32 quick calls in a row, and after twice as many the next time', async () => {
  const { now, later, backAfter } = disk()

  now(200)
  for (let i = 0; i < 31; i++) await later(1)
  await later(200)
  const first = await backAfter()
  now(200)
  const second = await backAfter()

  assert.deepEqual([first, second], [32, 64])
})

test('pace: after 4,096 quick calls on the loop what was before counts no more', async () => {
  const { now, backAfter } = disk()
  for (let i = 0; i < 3; i++) {
    now(200)
    await backAfter()
  }

  for (let i = 0; i < 4_096; i++) now(0.02)
  now(200)

  assert.equal(await backAfter(), 32)
})

test('pace: what is still done on the loop while the disk is slow is no sign that it is quick', async () => {
  const { now, backAfter } = disk()
  for (let i = 0; i < 3; i++) {
    now(200)
    await backAfter()
  }

  now(200)
  for (let i = 0; i < 4_096; i++) now(0.02)

  assert.equal(await backAfter(), 256)
})
