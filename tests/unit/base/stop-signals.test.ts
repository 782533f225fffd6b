import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { onStopSignal } from '../../../src/base/stop-signals.ts'
import { fakeClock } from '../../support/fake-clock.ts'

test('stop signals: one that is handed on twice is one, and a later one ends the process at once', () => {
  const clock = fakeClock()
  const did: unknown[] = []
  const signals = Object.assign(new EventEmitter(), { exit: (status: number) => void did.push(status) })
  onStopSignal(['SIGINT', 'SIGTERM'], signals, clock, (name) => void did.push(name))

  signals.emit('SIGINT')
  signals.emit('SIGINT')
  clock.pass(500)
  signals.emit('SIGTERM')
  assert.deepEqual(did, ['SIGINT'])
  clock.pass(1)
  signals.emit('SIGINT')

  assert.deepEqual(did, ['SIGINT', 130])
})
