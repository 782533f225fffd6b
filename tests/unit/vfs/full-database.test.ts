// The disk of the database is full, the homes' is not: uploads are refused or kept as they are, and nothing stays open.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import type { UploadStore } from '../../../src/vfs/uploads.ts'
import { type StagedAccount, stagedAccount } from '../../support/staged-account.ts'
import {
  balanced,
  bytes,
  isPartial,
  NEW,
  onDisk,
  openUnder,
  p,
  put,
  refuses,
  UNTRUNCATED,
} from '../../support/staged-files.ts'

const CHANGES = [
  'addPartial',
  'removePartial',
  'putShelved',
  'removeShelved',
  'addFailed',
  'takeFailed',
] as const
/** A store that changes nothing while `full`. */
function fillable() {
  const state = { full: false }
  const uploads = (store: UploadStore): UploadStore => {
    const changes = CHANGES.map((name) => [
      name,
      (...words: never[]) => {
        if (state.full) throw new OpError('ENOSPC', "The server's disk is full")
        return (store[name] as (...words: never[]) => unknown)(...words)
      },
    ])
    return { ...store, ...Object.fromEntries(changes) }
  }
  return { state, uploads }
}

test('full database: a new file that is whole is whole, and one that is not stays partial beyond a kill', async () => {
  const { state, uploads } = fillable()
  await using ada = await stagedAccount({ uploads })
  const vfs = await ada.session()
  const [whole, left] = [await vfs.open(p('/whole'), NEW), await vfs.open(p('/left'), NEW)]
  await whole.write(bytes('123'), 0)
  await left.write(bytes('456'), 0)

  state.full = true
  await whole.close()
  await left.abandon()

  assert.ok(!(await isPartial(vfs, '/whole')))
  assert.ok(await isPartial(vfs, '/left'))
  assert.equal(openUnder(ada.home) + openUnder(ada.staging), 0)
  await using killed = await stagedAccount({ after: ada })
  assert.ok(await isPartial(await killed.session(), '/left'))
})

/** A session that gave `/left` up while the disk was full: its mark is still to be written down. */
async function owing(ada: StagedAccount, state: { full: boolean }) {
  const vfs = await ada.session()
  const left = await vfs.open(p('/left'), NEW)
  await left.write(bytes('456'), 0)
  state.full = true
  await left.abandon()
  return vfs
}

test('full database: what was owed is written down with the next upload', async () => {
  const { state, uploads } = fillable()
  await using ada = await stagedAccount({ uploads })
  const vfs = await owing(ada, state)
  state.full = false

  await put(vfs, '/next', 'x')

  const row = ada.database.prepare('SELECT count(*) AS marks FROM partial_file').get()
  assert.deepEqual({ ...row }, { marks: 1 })
})

test('full database: an account does not go to another process before what is owed is written down', async () => {
  const { state, uploads } = fillable()
  await using ada = await stagedAccount({ uploads })
  await owing(ada, state)

  assert.equal(ada.letGo(), false)
  state.full = false
  assert.equal(ada.letGo(), true)

  assert.ok(await isPartial(await ada.session(), '/left'))
})

test('full database: a write that failed is told at CLOSE, and the file is closed', async () => {
  const { state, uploads } = fillable()
  await using ada = await stagedAccount({ uploads, bytes: 4 })
  const vfs = await ada.session()
  const file = await vfs.open(p('/a'), NEW)
  await refuses('EDQUOT', () => file.write(bytes('12345'), 0))

  state.full = true

  await refuses('EIO', () => file.close())
  assert.ok(await isPartial(vfs, '/a'))
  assert.equal(openUnder(ada.home) + openUnder(ada.staging), 0)
})

test('full database: a CLOSE that cannot be written down says so, and leaves the file partial', async () => {
  const { state, uploads } = fillable()
  await using ada = await stagedAccount({ uploads })
  const vfs = await ada.session()
  const left = await vfs.open(p('/a'), NEW)
  await left.write(bytes('123'), 0)
  await left.abandon()
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('4'), 3)

  state.full = true

  await refuses('ENOSPC', () => file.close())
  assert.ok(await isPartial(vfs, '/a'))
  assert.equal(openUnder(ada.home) + openUnder(ada.staging), 0)
})

for (const [how, end] of [
  ['committed', 'close'],
  ['interrupted', 'abandon'],
] as const) {
  test(`full database: an overwrite is ${how} with nothing left open or reserved`, async () => {
    const { state, uploads } = fillable()
    await using ada = await stagedAccount({ uploads, bytes: 1000, keepMs: 0 })
    const vfs = await ada.session()
    await put(vfs, '/a', 'old')
    const file = await vfs.open(p('/a'), NEW)
    await file.write(bytes('newer'), 0)

    state.full = true
    await file[end]()

    assert.equal(await onDisk(ada, 'a'), end === 'close' ? 'newer' : 'old')
    assert.equal(openUnder(ada.home) + openUnder(ada.staging), 0)
    assert.equal(ada.book.usage.reserved, 0)
    state.full = false
    await put(vfs, '/a', 'newest')
    assert.deepEqual(readdirSync(ada.staging), [])
    await balanced(ada)
  })
}

test('full database: an overwrite that cannot keep the old file leaves it whole', async () => {
  const { state, uploads } = fillable()
  await using ada = await stagedAccount({ uploads, bytes: 1000 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('newer'), 0)

  state.full = true

  await refuses('ENOSPC', () => file.close())
  assert.equal(await onDisk(ada, 'a'), 'old')
  assert.equal(openUnder(ada.home) + openUnder(ada.staging), 0)
  assert.equal(ada.book.usage.reserved, 0)
  await refuses('ENOSPC', () => vfs.open(p('/a'), NEW))
  assert.equal(openUnder(ada.home) + openUnder(ada.staging), 0)
})

test('full database: what was replaced is given up where it can no longer be written down as kept', async () => {
  const uploads = (store: UploadStore): UploadStore => ({
    ...store,
    putShelved(account, file) {
      if (file.kind === 'kept' && file.size > 0) throw new OpError('ENOSPC', "The server's disk is full")
      store.putShelved(account, file)
    },
  })
  await using ada = await stagedAccount({ uploads, bytes: 1000 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'old')

  await put(vfs, '/a', 'newer')

  assert.equal(await onDisk(ada, 'a'), 'newer')
  assert.deepEqual(vfs.shelved(), [])
  assert.deepEqual(readdirSync(ada.staging), [])
  await balanced(ada)
})
