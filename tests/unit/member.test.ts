import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type End, startMember } from '../../src/member.ts'
import { fakeClock } from '../support/fake-clock.ts'

test('a process that cannot be started has ended, and why is told', async (t) => {
  const program = process.execPath
  t.after(() => {
    process.execPath = program
  })
  process.execPath = '/no/such/node'
  const failures: unknown[] = []
  const ended = Promise.withResolvers<End>()

  startMember({
    number: 1,
    answersOf: () => new Map(),
    ended: (_, how) => ended.resolve(how),
    clock: fakeClock(),
    stop: new AbortController().signal,
    failed: (error) => failures.push(error),
  })

  assert.deepEqual(await ended.promise, { status: null, signal: null })
  assert.deepEqual(
    failures.map((error) => (error as NodeJS.ErrnoException).code),
    ['ENOENT'],
  )
})
