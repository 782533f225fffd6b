import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import type { Bar } from '../../../src/client/bar.ts'
import type { Standing } from '../../../src/client/progress-line.ts'
import type { Job } from '../../../src/client/queue.ts'
import { personReport } from '../../../src/client/watchers.ts'
import { fakeClock } from '../../support/fake-clock.ts'

const job = (name: string, size: number): Job => ({
  verb: 'put',
  name,
  target: `/${name}`,
  size,
  run: () => Promise.reject(new Error('only looked at')),
})

/** A report whose bar and lines are kept. */
function reported({ quiet = false } = {}) {
  const drawn: Standing[] = []
  const lines: string[] = []
  const bar: Bar = { draw: (standing) => void drawn.push(standing), clear() {} }
  const say = (line: string): void => void lines.push(line)
  // A quiet one has no bar.
  const report = personReport(
    { clock: fakeClock(), print: say, complain: say },
    quiet ? undefined : bar,
    quiet,
  )
  const last = (): Standing => drawn.at(-1)!
  return { report, last, lines, drawn }
}

const moved = (size: number, from = 0) =>
  ({
    did: 'moved',
    size,
    moved: size - from,
    md5: 'x',
    verified: true,
    resumedAt: from || undefined,
  }) as const

test('the bar of a tree: is one for all files, with how many of them are done', () => {
  const { report, last } = reported()
  const [a, b, c] = [job('a', 100), job('b', 300), job('c', 600)]
  report.planned([a, b, c], 0)

  report.begun(a)
  report.progress(a, 50, 0)
  report.begun(b)
  report.progress(b, 100, 0)
  assert.deepEqual([last().name, last().done, last().total], ['1/3 b', 150, 1000])

  report.progress(a, 100, 0)
  report.done(a, moved(100))
  report.progress(b, 300, 0)
  assert.deepEqual([last().name, last().done, last().total], ['2/3 b', 400, 1000])

  report.done(b, moved(300))
  report.begun(c)
  report.progress(c, 600, 0)
  report.done(c, moved(600))
  assert.deepEqual([last().name, last().done, last().total], ['3/3 c', 1000, 1000])
})

test('the bar of a tree: what was there already is had and is no speed', () => {
  const clock = fakeClock()
  const drawn: Standing[] = []
  const bar: Bar = { draw: (standing) => void drawn.push(standing), clear() {} }
  const report = personReport({ clock, print() {}, complain() {} }, bar, false)
  const [a, b] = [job('a', 1000), job('b', 1000)]
  report.planned([a, b], 0)

  report.progress(a, 900, 900)
  clock.pass(1000)
  report.progress(a, 1000, 900)
  report.done(a, moved(1000, 900))
  report.progress(b, 0, 0)

  const last = drawn.at(-1)!
  assert.deepEqual([last.done, last.total, last.rate], [1000, 2000, 100])
})

test('the bar of a tree: a file that goes on after a cut is not counted twice', () => {
  const { report, last } = reported()
  const [a, b] = [job('a', 1000), job('b', 1000)]
  report.planned([a, b], 0)

  report.progress(a, 0, 0)
  report.progress(a, 600, 0)
  report.lost('The connection was lost', 200)
  assert.equal(last().waits, 'waiting for the connection')
  report.back()
  report.progress(a, 500, 500)
  report.progress(a, 1000, 500)
  report.done(a, moved(1000, 500))
  report.progress(b, 1000, 0)
  report.done(b, moved(1000))

  assert.deepEqual([last().waits, last().done, last().total], [undefined, 2000, 2000])
})

test('a report: draws no bar before it knows what there is to do, and tells in lines how the connection is', () => {
  const { report, lines, drawn } = reported()

  report.tell('The key is remembered')
  report.lost('The connection was lost', 200)
  report.back()

  assert.deepEqual(drawn, [])
  assert.deepEqual(lines, [
    'The key is remembered',
    'The connection was lost; trying again in 0.2 s',
    'Connected again',
  ])
})

test('a report: of a large tree the sum is said and not each file, of what failed each', () => {
  const { report, lines } = reported()
  const jobs = Array.from({ length: 21 }, (_, at) => job(`f${at}`, 10))
  report.planned(jobs, 0)

  for (const one of jobs.slice(1)) {
    report.begun(one)
    report.progress(one, 10, 0)
    report.done(one, moved(10))
  }
  report.failed(jobs[0]!, new OpError('EACCES', 'Not allowed'))
  report.over()

  assert.deepEqual(lines, ['f0: Not allowed', '20 files, 200 B in 0:00; 1 failed'])
})

test('a report: a tree that was stopped says what was left out, what was not tried and what it was in the middle of', () => {
  const { report, lines } = reported()
  const [a, b, c, d, e] = [job('a', 10), job('b', 10), job('c', 10), job('d', 10), job('e', 10)]
  report.planned([a, b, c, d, e], 3)

  for (const one of [a, b, c, d]) report.begun(one)
  report.progress(c, 5, 0)
  report.done(a, moved(10))
  report.failed(b, new OpError('EDQUOT', 'No room'))
  report.over()

  assert.equal(lines.at(-1), '1 file, 10 B in 0:00; 1 failed; 3 left out; 1 interrupted; 2 not tried')
})

test('a report: of what was there already no bytes are counted', () => {
  const { report, lines } = reported()
  const jobs = Array.from({ length: 21 }, (_, at) => job(`f${at}`, 10))
  report.planned(jobs, 0)

  for (const one of jobs) {
    report.begun(one)
    report.done(one, { did: 'same', size: 10, moved: 0, md5: 'x', verified: true })
  }
  report.over()

  assert.deepEqual(lines, ['21 files already there'])
})

test('a report: a quiet one says what went wrong alone', () => {
  const { report, lines } = reported({ quiet: true })
  const [a, b] = [job('a', 10), job('b', 10)]
  report.planned([a, b], 0)

  report.begun(a)
  report.done(a, moved(10))
  report.lost('The connection was lost', 200)
  report.back()
  report.failed(b, new OpError('EACCES', 'Not allowed'))
  report.over()

  assert.deepEqual(lines, ['b: Not allowed'])
})
