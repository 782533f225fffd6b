import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Credential } from '../../../src/accounts/account.ts'
import { authenticatorOver } from '../../../src/accounts/authenticator.ts'
import { openGuard } from '../../../src/accounts/guard.ts'
import { parseKeyLine } from '../../../src/accounts/keys.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { isOpError } from '../../../src/base/error.ts'
import { memoryKeyValue } from '../../../src/store/memory.ts'
import { memoryOffice } from '../../support/memory-office.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlXeZUsbnJY4RS6sXBnLPjFYHvSpg8sNIrkwpAhGDo8 ada'
const ORIGIN = { address: '192.0.2.1', port: 50_000, client: 'OpenSSH' }
const WAYS: readonly Credential[] = [
  { method: 'password', password: 'good' },
  { method: 'publickey', key: parseKeyLine(KEY).key },
]

test('login: an address that was banned while it was connected gets in by no way, until the ban is lifted', async () => {
  for (const credential of WAYS) {
    const { accounts, codes, audited } = await memoryOffice()
    await accounts.update('ada', (account) => ({ ...account, keys: [KEY] }))
    const settings = { threshold: 6, windowMs: 60_000, banMs: 300_000, allow: [] }
    const guard = await openGuard(settings, memoryKeyValue(), systemClock)
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
