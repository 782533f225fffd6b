import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Turns } from '../../../src/base/lane.ts'

test('turns: whoever has fewest under way is next, of equals the first that came', async () => {
  const turns = new Turns(2)
  const begun: string[] = []
  const ends: (() => void)[] = []
  const all = ['mallory 1', 'mallory 2', 'mallory 3', 'mallory 4', 'ada 1', 'bob 1'].map((work) =>
    turns.run(work.split(' ')[0]!, async () => {
      begun.push(work)
      await new Promise<void>((resolve) => ends.push(resolve))
    }),
  )
  assert.deepEqual(begun, ['mallory 1', 'mallory 2'])

  while (ends.length > 0) {
    ends.shift()!()
    await turn()
  }

  await Promise.all(all)
  assert.deepEqual(begun, ['mallory 1', 'mallory 2', 'ada 1', 'mallory 3', 'bob 1', 'mallory 4'])
})

test('turns: work that fails gives its turn back', async () => {
  const turns = new Turns(1)

  await assert.rejects(
    turns.run('ada', () => Promise.reject(new Error('failed'))),
    /failed/,
  )

  assert.equal(await turns.run('bob', async () => 'done'), 'done')
})
