import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import Keyv from 'keyv'
import { openDatabase } from '../../src/store/database.ts'
import { keyValueOf, keyvOver } from '../../src/store/keyv.ts'
import { memoryKeyValue } from '../../src/store/memory.ts'
import { keyValueContract } from './key-value.contract.ts'

keyValueContract('memory', async () => memoryKeyValue())

keyValueContract('keyv over a Map', async () => keyValueOf(new Keyv({ throwOnErrors: true })))

keyValueContract('keyv over sqlite', async () => {
  const database = openDatabase(':memory:')
  const store = keyvOver(database, 'test')
  return {
    ...store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      database.close()
    },
  }
})

test('keyv over sqlite: what was set is there when the file is opened again, and namespaces are apart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'keyv-'))
  try {
    const file = join(folder, 'data', 'miniftp.sqlite')
    const first = openDatabase(file)
    await keyvOver(first, 'one').set('a', 1)
    await keyvOver(first, 'two').set('a', 2)
    first.close()

    const second = openDatabase(file)
    assert.equal(await keyvOver(second, 'one').get('a'), 1)
    assert.equal(await keyvOver(second, 'two').get('a'), 2)
    second.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

// A store that cannot be asked must not look empty: an empty one would be seeded with passwords that everybody knows.
test('keyv over sqlite: rejects when the database cannot be asked, each way', async () => {
  const database = new DatabaseSync(':memory:')
  const store = keyvOver(database, 'test')
  await store.set('a', 1)
  database.close()

  await assert.rejects(store.get('a'))
  await assert.rejects(store.set('a', 2))
  await assert.rejects(store.delete('a'))
  await assert.rejects(async () => {
    for await (const _ of store.entries('')) assert.fail('it has entries')
  })
})
