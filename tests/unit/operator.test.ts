import assert from 'node:assert/strict'
import { test } from 'node:test'
import { operatorScreen } from '../../src/operator.ts'

const FILE = { account: 'ada', path: '/a', written: 3, read: 0 }

test('operator: the lines of a moment are printed in one call', async () => {
  const printed = Promise.withResolvers<string>()
  const screen = operatorScreen(printed.resolve, false)
  screen.show('info', 'close', () => FILE)
  screen.show('info', 'open', () => FILE)
  screen.show('info', 'login accepted', () => ({ account: 'bob', address: '::1', method: 'password' }))

  assert.equal(await printed.promise, 'received 3 B ada /a\nlogin bob from ::1 by password')
})

test('operator: what is gathered at the end is printed then', () => {
  const printed: string[] = []
  {
    using screen = operatorScreen((lines) => printed.push(lines), false)
    screen.show('info', 'close', () => FILE)
    assert.deepEqual(printed, [])
  }
  assert.deepEqual(printed, ['received 3 B ada /a'])
})

test('operator: a quiet server shows errors alone', () => {
  const printed: string[] = []
  {
    using screen = operatorScreen((lines) => printed.push(lines), true)
    screen.show('info', 'close', () => FILE)
    screen.show('error', 'request failed', () => ({ error: 'no such thing' }))
  }
  assert.deepEqual(printed, ['error: request failed: no such thing'])
})
