import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Account } from '../../../src/accounts/account.ts'
import { newAccount } from '../../../src/accounts/rules.ts'
import { standingOf } from '../../../src/accounts/standing.ts'
import { isOpError } from '../../../src/base/error.ts'

/** An account whose record can be changed, and how often it was fetched. */
function standing(address = '192.0.2.1') {
  const now = {
    account: newAccount('ada', 'user') as Account | undefined,
    version: 1,
    fetched: 0,
    time: 1000,
  }
  const accounts = {
    version: () => (now.account === undefined ? undefined : now.version),
    async current() {
      now.fetched += 1
      return now.account && { account: now.account, version: now.version }
    },
  }
  return {
    now,
    standing: standingOf({ account: 'ada', role: 'user' }, address, {
      accounts,
      clock: { now: () => now.time },
    }),
    change(changes: Partial<Account>) {
      now.account = { ...now.account!, ...changes }
      now.version += 1
    },
  }
}

const refused = (asked: unknown, why: RegExp) =>
  assert.rejects(
    async () => asked,
    (error) => isOpError(error, 'EACCES') && why.test(error.message),
  )

test('standing: the record is fetched again only when its version is another one, and then at once', async () => {
  const { standing: mine, change, now } = standing()
  await mine.now()
  assert.ok(!(mine.now() instanceof Promise))
  change({ sessions: 3 })

  assert.equal((await mine.now()).sessions, 3)
  assert.equal(now.fetched, 2)
})

test('standing: whoever is disabled, expired, elsewhere, deleted or of another role is refused with the reason', async () => {
  const changes: readonly (readonly [Partial<Account>, RegExp])[] = [
    [{ disabled: true }, /is disabled/],
    [{ expires: 1000 }, /has expired/],
    [{ networks: ['10.0.0.0/8'] }, /may not be used from 192\.0\.2\.1/],
    [{ role: 'admin' }, /is no user any more/],
  ]
  for (const [changed, why] of changes) {
    const { standing: mine, change } = standing()
    await mine.now()
    change(changed)
    await refused(
      Promise.resolve().then(() => mine.now()),
      why,
    )
  }
  const { standing: mine, now } = standing()
  await mine.now()
  now.account = undefined
  await refused(
    Promise.resolve().then(() => mine.now()),
    /is not an account any more/,
  )
})

test('standing: an expiry comes without a change of the record', async () => {
  const { standing: mine, change, now } = standing()
  change({ expires: 2000 })
  await mine.now()
  now.time = 2000

  await refused(
    Promise.resolve().then(() => mine.now()),
    /has expired/,
  )
})
