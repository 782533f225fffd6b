import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openAftermath } from '../../src/aftermath.ts'
import { isOpError } from '../../src/base/error.ts'
import { fakeClock } from '../support/fake-clock.ts'

function tries(outcomes: readonly boolean[]) {
  let count = 0
  let tried = Promise.withResolvers<void>()
  return {
    count: () => count,
    next: () => tried.promise,
    async settle() {
      const comes = outcomes[count++]
      tried.resolve()
      tried = Promise.withResolvers()
      if (comes !== true) throw new Error(`try ${count}`)
    },
  }
}

/** All that can go on goes on. */
const soon = (): Promise<void> => new Promise((done) => setImmediate(done))

test('what fails is tried again, longer each time, and who waits for it hears of the failure and can wait again', async () => {
  const clock = fakeClock()
  const failures: unknown[] = []
  const { signal } = new AbortController()
  const aftermath = openAftermath({ clock, stop: signal, failed: (error) => void failures.push(error) })
  const { settle, count } = tries([false, false, true])
  const first = aftermath.settled()
  const all = aftermath.settle(settle)

  await assert.rejects(first, (error) => isOpError(error, 'EBUSY'))
  const second = aftermath.settled()
  clock.pass(100)
  await assert.rejects(second, (error) => isOpError(error, 'EBUSY'))
  const third = aftermath.settled()
  clock.pass(199)
  await soon()
  assert.equal(count(), 2)
  clock.pass(1)
  await third
  await all
  await aftermath.over

  assert.equal(count(), 3)
  assert.deepEqual(failures.map(String), ['Error: try 1', 'Error: try 2'])
})

test('when the server stops it is tried once, and nobody waits for more', async () => {
  const clock = fakeClock()
  const stop = new AbortController()
  stop.abort()
  const aftermath = openAftermath({ clock, stop: stop.signal, failed() {} })
  const { settle, count } = tries([false])

  await aftermath.settle(settle)

  await aftermath.settled()
  await aftermath.over
  assert.equal(count(), 1)
})

test('a stop while it waits for the next try is not waited for', async () => {
  const clock = fakeClock()
  const stop = new AbortController()
  const aftermath = openAftermath({ clock, stop: stop.signal, failed() {} })
  const { settle, count, next } = tries([false, false])
  const tried = next()
  const all = aftermath.settle(settle)
  await tried

  await soon()
  stop.abort()

  await all
  await aftermath.over
  assert.equal(count(), 2)
})
