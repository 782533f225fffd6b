import assert from 'node:assert/strict'
import fs from 'node:fs'
import { mock, test } from 'node:test'
import { descriptorsIn } from '../../support/descriptors.ts'

/** What was done to the disk for good, in order: `file` and `folder` are fsyncs. */
const done: string[] = []
const { fsync, renameSync } = fs
let diskFails = false
mock.method(fs, 'fsync', (descriptor: number, answer: fs.NoParamCallback) => {
  done.push(fs.fstatSync(descriptor).isDirectory() ? 'folder' : 'file')
  if (diskFails) answer(Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' }))
  else fsync(descriptor, answer)
})
mock.method(fs, 'renameSync', (from: fs.PathLike, to: fs.PathLike) => {
  done.push('rename')
  renameSync(from, to)
})
// What they import keeps the functions it finds.
const { stagedAccount } = await import('../../support/staged-account.ts')
const { balanced, bytes, isPartial, NEW, onDisk, p, put, refuses, UNTRUNCATED } = await import(
  '../../support/staged-files.ts'
)

/** By each setting: a new file, one that is replaced, and one that is changed in its place. */
const EXPECTED = {
  never: { fresh: [], replaced: ['rename'], changed: [] },
  overwrite: { fresh: [], replaced: ['file', 'rename', 'folder'], changed: [] },
  always: { fresh: ['file', 'folder'], replaced: ['file', 'rename', 'folder'], changed: ['file'] },
} as const

for (const durable of ['never', 'overwrite', 'always'] as const) {
  test(`durable ${durable}: fsyncs what it says before CLOSE is answered, and nothing else`, async () => {
    await using ada = await stagedAccount({ durable })
    const vfs = await ada.session()
    const during = async (act: () => Promise<void>): Promise<readonly string[]> => {
      done.length = 0
      await act()
      return [...done]
    }

    const fresh = await during(() => put(vfs, '/a', 'old'))
    const replaced = await during(() => put(vfs, '/a', 'new one'))
    const changed = await during(async () => {
      const file = await vfs.open(p('/a'), UNTRUNCATED)
      await file.write(bytes('N'), 0)
      await file.close()
    })

    assert.deepEqual({ fresh, replaced, changed }, EXPECTED[durable])
    assert.equal(await onDisk(ada, 'a'), 'New one')
  })

  test(`durable ${durable}: a client's fsync is done, whatever the setting`, async () => {
    await using ada = await stagedAccount({ durable })
    const vfs = await ada.session()
    await put(vfs, '/old', 'old')
    for (const path of ['/new', '/old']) {
      const file = await vfs.open(p(path), NEW)
      await file.write(bytes('bytes'), 0)
      done.length = 0
      await file.sync()
      assert.deepEqual(done, ['file'], path)
      await file.close()
    }
  })
}

test('durable: a session that ends while its CLOSE waits for the disk replaces nothing', async () => {
  await using ada = await stagedAccount({ durable: 'overwrite' })
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)

  const closing = Promise.resolve(file.close())
  await file.abandon()

  await refuses('ECANCELED', () => closing, /was not replaced/)
  assert.equal(await onDisk(ada, 'a'), 'the old')
  await balanced(ada)
})

test('durable: a CLOSE whose fsync fails says so, and leaves nothing open', async () => {
  await using ada = await stagedAccount({ durable: 'always' })
  const vfs = await ada.session()
  await put(vfs, '/old', 'old')
  const descriptors = (): number => descriptorsIn(ada.folder).length
  const before = descriptors()
  const opened = [await vfs.open(p('/new'), NEW), await vfs.open(p('/old'), NEW)]
  for (const file of opened) await file.write(bytes('bytes'), 0)

  diskFails = true
  try {
    for (const file of opened) await refuses('EIO', () => file.close())
    const inPlace = await vfs.open(p('/old'), UNTRUNCATED)
    await refuses('EIO', () => inPlace.close())
  } finally {
    diskFails = false
  }

  assert.equal(descriptors(), before)
  assert.ok(await isPartial(vfs, '/new'))
  assert.equal((await vfs.stat(p('/old'))).size, 3)
  assert.deepEqual(
    vfs.shelved().map(({ kind, size }) => ({ kind, size })),
    [{ kind: 'part', size: 5 }],
  )
  await balanced(ada)
})
