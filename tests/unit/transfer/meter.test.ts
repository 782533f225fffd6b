import assert from 'node:assert/strict'
import { test } from 'node:test'
import { meter } from '../../../src/transfer/meter.ts'

test('meter: what was there before is had, and is no speed', () => {
  const one = meter(1000, 600, 0)
  assert.deepEqual([one.done, one.rate(0), one.left(0)], [600, 0, undefined])

  one.moved(700, 1000)

  assert.deepEqual([one.done, one.rate(1000), one.left(1000)], [700, 100, 3000])
  one.moved(1000, 2000)
  assert.deepEqual([one.done, one.left(2000)], [1000, 0])
})

test('meter: the rate is that of the last seconds, and falls when nothing moves', () => {
  const one = meter(1_000_000, 0, 0)
  for (let at = 1; at <= 60; at++) one.moved(at <= 30 ? at * 10_000 : 300_000 + (at - 30) * 1000, at * 1000)

  const rate = one.rate(60_000)

  assert.ok(rate > 900 && rate < 1100, `${rate}`)
  assert.ok(one.rate(70_000) < rate / 2, `${one.rate(70_000)}`)
})

test('meter: a tree may grow while it is moved', () => {
  const one = meter(0, 0, 0)
  one.expect(500)
  one.expect(500, 250)
  one.moved(450, 1000)
  assert.deepEqual([one.total, one.done, one.rate(1000)], [1000, 450, 200])
})
