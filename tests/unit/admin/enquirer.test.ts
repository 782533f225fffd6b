import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import '../../../src/admin/enquirer.ts'
import { person } from '../../support/person.ts'

const require = createRequire(import.meta.url)
const ansi = require('enquirer/lib/ansi.js') as {
  strLen(text: string): number
  clear(text: string, columns: number): string
}
const parts = require('enquirer/lib/utils.js') as { onExit(callback: () => void): unknown }
const NAMES = ['SIGTERM', 'SIGINT', 'SIGTSTP', 'SIGCONT', 'exit'] as const
const listeners = (): readonly number[] => [
  ...NAMES.map((name) => process.listenerCount(name)),
  process.stdin.listenerCount('keypress'),
  process.stdout.listenerCount('resize'),
]

test('enquirer: a redraw goes up by rows of cells, also where wide characters wrap', () => {
  const up = (text: string): number => ansi.clear(text, 10).split('\x1b[F').length - 1

  assert.equal(up('one row'), 0)
  assert.equal(up('a日本語日本'), 1)
  assert.equal(up('one\ntwo\nthree'), 2)
  assert.equal(up(`\x1b[2m${'日本語日本語'.repeat(2)}\x1b[22m`), 2)
  assert.equal(ansi.strLen('\x1b[1m日本\x1b[22m'), 4)
})

test('enquirer: a thousand keys and fifty questions leave no listener, and the process has its signals to itself', async () => {
  const before = listeners()
  parts.onExit(() => {})
  const { screen, press, sees } = person()
  for (let turn = 0; turn < 50; turn++) {
    const answer = screen.ask('Name?')
    await sees('Name?')
    press('abcdefghijklmnopqrs')
    await sees('abcdefghijklmnopqrs')
    assert.deepEqual(listeners(), before)
    press(turn % 2 === 0 ? '\r' : '\x03')
    assert.equal(await answer, turn % 2 === 0 ? 'abcdefghijklmnopqrs' : undefined)
  }

  assert.deepEqual(listeners(), before)
})
