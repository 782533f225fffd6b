import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GONE } from '../../src/base/line.ts'
import { type Claims, openClaims } from '../../src/claims.ts'
import { type Holdings, openHoldings } from '../../src/holdings.ts'

/** Workers 1 and 2 that answer as they are told. */
function scripted(letGo: (number: number) => unknown, ending: Record<number, Promise<void>> = {}) {
  const asked: number[] = []
  const claims = openClaims({
    letGo: async (number) => {
      asked.push(number)
      return letGo(number)
    },
    ending: (number) => ending[number],
  })
  return { claims, asked, ending }
}

test('claims: an account stays where it is until its process gives it up', async () => {
  let gives: unknown = false
  const { claims, asked } = scripted(() => gives)

  assert.deepEqual(await claims.claim('ada', 1), { owner: 1 })
  assert.deepEqual(await claims.claim('bob', 2), { owner: 2 })
  assert.deepEqual(await claims.claim('ada', 1), { owner: 1 })
  assert.deepEqual(asked, [])
  assert.deepEqual(await claims.claim('ada', 2), { owner: 1 })
  gives = { history: [] }
  assert.deepEqual(await claims.claim('ada', 2), { owner: 2, luggage: { history: [] } })
  assert.deepEqual(await claims.claim('ada', 1), { owner: 1, luggage: { history: [] } })
  assert.deepEqual(asked, [1, 1, 2])
})

test('claims: nobody has the account of a process that died before what it left is settled', async () => {
  const settled = Promise.withResolvers<void>()
  let given: number | undefined
  const { claims, ending } = scripted(() => GONE)
  await claims.claim('ada', 1)
  ending[1] = settled.promise

  const claimed = claims.claim('ada', 2).then(({ owner }) => {
    given = owner
  })
  for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done))
  assert.equal(given, undefined)
  settled.resolve()
  await claimed
  assert.equal(given, 2)
})

test('claims: of a process that drains the account is waited for, unless it gives it up at once', async () => {
  const ended = Promise.withResolvers<void>()
  const { claims, ending } = scripted(() => false)
  await claims.claim('ada', 1)
  ending[1] = ended.promise

  const claimed = claims.claim('ada', 2)
  ended.resolve()
  assert.deepEqual(await claimed, { owner: 2 })
})

/** Real claims between real holdings; every message takes a turn of the loop. */
function several(count: number, stays: () => boolean) {
  const workers: Holdings[] = []
  const turn = () => new Promise((done) => setImmediate(done))
  const claims: Claims = openClaims({
    letGo: async (number, account) => {
      await turn()
      const answer = await workers[number - 1]!.letGo(account)
      await turn()
      return answer
    },
    ending: () => undefined,
  })
  for (let self = 1; self <= count; self++)
    workers.push(
      openHoldings({
        self,
        async claim(account) {
          await turn()
          const claimed = await claims.claim(account, self)
          await turn()
          return claimed
        },
        async leave() {
          await turn()
          return stays() ? false : { from: self }
        },
        arrive() {},
        failed(error) {
          throw error
        },
      }),
    )
  return workers
}

test('claims: whatever comes in wherever, an account is in one process at a time', async () => {
  let dice = 7
  const random = (below: number): number => {
    dice = (Math.imul(dice, 1664525) + 1013904223) >>> 0
    return dice % below
  }
  const workers = several(3, () => random(4) === 0)
  const inside = new Map<number, number>()
  let [moves, most, last] = [0, 0, 0]

  /** What a worker does with a session of the account; the owner serves it, be it by way of another. */
  async function session(number: number): Promise<void> {
    for (;;) {
      const owner = await workers[number - 1]!.whose('ada')
      // By way of another: the account may have moved on meanwhile.
      if (owner !== number && random(2) === 0) await new Promise((done) => setImmediate(done))
      using here = workers[owner - 1]!.enter('ada')
      if (here === undefined) continue
      inside.set(owner, (inside.get(owner) ?? 0) + 1)
      const all = [...inside.values()].filter((count) => count > 0).length
      most = Math.max(most, all)
      if (owner !== last) moves += 1
      last = owner
      for (let turn = random(4); turn > 0; turn--) await new Promise((done) => setImmediate(done))
      inside.set(owner, inside.get(owner)! - 1)
      return
    }
  }
  const sessions: Promise<void>[] = []
  for (let i = 0; i < 600; i++) {
    sessions.push(session(1 + random(3)))
    for (let turn = random(6); turn > 0; turn--) await new Promise((done) => setImmediate(done))
  }
  await Promise.all(sessions)

  assert.equal(most, 1)
  assert.ok(moves > 20, `${moves} moves`)
})
