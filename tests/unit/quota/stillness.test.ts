import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBooks } from '../../../src/quota/books.ts'
import type { Found } from '../../../src/quota/ledger.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { family } from '../../support/family.ts'
import { sqlWorld } from '../../support/ledgers.ts'

const HOLD_STILL = 'quota hold still'
const turns = async (count = 30): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** The books of one process, with a clock that stands, and another process that always holds still and can ask. */
async function asked(measure: () => Promise<Found>) {
  const world = await sqlWorld()
  const relatives = family()
  const other = relatives.join().siblings
  other.answer(HOLD_STILL, () => true)
  const clock = fakeClock()
  const books = openBooks({
    ledger: (await world.start()).ledger,
    measure: () => measure(),
    limitsOf: async () => ({ bytes: 100, files: null }),
    siblings: relatives.join().siblings,
    clock,
  })
  const ask = async (ms: number, again: boolean): Promise<unknown> =>
    (await other.ask(HOLD_STILL, { account: 'ada', by: 'the other', ms, again }))[0]
  return { books, clock, ask, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() }
}
const nothing = async (): Promise<Found> => ({ bytes: 0, files: 0 })

test('holding still: goes on as long as it is asked again in time, and ends by itself', async () => {
  await using one = await asked(nothing)
  const book = await one.books.open('ada')
  await book.ensure(1)

  assert.equal(await one.ask(4000, false), true)
  one.clock.pass(3000)
  assert.equal(await one.ask(4000, true), true)
  one.clock.pass(3000)
  await turns()
  assert.equal(book.has(0), false)
  one.clock.pass(1000)
  await turns()

  assert.equal(book.has(0), true)
})

test('holding still: who no longer does says so when it is asked again', async () => {
  await using one = await asked(nothing)
  await one.books.open('ada')
  assert.equal(await one.ask(4000, false), true)
  one.clock.pass(4000)
  await turns()

  assert.equal(await one.ask(4000, true), false)
})

test('holding still: ends at once when it is no longer asked for', async () => {
  await using one = await asked(nothing)
  const book = await one.books.open('ada')
  await one.ask(4000, false)

  await one.ask(0, true)
  await turns()

  assert.equal(book.has(0), true)
})

test('a count: waits for changes of its own process that are under way off the loop', async () => {
  let found = 0
  let counts = 0
  await using one = await asked(async () => {
    counts += 1
    return { bytes: found, files: 0 }
  })
  const book = await one.books.open('ada')
  const before = counts
  const write = Promise.withResolvers<void>()
  const written = book.during(write.promise)

  book.give(1)
  await turns()
  assert.equal(counts, before)
  found = 10
  write.resolve()
  await written
  one.clock.pass(10)

  assert.equal((await one.books.usage('ada')).used, 10)
})

test('a count that took longer than the others were asked to hold still is not believed', async () => {
  let counts = 0
  await using one = await asked(async () => {
    if (++counts === 1) {
      // In one step, as when the loop was busy: they were not asked again meanwhile.
      one.clock.pass(5000)
      await turns()
    }
    return { bytes: counts, files: 0 }
  })

  const { used } = await one.books.usage('ada')

  assert.deepEqual({ used, counts }, { used: 2, counts: 2 })
})
