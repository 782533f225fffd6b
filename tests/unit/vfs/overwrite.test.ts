import assert from 'node:assert/strict'
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
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

test('in place: a file that is opened to be read too is written in place', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '12345')

  const file = await vfs.open(p('/a'), { read: true, write: true })
  await file.write(bytes('abcde'), 0)

  assert.equal(await onDisk(ada, 'a'), 'abcde')
  await file.close()
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

test('plain scp: a CLOSE while what was staged goes into the old file waits for it, and holds nothing afterwards', async () => {
  let writes = 0
  const second = Promise.withResolvers<void>()
  await using ada = await stagedAccount({
    bytes: 1_000_000,
    paces: {
      of: () => ({
        quick: false,
        now: (work) => work(),
        later(work) {
          if (++writes === 3) second.resolve()
          return work()
        },
      }),
    },
  })
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', 'a'.repeat(400_000))
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('b'.repeat(300_000)), 0)

  const beyond = file.write(bytes('z'), 350_000)
  await second.promise
  await Promise.all([beyond, file.close()])

  const expected = `${'b'.repeat(300_000)}${'a'.repeat(50_000)}z${'a'.repeat(49_999)}`
  assert.equal(await onDisk(ada, 'a'), expected)
  await other.unlink(p('/a'))
  await balanced(ada)
})

test('plain scp: a CLOSE that could not put what was staged into the old file keeps it as a part, and holds nothing', async () => {
  const full = new OpError('ENOSPC', 'The disk is full')
  await using ada = await stagedAccount({
    bytes: 1_000_000,
    paces: {
      of: () => ({
        quick: false,
        now: (work) => work(),
        later: (work) => (sick ? Promise.reject(full) : work()),
      }),
    },
  })
  const [vfs, other] = [await ada.session(), await ada.session()]
  let sick = false
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('abcde'), 0)

  sick = true
  await refuses('ENOSPC', () => file.close())

  assert.deepEqual(
    vfs.shelved().map(({ kind, path, size }) => ({ kind, path, size })),
    [{ kind: 'part', path: '/a', size: 5 }],
  )
  await other.unlink(p('/a'))
  await balanced(ada)
})

test('within the session: an OPEN with TRUNC of what is staged begins it again', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new'), 0)

  const again = await vfs.open(p('/a'), NEW)
  await again.write(bytes('x'), 0)
  await again.close()
  assert.equal(await onDisk(ada, 'a'), 'the old')
  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'x')
})

test('plain scp: beside an overwrite of the same session it is done in place', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const untruncated = await vfs.open(p('/a'), UNTRUNCATED)
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)

  await untruncated.write(bytes('THE OLD'), 0)

  assert.equal(await onDisk(ada, 'a'), 'THE OLD')
  await untruncated.close()
  await file.close()
  assert.equal(await onDisk(ada, 'a'), 'new')
})

test('plain scp: a file that was replaced since its OPEN is not replaced again', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'the old')
  const file = await one.open(p('/a'), UNTRUNCATED)
  await put(two, '/a', 'of two')

  await file.write(bytes('of one, which is longer'), 0)
  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'of two')
  await balanced(ada)
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

test('within the session: after a rename has committed it, the handle goes on with the file under its new name', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new one'), 0)
  await vfs.rename(p('/a'), p('/b'), { replace: true })

  await file.truncate(7)
  await file.write(bytes('!'), 7)
  await file.setstat({ mode: 0o640 })

  assert.equal(await onDisk(ada, 'b'), 'the new!')
  assert.equal((await vfs.stat(p('/b'))).mode & 0o777, 0o640)
  await balanced(ada)
  await file.close()
})
