import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sqlUploads } from '../../../src/store/sql-uploads.ts'
import { measure } from '../../../src/vfs/measure.ts'
import { stagedAccount } from '../../support/staged-account.ts'
import { bytes, interrupted, NEW, onDisk, p, put, refuses } from '../../support/staged-files.ts'

test('another device: what lies beside its target and is written down nowhere is swept when the home is counted', {
  skip: existsSync('/dev/shm') ? false : 'no second device here',
}, async () => {
  const homes = await mkdtemp('/dev/shm/homes-')
  try {
    await using killed = await stagedAccount({ homes })
    const before = await killed.session()
    await put(before, '/a', 'the old')
    await put(before, '/a', 'the new one')
    for (const path of ['/a', '/b']) {
      await put(before, path, 'whole')
      await interrupted(before, path, 'another')
    }
    const store = sqlUploads(killed.database)
    for (const { id, path } of store.shelved('ada')) if (path === '/b') store.removeShelved('ada', id)

    await using ada = await stagedAccount({ after: killed })

    const vfs = await ada.session()
    assert.deepEqual(
      vfs
        .shelved()
        .map(({ kind, path }) => `${kind} ${path}`)
        .sort(),
      ['kept /a', 'part /a'],
    )
    assert.equal((await readdir(ada.home)).length, 4)
    assert.deepEqual(await measure(ada.home), { bytes: 10, files: 2 })
  } finally {
    await rm(homes, { recursive: true, force: true })
  }
})

test('reserved names: no request can list, name or make one', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const name = '.miniftp-staged-x'
  await writeFile(join(ada.home, name), 'hidden')
  await mkdir(join(ada.home, 'd'))
  await rename(join(ada.home, name), join(ada.home, 'd', name))
  await vfs.symlink(`d/${name}`, p('/link'))
  const path = p(`/d/${name}`)

  await refuses('EACCES', () => vfs.stat(path), /a name of the server's own/)
  await refuses('EACCES', () => vfs.open(path, { read: true }))
  await refuses('EACCES', () => vfs.open(p('/link'), { read: true }))
  await refuses('EACCES', () => vfs.open(p(`/${name}`), NEW))
  await refuses('EACCES', () => vfs.mkdir(p(`/${name}`)))
  await refuses('EACCES', () => vfs.rename(path, p('/seen'), { replace: false }))
  await refuses('EACCES', () => vfs.unlink(path))
  const folder = await vfs.openDirectory(p('/d'))

  assert.deepEqual(await folder.read(10), [])
  await folder.close()
  await rm(join(ada.home, 'd'), { recursive: true })
})

test('another device: parts and kept files lie beside their target, unseen and uncounted', {
  skip: existsSync('/dev/shm') ? false : 'no second device here',
}, async () => {
  const homes = await mkdtemp('/dev/shm/homes-')
  try {
    await using ada = await stagedAccount({ homes })
    const vfs = await ada.session()
    await vfs.mkdir(p('/d'))
    await put(vfs, '/d/a', 'the old')
    await put(vfs, '/d/a', 'the new one')
    await interrupted(vfs, '/d/a', 'another')
    const list = await vfs.openDirectory(p('/d'))
    const seen = (await list.read(10)).map(({ name }) => name)
    await list.close()

    assert.deepEqual(seen, ['a'])
    assert.equal((await readdir(join(ada.home, 'd'))).length, 3)
    const { used, reserved, files } = ada.book.usage
    assert.deepEqual({ used, reserved, files }, { used: 11, reserved: 14, files: 2 })
    assert.deepEqual(await measure(ada.home), { bytes: 11, files: 2 })
    await vfs.restore(p('/d/a'))
    assert.equal(await onDisk(ada, 'd/a'), 'the old')
    await rm(join(ada.home, 'd/a'))
    await vfs.rmdir(p('/d'))
    assert.deepEqual(await readdir(ada.home), [])
  } finally {
    await rm(homes, { recursive: true, force: true })
  }
})

test('another device: an RMDIR gives up what lies beside its target only where nothing else is in the folder', {
  skip: existsSync('/dev/shm') ? false : 'no second device here',
}, async () => {
  const homes = await mkdtemp('/dev/shm/homes-')
  try {
    await using ada = await stagedAccount({ homes })
    const [vfs, other] = [await ada.session(), await ada.session()]
    for (const path of ['/d', '/d/e']) await vfs.mkdir(p(path))
    for (const path of ['/d/a', '/d/e/b']) {
      await put(vfs, path, 'the old')
      await put(vfs, path, 'the new one')
    }
    const left = () =>
      vfs
        .shelved()
        .map(({ path }) => path)
        .sort()

    await refuses('ENOTEMPTY', () => vfs.rmdir(p('/d')))
    assert.deepEqual(left(), ['/d/a', '/d/e/b'])
    await vfs.unlink(p('/d/a'))
    await refuses('ENOTEMPTY', () => vfs.rmdir(p('/d')))
    assert.deepEqual(left(), ['/d/a', '/d/e/b'])
    // Somebody replaces it still: the folder stays whatever is given up.
    const file = await other.open(p('/d/e/b'), NEW)
    await rm(join(ada.home, 'd/e/b'))
    await refuses('ENOTEMPTY', () => vfs.rmdir(p('/d/e')))
    assert.deepEqual(left(), ['/d/a', '/d/e/b'])
    await file.abandon()
    await vfs.rmdir(p('/d/e'))
    assert.deepEqual(left(), ['/d/a'])
    await vfs.rmdir(p('/d'))

    assert.deepEqual(left(), [])
    assert.deepEqual(await readdir(ada.home), [])
  } finally {
    await rm(homes, { recursive: true, force: true })
  }
})

test('another device: parts and kept files go along to the folder into which their file is moved', {
  skip: existsSync('/dev/shm') ? false : 'no second device here',
}, async () => {
  const homes = await mkdtemp('/dev/shm/homes-')
  try {
    await using ada = await stagedAccount({ homes })
    const vfs = await ada.session()
    for (const path of ['/d', '/e']) await vfs.mkdir(p(path))
    await put(vfs, '/d/a', 'the old')
    await put(vfs, '/d/a', 'the new one')
    await interrupted(vfs, '/d/a', 'another')

    await vfs.rename(p('/d/a'), p('/e/b'), { replace: false })

    assert.deepEqual(await readdir(join(ada.home, 'd')), [])
    assert.equal((await readdir(join(ada.home, 'e'))).length, 3)
    const part = await vfs.resume(p('/e/b'), 7)
    await part.close()
    assert.equal(await onDisk(ada, 'e/b'), 'another')
    await vfs.restore(p('/e/b'))
    assert.equal(await onDisk(ada, 'e/b'), 'the new one')
  } finally {
    await rm(homes, { recursive: true, force: true })
  }
})

// Its bytes were on the disk and in no book, and kept the folder from being removed.
test('another device: of an overwrite whose folder is renamed meanwhile nothing is left there unseen', {
  skip: existsSync('/dev/shm') ? false : 'no second device here',
}, async () => {
  const homes = await mkdtemp('/dev/shm/homes-')
  try {
    await using ada = await stagedAccount({ homes, bytes: 100 })
    const [vfs, other] = [await ada.session(), await ada.session()]
    await vfs.mkdir(p('/d'))
    for (const name of ['/d/a', '/d/b', '/d/c']) await put(vfs, name, 'the old')
    const [closed, cut, refused] = [
      await vfs.open(p('/d/a'), NEW),
      await vfs.open(p('/d/b'), NEW),
      await vfs.open(p('/d/c'), NEW),
    ]
    for (const file of [closed, cut, refused]) await file.write(bytes('the new one'), 0)
    await refuses('EDQUOT', () => refused.write(bytes('x'.repeat(100)), 11))
    await other.rename(p('/d'), p('/e'), { replace: false })

    await refuses('ENOENT', () => closed.close())
    await cut.abandon()
    await vfs.unlink(p('/e/c'))
    for (const name of ['/e/a', '/e/b']) await vfs.unlink(p(name))
    await refused.abandon()
    await vfs.rmdir(p('/e'))

    assert.deepEqual(await readdir(ada.home), [])
    const { used, reserved } = ada.book.usage
    assert.deepEqual({ used, reserved }, { used: 0, reserved: 0 })
  } finally {
    await rm(homes, { recursive: true, force: true })
  }
})
