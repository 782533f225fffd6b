import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kept } from '../../../src/client/kept.ts'

/** Things that are opened one after another, and live until they are told not to. */
function opener(fails: readonly number[] = []) {
  const opened: { alive: boolean }[] = []
  let tries = 0
  const live = kept(
    async () => {
      tries += 1
      await Promise.resolve()
      if (fails.includes(tries)) throw new Error(`${tries} failed`)
      const one = { alive: true }
      opened.push(one)
      return one
    },
    ({ alive }) => alive,
  )
  return { live, opened }
}

test('kept: who asks at once gets the same', async () => {
  const { live, opened } = opener()

  const got = await Promise.all([live(), live(), live()])

  assert.equal(opened.length, 1)
  assert.deepEqual(new Set(got), new Set(opened))
})

test('kept: what is gone is opened anew, once', async () => {
  const { live, opened } = opener()
  const first = await live()
  first.alive = false

  const got = await Promise.all([live(), live()])

  assert.equal(opened.length, 2)
  assert.deepEqual(got, [opened[1], opened[1]])
})

test('kept: what could not be opened is told to all who waited, and tried again by the next', async () => {
  const { live, opened } = opener([1])

  const ends = await Promise.allSettled([live(), live()])

  assert.deepEqual(
    ends.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.equal(await live(), opened[0])
})
