import assert from 'node:assert/strict'
import { lstat, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Inode } from '../../../src/vfs/uploads.ts'
import { stagedAccount } from '../../support/staged-account.ts'
import {
  balanced,
  bytes,
  interrupted,
  isPartial,
  NEW,
  onDisk,
  p,
  put,
  refuses,
  UNTRUNCATED,
} from '../../support/staged-files.ts'

const NOT_ROOT = process.getuid?.() !== 0 && 'only root gives files away'

test('overwrite: the mode of the old file is kept', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await vfs.setstat(p('/a'), { mode: 0o640 })

  const file = await vfs.open(p('/a'), NEW, { mode: 0o666 })
  await file.write(bytes('the new'), 0)
  await file.close()

  assert.equal((await vfs.stat(p('/a'))).mode & 0o7777, 0o640)
})

test('overwrite: the owner of the old file is kept', { skip: NOT_ROOT }, async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await vfs.setstat(p('/a'), { uid: 1234, gid: 5678, mode: 0o640 })

  await put(vfs, '/a', 'the new')

  const { uid, gid, mode } = await vfs.stat(p('/a'))
  assert.deepEqual({ uid, gid, mode: mode & 0o7777 }, { uid: 1234, gid: 5678, mode: 0o640 })
  assert.equal(await onDisk(ada, 'a'), 'the new')
})

test('overwrite: a file that nobody may write is refused at OPEN, however it is opened', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await vfs.setstat(p('/a'), { mode: 0o400 })

  for (const flags of [NEW, UNTRUNCATED, { ...UNTRUNCATED, append: true }])
    await refuses('EACCES', () => vfs.open(p('/a'), flags), /^"\/a" is read-only: change its mode first$/)

  assert.deepEqual(await readdir(ada.staging), [])
  assert.equal(await onDisk(ada, 'a'), 'the old')
})

test('exclusive: what is there is not replaced', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')

  await refuses('EEXIST', () => vfs.open(p('/a'), { ...NEW, exclusive: true }))
})

test('overwrite: a file without bytes is written in place, and partial until CLOSE', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '')

  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new'), 0)

  assert.equal(await onDisk(ada, 'a'), 'the new')
  assert.ok(await isPartial(vfs, '/a'))
  await file.close()
  assert.ok(!(await isPartial(vfs, '/a')))
  assert.deepEqual(vfs.shelved(), [])
})

test('overwrite: through a link its target is replaced, and the link stays', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await vfs.symlink('a', p('/link'))

  const file = await vfs.open(p('/link'), NEW)
  await file.write(bytes('the new'), 0)
  assert.equal(await onDisk(ada, 'a'), 'the old')
  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'the new')
  assert.ok((await lstat(join(ada.home, 'link'))).isSymbolicLink())
  await balanced(ada)
})

test('overwrite: a file of two names is written in place, so that both have the new content', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await vfs.link(p('/a'), p('/b'))

  await put(vfs, '/a', 'the new one')

  assert.equal(await onDisk(ada, 'b'), 'the new one')
  assert.deepEqual(vfs.shelved(), [])
})

test('overwrite = in-place: the old file is cut at OPEN, written, and not kept', async () => {
  await using ada = await stagedAccount({ overwrite: 'in-place' })
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const { ino } = await vfs.stat(p('/a'))

  const file = await vfs.open(p('/a'), NEW)
  assert.equal(await onDisk(ada, 'a'), '')
  await file.write(bytes('the new'), 0)
  assert.equal(await onDisk(ada, 'a'), 'the new')
  await file.close()
  const scp = await vfs.open(p('/a'), UNTRUNCATED)
  await scp.write(bytes('THE'), 0)
  assert.equal(await onDisk(ada, 'a'), 'THE new')
  await scp.close()

  assert.equal((await vfs.stat(p('/a'))).ino, ino)
  assert.deepEqual(vfs.shelved(), [])
  await balanced(ada)
})

// Broken off, the beginning of a file was shown as a whole one.
for (const [where, overwrite] of [
  ['of two names', 'staged'],
  ['= in-place', 'in-place'],
] as const)
  test(`overwrite: what is written in place from its TRUNC on is partial until CLOSE (${where})`, async () => {
    await using ada = await stagedAccount({ overwrite })
    const [vfs, other] = [await ada.session(), await ada.session()]
    await put(vfs, '/a', 'the old')
    if (overwrite === 'staged') await vfs.link(p('/a'), p('/b'))

    await interrupted(vfs, '/a', 'the new one, its')
    assert.ok(await isPartial(other, '/a'))
    await put(vfs, '/a', 'the new one')

    assert.ok(!(await isPartial(other, '/a')))
    assert.equal(await onDisk(ada, overwrite === 'staged' ? 'b' : 'a'), 'the new one')
    await balanced(ada)
  })

test('overwrite = in-place: a write that was refused is said again at CLOSE', async () => {
  await using ada = await stagedAccount({ overwrite: 'in-place', bytes: 10 })
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('abc'), 0)
  await refuses('EDQUOT', () => file.write(bytes('x'.repeat(20)), 3))

  await refuses(
    'EIO',
    () => file.close(),
    /Not all of "\/a" could be written, it stays partial: Quota used up: /,
  )

  assert.equal(await onDisk(ada, 'a'), 'abc')
})

test('other sessions: act on the old file, and CLOSE puts the new one under the name again', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)
  assert.equal((await other.stat(p('/a'))).size, 7)

  await other.rename(p('/a'), p('/b'), { replace: false })
  await file.close()

  assert.deepEqual([await onDisk(ada, 'a'), await onDisk(ada, 'b')], ['new', 'the old'])
  assert.ok(!(await isPartial(other, '/a')))
  await balanced(ada)
})

test('overwrite: a size that is set is reserved first, and what is cut off is free again', async () => {
  await using ada = await stagedAccount({ bytes: 20 })
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), NEW)

  await file.write(bytes('x'.repeat(18)), 0)
  assert.equal(ada.book.usage.reserved, 8)
  await file.truncate(3)
  assert.equal(ada.book.usage.reserved, 0)
  await refuses('EDQUOT', () => file.truncate(21))

  assert.equal(ada.book.usage.reserved, 0)
  await refuses('EIO', () => file.close())
  await balanced(ada)
})

test('overwrite: one that was refused is refused at OPEN, until more is free than there was', async () => {
  await using ada = await stagedAccount({ bytes: 100 })
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  await put(vfs, '/b', '12345')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('x'.repeat(60)), 0)
  await refuses('EDQUOT', () => file.write(bytes('x'.repeat(60)), 60))
  await refuses('EIO', () => file.close())
  assert.equal(vfs.shelved()[0]?.size, 60)

  await refuses('EDQUOT', () => vfs.open(p('/a'), NEW), /^Quota used up/)

  assert.equal(vfs.shelved()[0]?.size, 60)
  await vfs.unlink(p('/b'))
  const again = await vfs.open(p('/a'), NEW)
  await again.close()
  await balanced(ada)
})

test('overwrite: a folder that bears the name at CLOSE is not replaced, and the part is kept', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)
  await other.unlink(p('/a'))
  await other.mkdir(p('/a'))

  await refuses('EISDIR', () => file.close(), /^"\/a" is a folder now$/)

  assert.deepEqual(
    vfs.shelved().map(({ kind, size }) => ({ kind, size })),
    [{ kind: 'part', size: 3 }],
  )
  await balanced(ada)
})

for (const [leads, link] of [
  ['to the old file', 'g'],
  ['to another file', 'v'],
  ['nowhere', 'nowhere'],
] as const) {
  test(`overwrite: a link that bears the name at CLOSE and leads ${leads} stays, and so does what it leads to`, async () => {
    await using ada = await stagedAccount({ bytes: 60, files: 4 })
    const [vfs, other] = [await ada.session(), await ada.session()]
    await put(other, '/v', '12345')
    await put(vfs, '/a', 'the old')
    const reader = await other.open(p('/v'), { read: true })
    const file = await vfs.open(p('/a'), NEW)
    await file.write(bytes('the new one'), 0)
    await other.rename(p('/a'), p('/g'), { replace: false })
    await other.symlink(link, p('/a'))

    await refuses('EEXIST', () => file.close(), /^"\/a" is a link now: remove it, then put the file again$/)

    assert.equal(await vfs.readlink(p('/a')), link)
    assert.deepEqual([await onDisk(ada, 'g'), await onDisk(ada, 'v')], ['the old', '12345'])
    assert.equal(await reader.read([Buffer.alloc(5)], 0), 5)
    await reader.close()
    assert.deepEqual(
      vfs.shelved().map(({ kind, path, size }) => ({ kind, path, size })),
      [{ kind: 'part', path: '/a', size: 11 }],
    )
    await balanced(ada)
    await vfs.unlink(p('/a'))
    const again = await vfs.resume(p('/a'), 11)
    await again.close()
    assert.equal(await onDisk(ada, 'a'), 'the new one')
    await balanced(ada)
  })
}

test('overwrite: a link that leads to an upload of another session at CLOSE takes nothing from it', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  const upload = await other.open(p('/u'), NEW)
  await upload.write(bytes('123'), 0)
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)
  await other.unlink(p('/a'))
  await other.symlink('u', p('/a'))

  await refuses('EEXIST', () => file.close())

  assert.ok(await isPartial(vfs, '/u'))
  await upload.write(bytes('456'), 3)
  await upload.close()
  assert.equal(await onDisk(ada, 'u'), '123456')
  await balanced(ada)
})

test('overwrite: however often its name becomes a link, the quota is not passed', async () => {
  await using ada = await stagedAccount({ bytes: 100 })
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', 'x'.repeat(90))

  for (const name of ['g', 'h', 'i']) {
    const file = await vfs.open(p('/a'), NEW)
    await file.write(bytes('y'.repeat(90)), 0)
    await other.rename(p('/a'), p(`/${name}`), { replace: false })
    await other.symlink(name, p('/a'))

    await refuses('EEXIST', () => file.close())

    await balanced(ada)
    await other.unlink(p('/a'))
    await other.rename(p(`/${name}`), p('/a'), { replace: false })
  }

  assert.equal(ada.book.usage.used, 90)
})

test('overwrite: is whole, whatever was marked that had its number before', async () => {
  const marks: Inode[] = []
  await using ada = await stagedAccount({ uploads: (store) => ({ ...store, partials: () => marks }) })
  await writeFile(join(ada.home, 'a'), 'the old one')
  const { dev, ino } = await lstat(join(ada.home, 'a'))
  // As when unfinished files were removed behind the server's back: the disk gives their numbers again.
  for (let near = ino - 20_000; near < ino + 20_000; near++) if (near !== ino) marks.push({ dev, ino: near })
  const vfs = await ada.session()

  await put(vfs, '/a', 'the new one')

  assert.equal(await isPartial(vfs, '/a'), false)
  await interrupted(vfs, '/a', 'broken off')
  assert.equal(await onDisk(ada, 'a'), 'the new one')
})
