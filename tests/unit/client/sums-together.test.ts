import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sumsTogether } from '../../../src/client/sums-together.ts'

test('sums together: what is asked for while one command runs is in the next', async () => {
  const commands: string[][] = []
  const begun = Promise.withResolvers<void>()
  const sum = sumsTogether(
    async (paths) => {
      commands.push([...paths])
      await begun.promise
      return paths.map((path) => `sum of ${path}`)
    },
    async (path) => `alone ${path}`,
  )

  const first = [sum('/a'), sum('/b')]
  await Promise.resolve()
  await Promise.resolve()
  const later = Array.from({ length: 100 }, (_, at) => sum(`/${at}`))
  begun.resolve()

  assert.deepEqual(await Promise.all(first), ['sum of /a', 'sum of /b'])
  assert.deepEqual(
    await Promise.all(later),
    later.map((_, at) => `sum of /${at}`),
  )
  assert.deepEqual(
    commands.map(({ length }) => length),
    [2, 64, 36],
  )
})

test('sums together: long names are in several commands', async () => {
  const commands: number[] = []
  const sum = sumsTogether(
    async (paths) => {
      commands.push(paths.join('').length)
      return paths.map(() => 'sum')
    },
    async () => 'alone',
  )

  await Promise.all(Array.from({ length: 20 }, () => sum('x'.repeat(4_000))))

  assert.ok(commands.length > 0 && commands.every((bytes) => bytes <= 16 * 1024))
})

test('sums together: where many cannot be told apart each is asked for alone, and an error is told to all', async () => {
  let tries = 0
  const sum = sumsTogether(
    async () => {
      tries++
      return undefined
    },
    async (path) => {
      if (path === '/bad') throw new Error('lost')
      return path === '/none' ? undefined : 'alone'
    },
  )

  assert.deepEqual(await Promise.all([sum('/a'), sum('/none')]), ['alone', undefined])
  assert.deepEqual(await Promise.all([sum('/a'), sum('/b')]), ['alone', 'alone'])
  assert.deepEqual(await Promise.all([sum('/a'), sum('/b')]), ['alone', 'alone'])
  assert.equal(tries, 2)
  await assert.rejects(sum('/bad'), /lost/)
  assert.equal(await sum('/a'), 'alone')
})
