import assert from 'node:assert/strict'
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { stagedAccount } from '../../support/staged-account.ts'
import {
  balanced,
  bytes,
  isPartial,
  NEW,
  onDisk,
  p,
  put,
  refuses,
  UNTRUNCATED,
} from '../../support/staged-files.ts'

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

test('overwrite: a file that nobody may write is refused at OPEN', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await vfs.setstat(p('/a'), { mode: 0o400 })

  await refuses('EACCES', () => vfs.open(p('/a'), NEW), /^"\/a" is read-only: change its mode first$/)

  assert.deepEqual(await readdir(ada.staging), [])
  assert.equal(await onDisk(ada, 'a'), 'the old')
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

test('overwrite = in-place: a write that was refused is said again at CLOSE', async () => {
  await using ada = await stagedAccount({ overwrite: 'in-place', bytes: 10 })
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('abc'), 0)
  await refuses('EDQUOT', () => file.write(bytes('x'.repeat(20)), 3))

  await refuses('EIO', () => file.close(), /Not all of "\/a" could be written/)

  assert.equal(await onDisk(ada, 'a'), 'abc')
})

test('plain scp: an end that is not below the old one is a replacement, also without a size that was set', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('abcde'), 0)
  await file.write(bytes('fghij'), 5)
  assert.equal(await onDisk(ada, 'a'), '1234567890')

  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'abcdefghij')
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), '1234567890')
})

test('within the session: REMOVE commits first, so that what it removed can be restored', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new'), 0)

  await vfs.unlink(p('/a'))

  assert.deepEqual(await readdir(ada.home), [])
  await file.close()
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), 'the old')
  await balanced(ada)
})

test('within the session: LINK commits first, so that the new name has the new content', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new'), 0)

  await vfs.link(p('/a'), p('/b'))

  assert.equal(await onDisk(ada, 'b'), 'the new')
  await file.close()
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

test("new file: a hole beyond the reorder window is the client's own, and stays", async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const far = 16 * 1024 * 1024
  for (const [at, left] of [
    [far - 3, 5],
    [far + 3, far + 6],
  ] as const) {
    const file = await vfs.open(p('/a'), NEW)
    await file.write(bytes('12345'), 0)
    await file.write(bytes('xyz'), at)

    await file.abandon()

    assert.equal((await vfs.stat(p('/a'))).size, left)
    assert.equal((await readFile(join(ada.home, 'a'))).toString('latin1', 0, 5), '12345')
    await vfs.unlink(p('/a'))
  }
})
