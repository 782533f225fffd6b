import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { accountsOver } from '../../src/accounts/kv-store.ts'
import { newAccount } from '../../src/accounts/rules.ts'
import { systemClock } from '../../src/base/clock.ts'
import { openDatabase } from '../../src/store/database.ts'
import { keyvOver } from '../../src/store/keyv.ts'
import { memoryKeyValue } from '../../src/store/memory.ts'
import { onlyHere, sqlVersions } from '../../src/store/sql-versions.ts'
import { accountStoreContract } from './account-store.contract.ts'

accountStoreContract('accounts in memory', async () => {
  const store = memoryKeyValue()
  const database = openDatabase(':memory:')
  const versions = sqlVersions(database)
  return {
    one: accountsOver(store, versions, systemClock),
    other: accountsOver(store, versions, systemClock),
    [Symbol.asyncDispose]: async () => database.close(),
  }
})

accountStoreContract('accounts of the only process that changes them', async () => {
  const store = memoryKeyValue()
  const database = openDatabase(':memory:')
  const versions = onlyHere(sqlVersions(database))
  return {
    one: accountsOver(store, versions, systemClock),
    other: accountsOver(store, versions, systemClock),
    [Symbol.asyncDispose]: async () => database.close(),
  }
})

test('versions of the only process: the database is asked again only after a change, failed ones too', () => {
  using database = openDatabase(':memory:')
  const table = sqlVersions(database)
  let asked = 0
  const versions = onlyHere({
    ...table,
    get(name) {
      asked++
      return table.get(name)
    },
  })

  assert.equal(versions.get('ada'), undefined)
  assert.ok(versions.create('ada'))
  for (let i = 0; i < 3; i++) assert.equal(versions.get('ada'), 1)
  assert.equal(asked, 2)

  assert.ok(versions.move('ada', 1))
  assert.equal(versions.get('ada'), 2)
  table.move('ada', 2)
  assert.ok(!versions.move('ada', 2))
  assert.equal(versions.get('ada'), 3)

  versions.remove('ada')
  assert.equal(versions.get('ada'), undefined)
})

// Of a kill or a full disk between the two: each session of the account waited a second, until it was changed again.
test('accounts: a record that stays behind its version is waited for once', async () => {
  using database = openDatabase(':memory:')
  const versions = sqlVersions(database)
  let time = 0
  const sleep = async (ms: number): Promise<void> => {
    time += ms
  }
  const accounts = accountsOver(memoryKeyValue(), versions, { now: () => time, elapsed: () => time, sleep })
  await accounts.create(newAccount('ada', 'user'))
  versions.move('ada', 1)

  const found = await accounts.current('ada')
  const waited = time
  for (let turn = 0; turn < 3; turn++) assert.deepEqual(await accounts.current('ada'), found)

  assert.deepEqual([found?.version, found?.account.version], [2, 1])
  assert.ok(waited >= 1_000)
  assert.equal(time, waited)
  await accounts.update('ada', (account) => ({ ...account, disabled: true }))
  assert.equal((await accounts.current('ada'))?.account.version, 3)
})

accountStoreContract('accounts over keyv and sqlite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'accounts-'))
  const databases = [1, 2].map(() => openDatabase(join(folder, 'miniftp.sqlite')))
  const [one, other] = databases.map((database) =>
    accountsOver(keyvOver(database, 'test'), sqlVersions(database), systemClock),
  )
  return {
    one: one!,
    other: other!,
    async [Symbol.asyncDispose]() {
      for (const database of databases) database.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
})
