import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../src/base/error.ts'
import { placed } from '../../src/worker.ts'
import { memorySession } from '../support/memory-channel.ts'

test('worker: a session whose account cannot be placed now is told why', async () => {
  const why = 'What an ended process has left is not made good yet: try again in a moment'
  const holdings = {
    whose: async () => {
      throw new OpError('EBUSY', why)
    },
    enter: () => undefined,
  }
  const { session, channel } = memorySession()

  const status = await placed(holdings, 1, () => '')(async () => 0)(session)

  assert.equal(status, 1)
  assert.equal(channel.errors, `${why}\n`)
})

test('worker: a session whose account moves on and on is told so', async () => {
  const { session, channel } = memorySession()

  const status = await placed({ whose: async () => 1, enter: () => undefined }, 1, () => '')(async () => 0)(
    session,
  )

  assert.equal(status, 1)
  assert.equal(channel.errors, '"ada" moves from process to process: try again in a moment\n')
})
