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
import { remembered } from '../../src/store/remembered.ts'
import { keyValueContract } from './key-value.contract.ts'

keyValueContract('memory', async () => memoryKeyValue())

keyValueContract('keyv over a Map', async () => keyValueOf(new Keyv({ throwOnErrors: true })))

keyValueContract('remembered', async () => remembered(memoryKeyValue()))

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

test('remembered: the store is asked once for what is there and for what is not, and again after a change', async () => {
  const below = memoryKeyValue()
  const asked: string[] = []
  const store = remembered({
    ...below,
    get(key) {
      asked.push(key)
      return below.get(key)
    },
  })

  for (let turn = 0; turn < 3; turn++) {
    assert.equal(await store.get('ada'), undefined)
    assert.equal(await store.get('eve'), undefined)
  }
  await store.set('ada', { on: true })
  for (let turn = 0; turn < 3; turn++) assert.deepEqual(await store.get('ada'), { on: true })
  await store.delete('ada')
  assert.equal(await store.get('ada'), undefined)
  assert.deepEqual(asked, ['ada', 'eve', 'ada', 'ada'])

  for (let i = 0; i < 5_000; i++) await store.get(`stranger ${i}`)
  asked.length = 0
  await store.get('ada')
  assert.deepEqual(asked, ['ada'], 'it keeps all there ever was')
})

// A password is changed while its owner logs in: the old one would have been good until the server ends.
test('remembered: what is read beside a change is not kept, nor what a change that failed may have left', async () => {
  const below = memoryKeyValue()
  await below.set('ada', 'old')
  let gate = Promise.withResolvers<void>()
  let changing: Promise<void> | undefined
  const store = remembered({
    ...below,
    async get(key) {
      const value = await below.get(key)
      await gate.promise
      return value
    },
    async set(key, value) {
      await changing
      await below.set(key, value)
      if (value === 'half') throw new Error('The disk is full')
    },
  })

  const reading = store.get('ada')
  await new Promise((resolve) => setImmediate(resolve))
  await store.set('ada', 'new')
  gate.resolve()
  assert.equal(await reading, 'old')
  assert.equal(await store.get('ada'), 'new')

  gate = Promise.withResolvers<void>()
  gate.resolve()
  const begun = Promise.withResolvers<void>()
  changing = begun.promise
  const setting = store.set('ada', 'newer')
  assert.equal(await store.get('ada'), 'new')
  begun.resolve()
  await setting
  assert.equal(await store.get('ada'), 'newer')

  await assert.rejects(store.set('ada', 'half'), /full/)
  assert.equal(await store.get('ada'), 'half')
})
