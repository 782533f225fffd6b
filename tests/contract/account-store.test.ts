import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accountsOver } from '../../src/accounts/kv-store.ts'
import { systemClock } from '../../src/base/clock.ts'
import { openDatabase } from '../../src/store/database.ts'
import { keyvOver } from '../../src/store/keyv.ts'
import { memoryKeyValue } from '../../src/store/memory.ts'
import { sqlVersions } from '../../src/store/sql-versions.ts'
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
