import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { type Enrolment, type SecondSteps, secondStepsOver } from '../../../src/accounts/second-step.ts'
import type { Clock } from '../../../src/base/clock.ts'
import { isOpError } from '../../../src/base/error.ts'
import { memoryKeyValue } from '../../../src/store/memory.ts'

const START = 1_800_000_000_000

function start() {
  const time = { now: START }
  const clock: Clock = {
    now: () => time.now,
    elapsed: () => time.now,
    sleep: async () => {},
  }
  const store = memoryKeyValue()
  return { time, store, codes: secondStepsOver(store, clock), clock }
}

/** As a script does it: without a proof. */
async function enrol(codes: SecondSteps): Promise<Enrolment> {
  const made = codes.propose('ada')
  await codes.enrol('ada', made)
  return made
}

/** RFC 6238 with SHA-1, 6 digits and 30 s, without the library. */
function codeAt(base32: string, ms: number): string {
  const bits = [...base32].map((c) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'),
  )
  const key = Buffer.from((bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(ms / 30_000)))
  const mac = createHmac('sha1', key).update(counter).digest()
  const at = mac.at(-1)! & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

test('second step: a code is good now and one period either way, and no longer', async () => {
  for (const [off, good] of [
    [-60_000, false],
    [-30_000, true],
    [0, true],
    [30_000, true],
    [60_000, false],
  ] as const) {
    const { codes } = start()
    const { secret } = await enrol(codes)

    assert.equal(await codes.check('ada', codeAt(secret, START + off)), good, String(off))
  }
})

// Mallory looks over a shoulder, and types the code a second later.
test('second step: a code is good once, after a restart too, and none before it', async () => {
  const { codes, store, clock } = start()
  const { secret } = await enrol(codes)
  const code = codeAt(secret, START)

  assert.equal(await codes.check('ada', code), true)
  assert.equal(await codes.check('ada', code), false)
  const later = secondStepsOver(store, clock)
  assert.equal(await later.check('ada', code), false)
  assert.equal(await later.check('ada', codeAt(secret, START - 30_000)), false)
  assert.equal(await later.check('ada', codeAt(secret, START + 30_000)), true)
})

test('second step: of two that show the same code at the same moment one comes in', async () => {
  const { codes } = start()
  const { secret } = await enrol(codes)
  const code = codeAt(secret, START)

  const answers = await Promise.all([codes.check('ada', code), codes.check('ada', code)])

  assert.deepEqual(answers.toSorted(), [false, true])
})

test('second step: a recovery code is good once, however it is typed, and is not stored', async () => {
  const { codes, store } = start()
  const { recovery } = await enrol(codes)
  const [first, second] = recovery

  assert.equal(await codes.check('ada', ` ${first!.toUpperCase().replaceAll('-', ' ')}`), true)
  assert.equal(await codes.check('ada', first!), false)
  assert.equal(await codes.check('ada', second!), true)
  const record = JSON.stringify(await store.get('totp/ada'))
  for (const code of recovery) assert.ok(!record.includes(code) && !record.includes(code.replaceAll('-', '')))
})

// Mallory has the password and a million guesses: three are right at any time.
test('second step: after ten wrong codes none is right until the spell is over', async () => {
  const { codes, time } = start()
  const { secret } = await enrol(codes)

  for (let i = 0; i < 10; i++) assert.equal(await codes.check('ada', 'wrong'), false)
  assert.equal(await codes.check('ada', codeAt(secret, time.now)), false)
  time.now += 10 * 60_000 + 1

  assert.equal(await codes.check('ada', codeAt(secret, time.now)), true)
})

test('second step: a right code takes the wrong ones before it away', async () => {
  const { codes } = start()
  const { secret, recovery } = await enrol(codes)
  for (let i = 0; i < 9; i++) await codes.check('ada', 'wrong')
  assert.equal(await codes.check('ada', codeAt(secret, START)), true)

  for (let i = 0; i < 9; i++) await codes.check('ada', 'wrong')

  assert.equal(await codes.check('ada', recovery[0]!), true)
})

test('second step: an account without one is let in by no code', async () => {
  const { codes } = start()

  assert.equal(await codes.has('ada'), false)
  assert.equal(await codes.check('ada', '000000'), false)
  await enrol(codes)
  assert.equal(await codes.has('ada'), true)
  assert.equal(await codes.remove('ada'), true)
  assert.equal(await codes.has('ada'), false)
})

test('second step: what is proposed is not stored before an app has proved to know it, and the proof is used up', async () => {
  const { codes, store } = start()
  const made = codes.propose('ada')
  const code = codeAt(made.secret, START)

  assert.equal(codes.proves('ada', made, code), true)
  assert.equal(codes.proves('ada', made, codeAt(made.secret, START - 60_000)), false)
  await assert.rejects(codes.enrol('ada', made, '000000'), (error) => isOpError(error, 'EINVAL'))
  assert.equal(await store.get('totp/ada'), undefined)
  await codes.enrol('ada', made, code)
  assert.equal(await codes.check('ada', code), false)
  assert.equal(await codes.check('ada', codeAt(made.secret, START + 30_000)), true)
})

test('second step: of two that enrol an account at once one does, and the other hears of it', async () => {
  const { codes } = start()
  const both = [codes.propose('ada'), codes.propose('ada')]

  const done = await Promise.allSettled(both.map((made) => codes.enrol('ada', made)))

  assert.deepEqual(done.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const winner = both[done.findIndex(({ status }) => status === 'fulfilled')]!
  assert.equal(await codes.check('ada', codeAt(winner.secret, START)), true)
})
