import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Extents } from '../../../src/vfs/extents.ts'
import { cutOf, Written } from '../../../src/vfs/written.ts'

/** Which bytes were written, one by one. */
class Model {
  readonly #written: Set<number>

  constructor(prefix: number) {
    this.#written = new Set(Array(prefix).keys())
  }

  get prefix(): number {
    for (let at = 0; ; at++) if (!this.#written.has(at)) return at
  }

  get hasHole(): boolean {
    return this.#written.size > this.prefix
  }

  /** How many runs there are behind the prefix. */
  get runs(): number {
    const { prefix } = this
    return [...this.#written].filter((at) => at > prefix && !this.#written.has(at - 1)).length
  }

  add(from: number, to: number): void {
    for (let at = from; at < to; at++) this.#written.add(at)
  }

  set(size: number): void {
    for (const at of [...this.#written]) if (at >= size) this.#written.delete(at)
    this.add(0, size)
  }
}

const step = fc.oneof(
  { weight: 9, arbitrary: fc.tuple(fc.nat(60), fc.nat(8)) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(60)) },
)

function follow(prefix: number, steps: readonly (readonly number[])[], most: number | undefined) {
  const extents = new Extents(prefix, most)
  const model = new Model(prefix)
  return steps.map(([at, length]) => {
    for (const one of [extents, model]) length === undefined ? one.set(at!) : one.add(at!, at! + length)
    return {
      at: [extents.prefix, extents.hasHole],
      model: [model.prefix, model.hasHole],
      runs: model.runs,
    } as const
  })
}

test('extents: are what a list of all bytes says', () => {
  fc.assert(
    fc.property(fc.nat(5), fc.array(step, { maxLength: 40 }), (prefix, steps) => {
      for (const { at, model } of follow(prefix, steps, undefined)) assert.deepEqual(at, model)
    }),
  )
})

test('extents: of more runs than are kept, they never say more than was written, nor hide a hole', () => {
  fc.assert(
    fc.property(fc.nat(5), fc.array(step, { maxLength: 40 }), (prefix, steps) => {
      let exact = true
      for (const { at, model, runs } of follow(prefix, steps, 3)) {
        if (runs > 3) exact = false
        if (exact) assert.deepEqual(at, model)
        assert.ok(at[0] <= model[0])
        assert.ok(at[1] || !model[1])
      }
    }),
  )
})

test('extents: of 1,500 bytes that are apart those nearest the beginning are kept, and a hole until all was written', () => {
  const extents = new Extents(0)
  for (let at = 1; at < 3_000; at += 2) extents.add(at, at + 1)
  for (let at = 0; at < 3_000; at += 2) extents.add(at, at + 1)
  assert.deepEqual([extents.prefix, extents.hasHole], [2_049, true])

  extents.add(2_049, 2_999)
  assert.deepEqual([extents.prefix, extents.hasHole], [2_999, true])
  extents.add(2_999, 3_000)
  assert.deepEqual([extents.prefix, extents.hasHole], [3_000, false])
})

test('cut: a kill may leave the file shorter than what is remembered of it', () => {
  assert.equal(cutOf(3, 5, 10), 3)
  assert.equal(cutOf(12, 5, 10), 10)
  assert.equal(cutOf(12, 5, 0), 5)
})

test('written: of a WRITE that failed what made the file longer is there, and nothing else is known', () => {
  const after = (size: number, ...[from, to, there]: readonly [number, number, number]) => {
    const written = new Written(size, { gap() {}, keep() {}, free() {} })
    written.add(size + 5, size + 10)
    written.failed(from, to, there)
    return [written.cut, written.size]
  }

  assert.deepEqual(after(10, 10, 40, 27), [27, 27])
  assert.deepEqual(after(10, 12, 40, 27), [10, 27])
  // Within what was there already; and beyond it somebody else has been.
  assert.deepEqual(after(10, 10, 40, 20), [10, 20])
  assert.deepEqual(after(10, 10, 22, 40), [22, 22])
  assert.deepEqual(after(10, 30, 40, 25), [10, 20])
})
