import assert from 'node:assert/strict'
import { test } from 'node:test'
import { roundTrip } from '../../../src/ssh/round-trip.ts'

test('round trip: the shortest answer counts, a person behind a password does not', () => {
  let at = 0
  const turns = roundTrip(() => at)
  const answer = (ms: number): void => {
    turns.told()
    at += ms
    turns.heard()
  }

  assert.equal(turns.ms, Number.POSITIVE_INFINITY)
  answer(9_000)
  answer(41)
  answer(60)

  assert.equal(turns.ms, 41)
})

test('round trip: what comes without being told anything is no answer', () => {
  let at = 0
  const turns = roundTrip(() => at)

  turns.heard()
  turns.told()
  at += 40
  turns.heard()
  at += 1
  turns.heard()

  assert.equal(turns.ms, 40)
})
