import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readable } from '../../../src/admin/log-line.ts'

const AT = '2026-01-31T10:20:30.456Z'
const WHERE = { conn: '7', address: '192.0.2.7', port: 50_000, session: '7.1' }

test('log line: what a line alone says comes first, where it came from last', () => {
  const line = { level: 'info', at: AT, ...WHERE, account: 'ada', path: '/a b', read: 0, event: 'close' }

  assert.equal(
    readable(JSON.stringify(line)),
    '10:20:30 close account=ada path="/a b" read=0 address=192.0.2.7 port=50000 conn=7 session=7.1',
  )
})

test('log line: a level that is not the usual one is said, and what a line does not have is left out', () => {
  assert.equal(
    readable(JSON.stringify({ level: 'warn', at: AT, event: 'settings not read', reason: 'no file' })),
    '10:20:30 warn settings not read reason="no file"',
  )
})

test('log line: half a line is shown as it is, without what steers a terminal', () => {
  assert.equal(readable('{"level":"info\x1b[2J'), '{"level":"info\\u{1b}[2J')
})
