import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { followDays, lastLines } from '../../../src/base/tail.ts'

const folder = mkdtempSync(join(tmpdir(), 'miniftp-tail-'))
after(() => rmSync(folder, { recursive: true }))

/** Days that pass when the test says so; a look whenever somebody waits for one. */
function follow(name: string) {
  const day = { now: 1 }
  const stop = new AbortController()
  const lines = followDays({
    fileOf: (time) => join(folder, `${name}-${time}`),
    clock: {
      now: () => day.now,
      sleep: () => new Promise((resolve) => setImmediate(resolve)),
    },
    stop: stop.signal,
  })
  return { day, stop, next: async () => (await lines.next()).value, lines }
}

test('tail: no file, an empty one, and a line that is still being written', async () => {
  const path = join(folder, 'last')
  assert.deepEqual(await lastLines(path), { lines: [], end: 0 })
  writeFileSync(path, '')
  assert.deepEqual(await lastLines(path), { lines: [], end: 0 })
  writeFileSync(path, 'one\ntwo\nthr')
  assert.deepEqual(await lastLines(path), { lines: ['one', 'two'], end: 8 })
})

test('tail: of a long file the end, without the piece of a line that it begins with', async () => {
  const path = join(folder, 'long')
  writeFileSync(path, `${'x'.repeat(4 * 1024 * 1024)}\nlast\n`)
  assert.deepEqual((await lastLines(path)).lines, ['last'])
})

test('tail: what is added comes once and whole, over midnight too, until it is stopped', async () => {
  const { day, stop, next, lines } = follow('day')
  assert.deepEqual(await next(), [])
  writeFileSync(join(folder, 'day-1'), 'one\ntw')
  assert.deepEqual(await next(), ['one'])
  appendFileSync(join(folder, 'day-1'), 'o\n')
  assert.deepEqual(await next(), ['two'])
  appendFileSync(join(folder, 'day-1'), 'before midnight\n')
  writeFileSync(join(folder, 'day-2'), 'after midnight\n')
  assert.deepEqual(await next(), ['before midnight'])
  writeFileSync(join(folder, 'day-1'), 'made anew\n')
  assert.deepEqual(await next(), ['made anew'])
  day.now = 2
  assert.deepEqual(await next(), ['after midnight'])
  stop.abort()
  assert.equal((await lines.next()).done, true)
})
