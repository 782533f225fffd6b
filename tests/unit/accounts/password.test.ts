import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { test } from 'node:test'

type Argon2 = (...given: unknown[]) => void

/** The costs of what was asked of argon2 by `passwords.ts`, and how many were under way at once at most. */
const asked: unknown[] = []
let most = 0
let running = 0
const real = crypto.argon2 as Argon2
crypto.argon2 = ((algorithm: string, given: Readonly<Record<string, unknown>>, done: Argon2) => {
  asked.push([algorithm, given.memory, given.passes, given.parallelism, given.tagLength])
  running += 1
  most = Math.max(most, running)
  real(algorithm, given, (...answer: unknown[]) => {
    running -= 1
    done(...answer)
  })
}) as never
syncBuiltinESMExports()
const { passwords } = await import('../../../src/accounts/password.ts')
const COST = ['argon2id', 19 * 1024, 2, 1, 32]

test('passwords: the right one and no other is good, and its cost is written with it', async () => {
  const { hash, check } = passwords()

  const stored = await hash('correct horse')

  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  assert.notEqual(await hash('correct horse'), stored)
  assert.equal(await check('correct horse', stored), true)
  assert.equal(await check('correct horsf', stored), false)
  for (const broken of ['', 'correct horse', stored.slice(1)])
    assert.equal(await check('correct horse', broken), false)
})

// Mallory asks for names with a stopwatch: where no account is, no password was hashed, and the answer came at once.
test('passwords: an unknown name costs the same work as a known one', async () => {
  const { hash, check } = passwords()
  const stored = await hash('x')
  asked.length = 0

  await check('guess', stored)
  assert.equal(await check('guess', undefined), false)

  assert.deepEqual(asked, [COST, COST])
})

// Each takes 19 MiB, and a thread that files are read with.
test('passwords: two are checked at a time, however many guess', async () => {
  const { check } = passwords()
  asked.length = 0
  most = 0

  await Promise.all(Array.from({ length: 8 }, () => check('guess', undefined)))

  assert.equal(asked.length, 8)
  assert.equal(most, 2)
})
