import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOTP } from 'otpauth'
import type { Credential } from '../../../src/accounts/account.ts'
import type { Actor } from '../../../src/accounts/actor.ts'
import { authenticatorOver } from '../../../src/accounts/authenticator.ts'
import { type Offence, openGuard } from '../../../src/accounts/guard.ts'
import { parseKeyLine } from '../../../src/accounts/keys.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { isOpError } from '../../../src/base/error.ts'
import { memoryKeyValue } from '../../../src/store/memory.ts'
import { memoryOffice } from '../../support/memory-office.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlXeZUsbnJY4RS6sXBnLPjFYHvSpg8sNIrkwpAhGDo8 ada'
const GRACE: Actor = { name: 'grace', role: 'admin', from: '192.0.2.9' }
const SETTINGS = { threshold: 6, windowMs: 60_000, banMs: 300_000, allow: [] }
const ORIGIN = { address: '192.0.2.1', port: 50_000, client: 'OpenSSH' }
const WAYS: readonly Credential[] = [
  { method: 'password', password: 'good' },
  { method: 'publickey', key: parseKeyLine(KEY).key },
]

/** Logins of ada, whose password is `good` and who is asked for a code, over an office in memory. */
async function twoSteps() {
  const made = await memoryOffice()
  const { accounts, actions, codes, audited } = made
  const proposed = codes.propose('ada')
  await codes.enrol('ada', proposed)
  const guard = await openGuard(SETTINGS, memoryKeyValue(), systemClock)
  const { verify, second } = authenticatorOver({
    accounts,
    codes,
    guard,
    clock: { ...systemClock, sleep: async () => {} },
    audit: { record: (event) => void audited.push(event) },
    passwords: { hash: async () => '', check: async (password) => password === 'good' },
  })
  return { accounts, actions, guard, audited, proposed, verify, second }
}

/** What an admin can do to somebody who has shown a password and is asked for a code. */
const MEANWHILE: Readonly<Record<string, (at: Awaited<ReturnType<typeof twoSteps>>) => Promise<unknown>>> = {
  'is disabled': ({ actions }) => actions.set(GRACE, 'ada', { disabled: true }),
  'has expired': ({ actions }) => actions.set(GRACE, 'ada', { expires: 1 }),
  'may not come from there': ({ actions }) => actions.set(GRACE, 'ada', { networks: ['10.0.0.0/8'] }),
  'is deleted': ({ accounts }) => accounts.delete('ada'),
  'comes from an address that is banned': ({ guard }) => guard.ban(ORIGIN.address, 60_000, 'by grace'),
}

for (const [what, happens] of Object.entries(MEANWHILE)) {
  test(`login: who ${what} between the password and the code gets in by neither code nor recovery code`, async () => {
    for (const kind of ['code', 'recovery code'] as const) {
      const at = await twoSteps()
      const identity = await at.verify('ada', WAYS[0]!, ORIGIN)
      const code =
        kind === 'code' ? new TOTP({ secret: at.proposed.secret }).generate() : at.proposed.recovery[0]!
      await happens(at)
      at.audited.length = 0

      await assert.rejects(at.second!.verify(identity, code, ORIGIN), (error) => isOpError(error, 'EACCES'))

      assert.deepEqual(at.audited, [
        {
          event: 'login refused',
          account: 'ada',
          address: ORIGIN.address,
          method: 'password, one-time code',
        },
      ])
    }
  })
}

test('login: who did nothing between the password and the code gets in by either, once', async () => {
  const at = await twoSteps()
  const code = new TOTP({ secret: at.proposed.secret }).generate()
  for (const shown of [code, at.proposed.recovery[0]!]) {
    const identity = await at.verify('ada', WAYS[0]!, ORIGIN)
    await at.second!.verify(identity, shown, ORIGIN)
    await assert.rejects(at.second!.verify(identity, shown, ORIGIN), (error) => isOpError(error, 'EACCES'))
  }

  assert.deepEqual(
    at.audited.map(({ event }) => event),
    ['login accepted', 'login refused', 'login accepted', 'login refused'],
  )
})

test('login: an address that was banned while it was connected gets in by no way, until the ban is lifted', async () => {
  for (const credential of WAYS) {
    const { accounts, codes, audited } = await memoryOffice()
    await accounts.update('ada', (account) => ({ ...account, keys: [KEY] }))
    const guard = await openGuard(SETTINGS, memoryKeyValue(), systemClock)
    const { verify } = authenticatorOver({
      accounts,
      codes,
      guard,
      clock: { ...systemClock, sleep: async () => {} },
      audit: { record: (event) => void audited.push(event) },
      passwords: { hash: async () => '', check: async (password) => password === 'good' },
    })
    await guard.ban(ORIGIN.address, 60_000, 'by grace')

    await assert.rejects(verify('ada', credential, ORIGIN), (error) => isOpError(error, 'EACCES'))
    await guard.lift(ORIGIN.address)
    assert.equal((await verify('ada', credential, ORIGIN)).account, 'ada')
    assert.deepEqual(
      audited.map(({ event }) => event),
      ['login refused', 'login accepted'],
    )
  }
})

/** A door whose guard has `scored` an address so far; what it was told, and how long answers waited. */
async function watched(scored: number) {
  const { accounts, codes } = await memoryOffice()
  const told: (Offence | 'forgiven')[] = []
  const waits: number[] = []
  const settings = { threshold: 1000, windowMs: 60_000, banMs: 300_000, allow: [] }
  const guard = await openGuard(settings, memoryKeyValue(), systemClock)
  for (let i = 0; i < scored; i++) await guard.record(ORIGIN.address, 'wrong password')
  const authenticator = authenticatorOver({
    accounts,
    codes,
    guard: {
      ...guard,
      async record(_address, offence) {
        told.push(offence)
        return undefined
      },
      forgive: () => void told.push('forgiven'),
    },
    clock: { ...systemClock, sleep: async (ms) => void waits.push(ms) },
    audit: { record() {} },
    passwords: { hash: async () => '', check: async (password) => password === 'good' },
  })
  const tries = (name: string, password: string) =>
    authenticator.verify(name, { method: 'password', password }, ORIGIN)
  return { authenticator, codes, told, waits, tries }
}

test('login: the guard is told of each that fails, and by a good one that it may forget', async () => {
  const { told, tries } = await watched(0)

  for (const name of ['ada', 'nobody', 'no name at all', '__proto__'])
    await assert.rejects(tries(name, 'bad'), (error) => isOpError(error, 'EACCES'))
  await tries('ada', 'good')

  assert.deepEqual(told, ['wrong password', 'unknown user', 'unknown user', 'unknown user', 'forgiven'])
})

test('login: of an address that has offended, a good one waits as long as a bad one', async () => {
  const { waits, tries } = await watched(3)

  await assert.rejects(tries('ada', 'bad'))
  await tries('ada', 'good')

  assert.deepEqual(waits, [1000, 1000])
})

// Mallory has the password, and guesses codes: logging in anew between two guesses must not wipe out what was counted.
test('login: where a code is asked for, the password alone forgives nothing; wrong codes wait and count, the right one forgives', async () => {
  const { authenticator, codes, told, waits, tries } = await watched(3)
  const proposed = codes.propose('ada')
  await codes.enrol('ada', proposed)

  const identity = await tries('ada', 'good')
  assert.equal(await authenticator.second?.needed(identity), true)
  assert.deepEqual(told, [])
  await assert.rejects(authenticator.second!.verify(identity, '000000x', ORIGIN))
  assert.deepEqual(told, ['wrong password'])
  await authenticator.second!.verify(identity, proposed.recovery[0]!, ORIGIN)

  assert.deepEqual(told, ['wrong password', 'forgiven'])
  assert.deepEqual(waits, [1000, 1000, 1000])
})
