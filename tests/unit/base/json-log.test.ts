import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OpError } from '../../../src/base/error.ts'
import { jsonLog, type Level } from '../../../src/base/json-log.ts'
import { fakeClock } from '../../support/fake-clock.ts'

function openLog(level: Level = 'info') {
  const lines: string[] = []
  const rules = { level }
  const shown: string[] = []
  const log = jsonLog({
    file: { write: (line) => void lines.push(line()) },
    clock: fakeClock(Date.UTC(2026, 10, 22, 8, 30)),
    rules,
    also(at, event, fields) {
      const { session } = fields()
      shown.push(`${at} ${event}${session === undefined ? '' : ` of ${session}`}`)
    },
  })
  return { log, lines, rules, shown, fields: (at = 0) => JSON.parse(lines[at]!) as Record<string, unknown> }
}

test('json log: a line is the time by the clock, the level, the event and the fields of who speaks', () => {
  const { log, fields, lines } = openLog()

  log.with({ conn: '1' }).with({ session: '1.1' }).info('close', { path: '/a', written: 3 })

  assert.ok(lines[0]!.endsWith('\n'))
  assert.deepEqual(fields(), {
    at: '2026-11-22T08:30:00.000Z',
    level: 'info',
    event: 'close',
    conn: '1',
    session: '1.1',
    path: '/a',
    written: 3,
  })
})

test('json log: a line is of the time and the level at which it was said, though it is put into words later', () => {
  const gathered: (() => string)[] = []
  const clock = fakeClock(Date.UTC(2026, 10, 22, 8, 30))
  const rules: { level: Level } = { level: 'info' }
  const log = jsonLog({ file: { write: (line) => void gathered.push(line) }, clock, rules })

  log.info('open', { path: '/a' })
  clock.pass(1_000)
  log.warn('stream lost')
  rules.level = 'warn'
  log.info('close', { path: '/a' })
  const lines = gathered.map((line) => JSON.parse(line()))

  assert.deepEqual(lines, [
    { level: 'info', at: '2026-11-22T08:30:00.000Z', path: '/a', event: 'open' },
    { level: 'warn', at: '2026-11-22T08:30:01.000Z', event: 'stream lost' },
  ])
})

test('json log: no text can begin a line, end one, or be taken for another field', () => {
  const { log, lines } = openLog()
  const evil = fc.string({ unit: 'binary', maxLength: 3_000 })

  fc.assert(
    fc.property(evil, evil, (path, client) => {
      lines.length = 0
      log.info('open', { path, client })

      assert.equal(lines.length, 1)
      const [line] = lines
      assert.equal(line!.indexOf('\n'), line!.length - 1)
      assert.doesNotMatch(line!.slice(0, -1), /[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]/)
      const read = JSON.parse(line!) as Record<string, unknown>
      assert.deepEqual([read.event, read.level], ['open', 'info'])
    }),
    { numRuns: 40 },
  )
  log.info('open', { path: 'x\n{"level":"info","event":"login accepted","account":"admin"}' })
  assert.equal(JSON.parse(lines.at(-1)!).event, 'open')
})

test('json log: a line has at most 4 KB, is JSON still, and says that it was cut', () => {
  const { log, lines, fields } = openLog()
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`field${at}`, '日'.repeat(1_000)]))

  log.info('open', many)
  log.info('open', { path: '日'.repeat(100_000) })

  for (const line of lines) assert.ok(Buffer.byteLength(line) <= 4096, String(Buffer.byteLength(line)))
  assert.equal(fields(0).cut, true)
  assert.deepEqual(Object.keys(fields(0)).slice(0, 3), ['level', 'at', 'field0'])
  assert.equal(fields(0).event, 'open')
})

test('json log: an error is told with its code and cause', () => {
  const { log, fields } = openLog()

  log.error('internal error', new OpError('EIO', 'The disk failed', { cause: new Error('sector 9') }))

  const { error, code, cause, stack } = fields()
  assert.deepEqual([error, code, cause], ['The disk failed', 'EIO', 'sector 9'])
  assert.match(String(stack), /^OpError: The disk failed\\n/)
})

test('json log: less than the level is neither written nor shown, and the level can change', () => {
  const { log, lines, rules, shown } = openLog()
  const session = log.with({ session: '1.1' })

  log.debug('packet')
  rules.level = 'debug'
  log.debug('packet')
  session.debug('packet')
  rules.level = 'warn'
  log.info('open')
  session.info('open')

  assert.equal(lines.length, 2)
  assert.deepEqual(shown, ['debug packet', 'debug packet of 1.1'])
})
