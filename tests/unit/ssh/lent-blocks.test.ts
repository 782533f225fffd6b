import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lentBlocks } from '../../../src/ssh/lent-blocks.ts'

test('whatever comes in whatever pieces goes out in order, in memory that was given back', () => {
  const piece = fc.nat(700_000)
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.constant('take' as const)), { maxLength: 20 }), (steps) => {
      const blocks = lentBlocks()
      const put: number[] = []
      const took: number[] = []
      const take = (): boolean => {
        const run = blocks.take()
        if (run === undefined) return false
        took.push(...[run[0]!, run.at(-1)!, run.length])
        run.fill(255)
        blocks.give(run)
        return true
      }
      let next = 0
      for (const step of steps) {
        if (step === 'take') take()
        else {
          const bytes = Uint8Array.from({ length: step }, (_, index) => (next + index) % 251)
          next += step
          put.push(step)
          blocks.put(bytes)
        }
      }
      while (take());
      let at = 0
      for (let i = 0; i < took.length; i += 3) {
        const [first, last, length] = took.slice(i, i + 3) as [number, number, number]
        assert.deepEqual([first, last], [at % 251, (at + length - 1) % 251])
        at += length
      }
      assert.equal(
        at,
        put.reduce((sum, count) => sum + count, 0),
      )
    }),
    { numRuns: 50 },
  )
})

test('small pieces that wait go out as one', () => {
  const blocks = lentBlocks()
  blocks.put(Uint8Array.of(1, 2))
  blocks.put(Uint8Array.of(3))
  const first = blocks.take()!
  assert.deepEqual([...first], [1, 2, 3])
  assert.equal(blocks.take(), undefined)
  assert.ok(first.buffer.byteLength < 64 * 1024, 'few bytes take little')
})

test('memory that was given back is lent again, to whoever needs it', () => {
  const free: Uint8Array[] = []
  const one = lentBlocks(free)
  const other = lentBlocks(free)
  one.put(new Uint8Array(100_000))
  const first = one.take()!
  one.give(first)
  other.put(new Uint8Array(100_000))
  assert.equal(other.take()!.buffer, first.buffer)
})
