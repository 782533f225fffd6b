import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { bar, fitted, fittedTable, table, wrapped } from '../../../src/admin/table.ts'

const texts = fc.array(
  fc.array(fc.string({ unit: 'grapheme', maxLength: 30 }), { minLength: 3, maxLength: 3 }),
  {
    minLength: 1,
    maxLength: 6,
  },
)

test('table: columns are aligned in cells, wide characters and all', () => {
  assert.deepEqual(
    table([
      ['a', 'b'],
      ['日本', 'c'],
    ]),
    ['a     b', '日本  c'],
  )
})

test('table: a fitted one is never wider than the screen', () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 20, max: 120 }), (rows, columns) => {
      for (const line of fittedTable(rows, columns))
        assert.ok(stringWidth(line) <= columns, `${columns}: ${line}`)
    }),
  )
})

test('table: what fits is left as it is, the widest column gives way first', () => {
  const rows = [['name', 'short', 'a very long text that does not fit']]
  assert.deepEqual(fittedTable(rows, 80), table(rows))
  assert.deepEqual(fittedTable(rows, 30), ['name  short  a very long text…'])
})

test('table: a text is cut within its width, and wrapped between words', () => {
  assert.equal(fitted('abcdef', 4), 'abc…')
  assert.equal(fitted('日本語', 4), '日…')
  assert.deepEqual(wrapped('one two three', 8), ['one two', 'three'])
  assert.deepEqual(wrapped('one', 8), ['one'])
})

test('table: a bar is full, empty and in between, and never longer', () => {
  assert.deepEqual([bar(0, 4), bar(0.5, 4), bar(7, 4), bar(-1, 4)], ['[....]', '[##..]', '[####]', '[....]'])
})
