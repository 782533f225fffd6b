import assert from 'node:assert/strict'
import { test } from 'node:test'
import { escapeText, shown, shownBytes } from '../../../src/base/escape.ts'

const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

test('escape: names that are UTF-8 are shown as they are', () => {
  assert.equal(shown(bytes('päth-日本-😀.txt')), 'päth-日本-😀.txt')
  assert.equal(shown('plain name'), 'plain name')
})

test('escape: bytes that are no UTF-8 are shown by number', () => {
  assert.equal(shown('a\xff\xc3b'), 'a\\xff\\xc3b')
  // An overlong '/', half of a surrogate pair, a character beyond the last.
  assert.equal(shown('\xc0\xaf'), '\\xc0\\xaf')
  assert.equal(shown('\xed\xa0\x80'), '\\xed\\xa0\\x80')
  assert.equal(shown('\xf4\x90\x80\x80'), '\\xf4\\x90\\x80\\x80')
})

test('escape: nothing moves the cursor, begins a line or turns the direction', () => {
  assert.equal(shown('a\x1b[31m\r\n\t\x7f'), 'a\\u{1b}[31m\\r\\n\\t\\u{7f}')
  assert.equal(
    shown(bytes('\u0085\u009b\u2028\u202e\u2066\u200f\ufeff')),
    '\\u{85}\\u{9b}\\u{2028}\\u{202e}\\u{2066}\\u{200f}\\u{feff}',
  )
  assert.equal(escapeText('ok\u202e'), 'ok\\u{202e}')
})

test('escape: the byte string of a shown text is its UTF-8', () => {
  assert.equal(shownBytes(bytes('ä\n')), bytes('ä\\n'))
  assert.equal(shownBytes('a\xff'), 'a\\xff')
})
