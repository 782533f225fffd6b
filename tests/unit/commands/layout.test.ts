import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bar, wrapped } from '../../../src/commands/layout.ts'

test('wrapped: breaks between words, counts cells, and leaves what is longer than a line', () => {
  assert.equal(wrapped('help lists the words', 12), 'help lists\nthe words')
  assert.equal(wrapped('上海 上海 上海', 10), '上海 上海\n上海')
  assert.equal(
    wrapped('MD5 63d5c8631b8b01436d4eb0696529a02c, done', 20),
    'MD5\n63d5c8631b8b01436d4eb0696529a02c,\ndone',
  )
  assert.equal(wrapped('one\ntwo words', 5), 'one\ntwo\nwords')
  assert.equal(wrapped('fits', 80), 'fits')
})

test('wrapped: the last column stays free, where some terminals begin a new line', () => {
  assert.equal(wrapped('one two', 8), 'one two')
  assert.equal(wrapped('one two', 7), 'one\ntwo')
})

test('wrapped: what follows the first line is indented', () => {
  assert.equal(wrapped('  one two three', 9, '    '), '  one\n    two\n    three')
})

test('bar: full when it is full alone, and empty when next to nothing is in it', () => {
  assert.equal(bar(0, 5), '[.....]')
  assert.equal(bar(0.001, 5), '[.....]')
  assert.equal(bar(0.5, 4), '[##..]')
  assert.equal(bar(0.98, 5), '[####.]')
  assert.equal(bar(1, 5), '[#####]')
  assert.equal(bar(2, 5), '[#####]')
})
