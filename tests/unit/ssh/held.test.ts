import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Held, type HeldMemory, heldMemory } from '../../../src/ssh/held.ts'

const MIB = 1024 * 1024
const MOST = 64 * MIB
/** What one may hold in any case. */
const LEAST = 4 * MIB
const PIECE = MIB / 2

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Takes as much as it may. */
function fill(held: Held): number {
  let bytes = 0
  for (; !held.isOver; bytes += PIECE) held.take(PIECE)
  return bytes
}

/** What the next account that comes may hold: half of what is free. */
function left(memory: HeldMemory): number {
  const held = memory.connection('who comes next')
  const bytes = fill(held)
  held.close()
  return 2 * (bytes - PIECE)
}

test('held: an account may hold as much as it leaves free, and for each connection one piece more', () => {
  const memory = heldMemory(() => MOST)
  const connections = Array.from({ length: 50 }, () => memory.connection('mallory'))

  const bytes = connections.map(fill).reduce((sum, count) => sum + count, 0)

  assert.equal(bytes, MOST / 2 + 50 * PIECE)
})

test('held: each account beside others has its share, and always a little', () => {
  const memory = heldMemory(() => MOST)

  const shares = Array.from({ length: 100 }, (_, i) => fill(memory.connection(`account ${i}`)))

  assert.equal(shares[1], MOST / 4)
  assert.ok(shares.every((bytes) => bytes > LEAST))
})

test('held: who waits is told once there is less, in the order in which they came', async () => {
  const memory = heldMemory(() => MOST)
  const mallory = memory.connection('mallory')
  const told: string[] = []
  fill(mallory)
  for (const name of ['first', 'second']) mallory.wait(() => told.push(name))
  const third = (): void => void told.push('third')
  mallory.wait(third)
  mallory.forget(third)

  await turn()
  assert.deepEqual(told, [])
  mallory.give(PIECE)
  await turn()
  assert.deepEqual(told, ['first', 'second'])
})

test('held: a connection whose client takes all goes on, though others of its account fill its share', async () => {
  const memory = heldMemory(() => MOST)
  fill(memory.connection('ada'))
  const other = memory.connection('ada')
  let told = 0

  assert.equal(other.isOver, false)
  other.take(PIECE)
  assert.equal(other.isOver, true)
  other.wait(() => told++)
  await turn()
  assert.equal(told, 0)
  other.give(PIECE)
  await turn()

  assert.equal(told, 1)
  assert.equal(other.isOver, false)
})

test('held: what another account gives back lets one go on', async () => {
  const memory = heldMemory(() => MOST)
  const ada = memory.connection('ada')
  const grace = memory.connection('grace')
  fill(ada)
  fill(grace)
  let told = 0
  grace.wait(() => told++)

  ada.close()
  await turn()

  assert.equal(told, 1)
  assert.equal(grace.isOver, false)
})

test('held: who brings more than is dealt with is not read from, until it is or others give back', async () => {
  const memory = heldMemory(() => MOST)
  const ada = memory.connection('ada')
  const other = memory.connection('ada')
  fill(ada)
  let told = 0
  const go = (): void => void told++

  other.came(300 * 1024)
  assert.equal(other.mayBring(go), true, 'a packet is always let in whole')
  other.came(100 * 1024)
  assert.equal(other.mayBring(go), false)
  other.dealt(100 * 1024)
  assert.equal(told, 1, 'though the account holds as much as before')
  other.came(100 * 1024)
  assert.equal(other.mayBring(go), false)
  ada.close()
  await turn()

  assert.equal(told, 2)
  assert.equal(other.mayBring(go), true)
})

test('held: all that a connection held is given back with it, and nothing twice', () => {
  const memory = heldMemory(() => MOST)
  const held = memory.connection('ada')
  held.take(20 * MIB)
  held.came(MIB)

  held.close()
  held.close()
  held.give(20 * MIB)
  held.dealt(MIB)
  held.take(MIB)

  assert.equal(left(memory), MOST)
})

test('held: whatever accounts do, all is given back, nobody keeps a newcomer out, and who waits is told', async () => {
  const step = fc.record({
    who: fc.nat(3),
    what: fc.constantFrom('take', 'give', 'came', 'dealt', 'wait', 'close'),
    bytes: fc.integer({ min: 1, max: 3 * MIB }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const memory = heldMemory(() => MOST)
      const open = (who: number) => ({
        held: memory.connection(`account ${who % 2}`),
        bytes: 0,
        input: 0,
        waits: new Set<number>(),
      })
      const all = Array.from({ length: 4 }, (_, who) => open(who))
      let count = 0
      for (const { who, what, bytes } of steps) {
        const one = all[who]!
        const { held, waits } = one
        const id = ++count
        const go = (): void => void waits.delete(id)
        if (what === 'close') {
          held.close()
          all[who] = open(who)
        } else if (what === 'take' && !held.isOver) {
          held.take(bytes)
          one.bytes += bytes
        } else if (what === 'give') {
          const back = Math.min(bytes, one.bytes)
          held.give(back)
          one.bytes -= back
        } else if (what === 'came' && one.input < MIB) {
          held.came(bytes)
          one.input += bytes
        } else if (what === 'dealt') {
          const back = Math.min(bytes, one.input)
          held.dealt(back)
          one.input -= back
        } else if (what === 'wait' && held.isOver) {
          waits.add(id)
          held.wait(go)
        }
        const newcomer = memory.connection('newcomer')
        assert.equal(newcomer.isOver, false)
        newcomer.close()
      }
      for (const { held, bytes, input } of all) {
        held.give(bytes)
        held.dealt(input)
      }
      await turn()
      assert.deepEqual(
        all.flatMap(({ waits }) => [...waits]),
        [],
      )
      assert.equal(left(memory), MOST)
    }),
    { numRuns: 200 },
  )
})
