import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { fit, progressLine } from '../../../src/client/progress-line.ts'

const MIB = 1024 * 1024
const standing = {
  name: 'holiday-pictures-2026.tar.zst',
  done: 450 * MIB,
  total: 1024 * MIB,
  rate: 85 * MIB,
  left: 7_000,
}
const cjk = { ...standing, name: '假期照片-上海到北京-二〇二六年.tar' }

test('progress line: at 100, 60 and 36 columns, with names that take two cells a letter', () => {
  assert.deepEqual(
    [100, 60, 36].flatMap((columns) => [progressLine(standing, columns), progressLine(cjk, columns)]),
    [
      'holiday-pic…026.tar.zst [=========>           ]  43%      450 MiB of 1 GiB    85 MiB/s  0:07 left',
      '假期照片-上…二六年.tar  [=========>           ]  43%      450 MiB of 1 GiB    85 MiB/s  0:07 left',
      'holiday…tar.zst [======>       ]  43%    85 MiB/s    0:07',
      '假期照…六年.tar [======>       ]  43%    85 MiB/s    0:07',
      'holiday….tar.zst  43%    85 MiB/s',
      '假期照…六年.tar   43%    85 MiB/s',
    ],
  )
})

test('progress line: says what it waits for instead of a rate', () => {
  const line = progressLine({ ...standing, waits: 'waiting for the connection' }, 80)
  assert.match(line, /43% .*waiting for the connection$/)
  assert.doesNotMatch(line, /MiB\/s/)
})

test('progress line: leaves the last column free, and two for an echoed ^C; keeps its facts as long as they fit', () => {
  const names = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.constantFrom(standing.name, cjk.name),
  )
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 200 }), fc.nat(), fc.nat(), (name, columns, done, total) => {
      const line = progressLine(
        { name: name.replace(/[\u0000-\u001f\u007f-\u009f]/g, ''), done, total, rate: done, left: total },
        columns,
      )

      assert.ok(
        stringWidth(line) <= Math.max(1, columns - 3),
        `${stringWidth(line)} cells of ${columns}: ${line}`,
      )
      if (columns >= 36) assert.match(line, /%/)
    }),
  )
})

test('progress line: a name that is too long keeps both its ends', () => {
  assert.equal(fit('abcdefghij', 7, false), 'abc…hij')
  assert.equal(stringWidth(fit(cjk.name, 12, true)), 12)
  assert.match(fit(cjk.name, 12, true), /^假期…/)
})
