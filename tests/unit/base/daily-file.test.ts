import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { dayOf, openDailyFile } from '../../../src/base/daily-file.ts'
import { fakeClock } from '../../support/fake-clock.ts'

const HOUR = 3_600_000
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'daily-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const never = (error: Error) => assert.fail(error)
const text = (day: string): string => readFileSync(join(folder, `${day}.log`), 'utf8')
/** Local midnight is what counts, whatever the machine's zone. */
const local = (day: number, hour = 0, minute = 0, second = 0, ms = 0): number =>
  new Date(2026, 10, day, hour, minute, second, ms).getTime()

test('daily file: from local midnight on, lines go to the next day and none is lost', async () => {
  const clock = fakeClock(local(22, 23, 59, 59, 999))
  const file = openDailyFile(folder, { keepDays: 90 }, clock, never)

  file.write(() => 'the last of its day\n')
  clock.pass(1)
  file.write(() => 'the first of the next\n')
  clock.pass(24 * HOUR)
  for (let at = 0; at < 1_000; at++) file.write(() => `${at}\n`)
  await file[Symbol.asyncDispose]()

  assert.equal(text('2026-11-22'), 'the last of its day\n')
  assert.equal(text('2026-11-23'), 'the first of the next\n')
  assert.equal(text('2026-11-24').split('\n').length, 1_001)
  assert.equal(statSync(join(folder, '2026-11-23.log')).mode & 0o077, 0)
})

test('daily file: lines are gathered and reach the disk by themselves; with sync each is there at once', async () => {
  const clock = fakeClock(local(22, 10))
  await using gathers = openDailyFile(folder, { keepDays: 90 }, clock, never)
  const watcher = watch(join(folder, '2026-11-22.log'))
  const changed = once(watcher, 'change')

  for (let at = 0; at < 100; at++) gathers.write(() => `${at}\n`)
  assert.equal(text('2026-11-22'), '')
  await changed
  watcher.close()
  assert.equal(text('2026-11-22').split('\n').length, 101)

  await using direct = openDailyFile(folder, { keepDays: 90, sync: true }, clock, never)
  direct.write(() => 'at once\n')
  assert.match(text('2026-11-22'), /at once\n$/)
})

test('daily file: a line is put into words when it is written, those of one call one after another', async () => {
  const clock = fakeClock(local(22, 10))
  const file = openDailyFile(folder, { keepDays: 90 }, clock, never)
  let made = 0
  const next = (): string => `${++made}\n`

  file.write(next)
  file.write(next)
  assert.equal(made, 0)
  file.flush()
  for (let at = 0; at < 128; at++) file.write(next)
  assert.equal(made, 130)
  file.write(next)
  await file[Symbol.asyncDispose]()

  assert.equal(text('2026-11-22'), Array.from({ length: 131 }, (_, at) => `${at + 1}\n`).join(''))
})

test('daily file: flush writes what is gathered at once, and throws nothing from a full disk', async () => {
  const clock = fakeClock(local(22, 10))
  await using file = openDailyFile(folder, { keepDays: 90 }, clock, never)
  file.write(() => 'the last words\n')

  file.flush()

  assert.equal(text('2026-11-22'), 'the last words\n')
  const full = join(folder, 'full')
  mkdirSync(full)
  symlinkSync('/dev/full', join(full, '2026-11-22.log'))
  const errors: string[] = []
  await using stuck = openDailyFile(full, { keepDays: 90 }, clock, (error) => void errors.push(error.message))
  stuck.write(() => 'nowhere\n')
  stuck.flush()
  assert.match(errors[0]!, /ENOSPC/)
})

test('daily file: who writes after its end is not thrown at, now or later', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const file = openDailyFile(folder, { keepDays: 90 }, fakeClock(local(22, 10)), never)
  file.write(() => 'in time\n')
  await file[Symbol.asyncDispose]()

  file.write(() => 'too late\n')
  t.mock.timers.tick(1_000)
  await file[Symbol.asyncDispose]()

  assert.equal(text('2026-11-22'), 'in time\n')
})

test('daily file: what is there already is gone on with', async () => {
  writeFileSync(join(folder, '2026-11-22.log'), 'before\n')
  const file = openDailyFile(folder, { keepDays: 90 }, fakeClock(local(22, 10)), never)

  file.write(() => 'after\n')
  await file[Symbol.asyncDispose]()

  assert.equal(text('2026-11-22'), 'before\nafter\n')
})

test('daily file: those older than they are kept are removed, at the start and at midnight, and nothing else', async () => {
  const days = ['2026-11-19', '2026-11-20', '2026-11-21']
  for (const day of days) writeFileSync(join(folder, `${day}.log`), '')
  writeFileSync(join(folder, '2020-01-01.txt'), 'not ours')
  const rules = { keepDays: 2 }
  const clock = fakeClock(local(22, 12))

  const file = openDailyFile(folder, rules, clock, never)
  assert.deepEqual(readdirSync(folder).sort(), [
    '2020-01-01.txt',
    '2026-11-20.log',
    '2026-11-21.log',
    '2026-11-22.log',
  ])
  rules.keepDays = 1
  clock.pass(24 * HOUR)
  file.write(() => 'x\n')
  await file[Symbol.asyncDispose]()

  assert.deepEqual(readdirSync(folder).sort(), ['2020-01-01.txt', '2026-11-22.log', '2026-11-23.log'])
})

// A machine comes up with the clock of another century, and all that was logged would be old.
test('daily file: a clock that was set far ahead removes nothing, until a second day shows that it is right', async () => {
  const days = ['2026-11-20', '2026-11-21', '2026-11-22']
  for (const day of days) writeFileSync(join(folder, `${day}.log`), 'x')
  const clock = fakeClock(local(22, 12))
  const file = openDailyFile(folder, { keepDays: 0 }, clock, never)
  assert.deepEqual(readdirSync(folder), ['2026-11-22.log'])

  clock.set(new Date(2054, 3, 17, 12).getTime())
  file.write(() => 'far ahead\n')
  assert.deepEqual(readdirSync(folder), ['2026-11-22.log', '2054-04-17.log'])
  clock.set(local(22, 13))
  file.write(() => 'right again\n')
  assert.deepEqual(readdirSync(folder), ['2026-11-22.log', '2054-04-17.log'])
  clock.set(new Date(2054, 3, 18, 12).getTime())
  file.write(() => 'for real\n')
  await file[Symbol.asyncDispose]()

  assert.deepEqual(readdirSync(folder), ['2054-04-18.log'])
})

test('daily file: a clock that is set back goes back to the day it says', async () => {
  const clock = fakeClock(local(22, 12))
  const file = openDailyFile(folder, { keepDays: 90 }, clock, never)

  clock.set(local(10, 12))
  file.write(() => 'set back\n')
  await file[Symbol.asyncDispose]()

  assert.equal(text('2026-11-10'), 'set back\n')
})

test('daily file: a day is named by the local date', () => {
  assert.equal(dayOf(local(1, 0)), '2026-11-01')
  assert.equal(dayOf(local(1, 0) - 1), '2026-10-31')
})

test('daily file: a day whose file cannot be made goes on in the last one, and is tried again', async () => {
  const errors: string[] = []
  const clock = fakeClock(local(22, 12))
  const file = openDailyFile(folder, { keepDays: 90 }, clock, (error) => errors.push(error.message))
  mkdirSync(join(folder, '2026-11-23.log'))

  clock.pass(24 * HOUR)
  file.write(() => 'no file for it\n')
  rmSync(join(folder, '2026-11-23.log'), { recursive: true })
  file.write(() => 'too soon\n')
  clock.pass(60_000)
  file.write(() => 'at last\n')
  await file[Symbol.asyncDispose]()

  assert.equal(errors.length, 1)
  assert.match(errors[0]!, /EISDIR/)
  assert.equal(text('2026-11-22'), 'no file for it\ntoo soon\n')
  assert.equal(text('2026-11-23'), 'at last\n')
})

// /dev/full takes no byte, as a disk that is full.
test('daily file: one that was moved away or removed is made anew, with its folder, and no line of then is lost', async () => {
  const clock = fakeClock(local(22, 10))
  const file = openDailyFile(folder, { keepDays: 90, sync: true }, clock, never)

  file.write(() => 'a\n')
  renameSync(join(folder, '2026-11-22.log'), join(folder, 'moved'))
  file.write(() => 'b\n')
  file.write(() => 'c\n')
  const second = text('2026-11-22')
  rmSync(folder, { recursive: true })
  file.write(() => 'd\n')
  const third = text('2026-11-22')
  await file[Symbol.asyncDispose]()

  assert.deepEqual([second, third], ['b\nc\n', 'd\n'])
})

test('daily file: where one that was removed cannot be made anew, that is said once a minute, and others are tried', async () => {
  const clock = fakeClock(local(22, 10))
  const errors: Error[] = []
  const file = openDailyFile(folder, { keepDays: 90, sync: true }, clock, (error) => errors.push(error))

  rmSync(folder, { recursive: true })
  writeFileSync(folder, '')
  for (const line of ['a\n', 'b\n']) file.write(() => line)
  const heard = errors.length
  rmSync(folder)
  clock.pass(60_000)
  file.write(() => 'c\n')
  await file[Symbol.asyncDispose]()

  assert.ok(heard > 0 && heard <= 2, String(heard))
  assert.equal(text('2026-11-22'), 'c\n')
})

test('daily file: a full disk throws nothing at who writes, and does not hold up the end', async () => {
  const errors: string[] = []
  symlinkSync('/dev/full', join(folder, '2026-11-22.log'))
  const file = openDailyFile(folder, { keepDays: 90 }, fakeClock(local(22, 12)), (error) =>
    errors.push(error.message),
  )

  for (let at = 0; at < 100; at++) file.write(() => 'a line\n')
  await file[Symbol.asyncDispose]()

  assert.match(errors[0]!, /ENOSPC/)
})
