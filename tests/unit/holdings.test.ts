import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Claimed } from '../../src/claims.ts'
import { openHoldings } from '../../src/holdings.ts'

function holdings(
  claim: (account: string) => Promise<Claimed>,
  leave: () => Promise<unknown> = async () => ({}),
  arrive: (account: string, luggage: unknown) => void = () => {},
) {
  const failures: unknown[] = []
  const failed = (error: unknown): void => void failures.push(error)
  return { ...openHoldings({ self: 1, claim, leave, arrive, failed }), failures }
}

test('holdings: an account whose arrival is on its way is not given up', async () => {
  const answer = Promise.withResolvers<Claimed>()
  const here = holdings(() => answer.promise)

  const whose = here.whose('ada')
  // Two messages of one turn: it is ours, and another one asks for it.
  answer.resolve({ owner: 1 })
  const given = here.letGo('ada')

  assert.equal(await given, false)
  assert.equal(await whose, 1)
  using _ = here.enter('ada')
  assert.notEqual(_, undefined)
})

test('holdings: an account stays as long as a session needs it, or it cannot leave', async () => {
  let leaves = false
  const here = holdings(
    async () => ({ owner: 1 }),
    async () => leaves && { history: ['ls'] },
  )
  assert.equal(here.enter('ada'), undefined)
  await here.whose('ada')
  {
    using _ = here.enter('ada')
    leaves = true
    assert.equal(await here.letGo('ada'), false)
  }
  leaves = false
  assert.equal(await here.letGo('ada'), false)
  here.enter('ada')![Symbol.dispose]()
  leaves = true
  assert.deepEqual(await here.letGo('ada'), { history: ['ls'] })
  assert.equal(here.enter('ada'), undefined)
})

test('holdings: an account that fails to leave stays, and it is told of', async () => {
  const full = new Error('The disk is full')
  const here = holdings(
    async () => ({ owner: 1 }),
    () => Promise.reject(full),
  )
  await here.whose('ada')

  assert.equal(await here.letGo('ada'), false)

  using _ = here.enter('ada')
  assert.notEqual(_, undefined)
  assert.deepEqual(here.failures, [full])
})

test('holdings: nobody comes in while an account leaves', async () => {
  const left = Promise.withResolvers<boolean>()
  const here = holdings(
    async () => ({ owner: 1 }),
    () => left.promise,
  )
  await here.whose('ada')

  const given = here.letGo('ada')
  assert.equal(here.enter('ada'), undefined)
  left.resolve(true)

  assert.equal(await given, true)
})

test('holdings: what the last process kept in mind arrives once, before anybody comes in', async () => {
  const arrived: unknown[] = []
  const here = holdings(
    async () => ({ owner: 1, luggage: { history: ['pwd'] } }),
    undefined,
    (account, luggage) => void arrived.push([account, luggage]),
  )

  await Promise.all([here.whose('ada'), here.whose('ada')])

  assert.deepEqual(arrived, [['ada', { history: ['pwd'] }]])
})
