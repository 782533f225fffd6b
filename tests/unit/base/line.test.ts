import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import {
  type Answers,
  elsewhere,
  expose,
  GONE,
  type Line,
  type Message,
  openLine,
} from '../../../src/base/line.ts'

/** Two ends; messages go through JSON and a turn of the loop. */
function pair(): { here: Line; there: Line; answers: Answers; wrong: unknown[] } {
  const answers: Answers = new Map()
  const wrong: unknown[] = []
  const failed = (error: unknown): void => void wrong.push(error)
  const over = (to: () => Line) => (message: Message) => {
    const json = JSON.stringify(message)
    setImmediate(() => to().hear(JSON.parse(json)))
  }
  const here: Line = openLine({ send: over(() => there), answers: new Map(), failed })
  const there: Line = openLine({ send: over(() => here), answers, failed })
  return { here, there, answers, wrong }
}

test('line: each question gets its own answer, in whatever order they come', async () => {
  const { here, answers } = pair()
  const slow = Promise.withResolvers<string>()
  answers.set('slow', () => slow.promise)
  answers.set('double', (data) => Number(data) * 2)

  const late = here.ask('slow')
  assert.equal(await here.ask('double', 4), 8)
  slow.resolve('done')
  assert.equal(await late, 'done')
})

test('line: an error comes as it was thrown; what is nobody’s mistake is told where it happened', async () => {
  const { here, answers, wrong } = pair()
  answers.set('refuse', () => {
    throw new OpError('EBUSY', 'Not now')
  })
  answers.set('break', () => {
    throw new TypeError('secret of ours')
  })

  await assert.rejects(here.ask('refuse'), { code: 'EBUSY', message: 'Not now' })
  assert.deepEqual(wrong, [])
  await assert.rejects(here.ask('break'), { code: 'EIO', message: 'Internal error, see the log' })
  await assert.rejects(here.ask('unknown'), { code: 'EIO' })
  assert.equal(wrong.length, 2)
})

test('line: who asks one that ends, or has ended, hears so', async () => {
  const { here, answers } = pair()
  answers.set('never', () => new Promise(() => {}))

  const asked = here.ask('never')
  here.cut()

  assert.equal(await asked, GONE)
  assert.equal(await here.ask('never'), GONE)
})

test('line: an object at the other end is called by its own functions and no others', async () => {
  const { here, answers } = pair()
  const sums = {
    base: 10,
    add(to: number, more?: number) {
      return Promise.resolve(this.base + to + (more ?? 5))
    },
  }
  expose(answers, 'sums', sums)
  const far = elsewhere<Omit<typeof sums, 'base'>>(here, 'sums')

  assert.equal(await far.add(1), 16)
  assert.equal(await far.add(1, undefined), 16)
  assert.equal(await Promise.resolve(far), far)
  for (const name of ['base', 'constructor', 'toString'])
    await assert.rejects(here.ask('sums', { name, words: [] }), { code: 'EIO' })
})
