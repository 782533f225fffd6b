import assert from 'node:assert/strict'
import fs from 'node:fs'
import { readdir } from 'node:fs/promises'
import { mock, test } from 'node:test'
import { isPromise } from '../../../src/base/awaitable.ts'
import { sqlUploads } from '../../../src/store/sql-uploads.ts'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { stagedAccount } from '../../support/staged-account.ts'
import {
  balanced,
  bytes,
  interrupted,
  NEW,
  onDisk,
  p,
  put,
  refuses,
  UNTRUNCATED,
} from '../../support/staged-files.ts'

test('kept: what was replaced is kept, the newest alone', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  for (const text of ['1', '22', '333']) await put(vfs, '/a', text)

  assert.deepEqual(
    vfs.shelved().map(({ kind, path, size }) => ({ kind, path, size })),
    [{ kind: 'kept', path: '/a', size: 2 }],
  )
  assert.equal((await readdir(ada.staging)).length, 1)
  await balanced(ada)
})

test('kept: who reads what is no longer kept goes on reading it, and it counts until then', async () => {
  await using ada = await stagedAccount({ bytes: 100 })
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'the first')
  const reader = await two.open(p('/a'), { read: true })
  await put(one, '/a', 'the second')

  await put(one, '/a', 'the third')

  assert.equal(ada.book.usage.used, 'the third'.length + 'the first'.length)
  const into = Buffer.alloc(9)
  await reader.read([into], 0)
  assert.equal(into.toString('latin1'), 'the first')
  await reader.close()
  await balanced(ada)
})

test('kept: not what was never whole', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  const first = await one.open(p('/a'), NEW)
  await first.write(bytes('the first, its beginning'), 0)
  const second = await two.open(p('/a'), NEW)
  await second.write(bytes('the second'), 0)
  await first.abandon()

  await second.close()

  assert.deepEqual(one.shelved(), [])
  assert.deepEqual(sqlUploads(ada.database).partials('ada'), [])
  assert.equal(await onDisk(ada, 'a'), 'the second')
  await balanced(ada)
})

test('kept: not what somebody still writes, for it would change after it was replaced', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'the old')
  const writer = await two.open(p('/a'), UNTRUNCATED)
  await writer.write(bytes('OLD'), 4)

  await put(one, '/a', 'the new')

  assert.deepEqual(one.shelved(), [])
  await refuses('ENOENT', () => one.restore(p('/a')), /Nothing that "\/a" replaced is kept/)
  await writer.close()
  assert.equal(await onDisk(ada, 'a'), 'the new')
  await balanced(ada)
})

test('kept: not what has another name, which is restore enough', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'the old')
  const file = await one.open(p('/a'), NEW)
  await file.write(bytes('the new'), 0)
  await two.link(p('/a'), p('/b'))

  await file.close()

  assert.deepEqual(one.shelved(), [])
  assert.deepEqual([await onDisk(ada, 'a'), await onDisk(ada, 'b')], ['the new', 'the old'])
  await balanced(ada)
})

test('kept: what could not be replaced after all is let go', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new'), 0)

  await withoutRename(() => refuses('EIO', () => file.close()))

  assert.equal((await vfs.stat(p('/a'))).nlink, 1)
  assert.deepEqual(
    vfs.shelved().map(({ kind }) => kind),
    ['part'],
  )
  assert.equal(await onDisk(ada, 'a'), 'the old')
  await balanced(ada)
})

test('kept: only if it fits, and its reader is ended where it does not', async () => {
  await using ada = await stagedAccount({ bytes: 12 })
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', '1234567890')
  const reader = await two.open(p('/a'), { read: true })

  await put(one, '/a', 'abcdefgh')

  assert.deepEqual(one.shelved(), [])
  await refuses('ESTALE', () => reader.read([Buffer.alloc(10)], 0), /Replaced meanwhile, open it again/)
  await reader.close()
  await balanced(ada)
})

test('keep-replaced 0: nothing is kept; a reader goes on while there is room for what it reads', async () => {
  await using ada = await stagedAccount({ bytes: 30, keepMs: 0 })
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', '1234567890')
  const reader = await two.open(p('/a'), { read: true })

  await put(one, '/a', 'abc')

  assert.deepEqual(one.shelved(), [])
  assert.equal(ada.book.usage.used, 13)
  const into = Buffer.alloc(10)
  await reader.read([into], 0)
  assert.equal(into.toString('latin1'), '1234567890')
  await reader.close()
  await balanced(ada)
})

test('expiry: a replaced file is kept for keep-replaced and a part for keep-parts, and no longer', async () => {
  const clock = fakeClock()
  await using ada = await stagedAccount({ clock, keepMs: 1000, partMs: 3000 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await put(vfs, '/a', 'the new')
  await interrupted(vfs, '/a', 'the newest')
  const kinds = () => vfs.shelved().map(({ kind }) => kind)

  clock.pass(999)
  assert.deepEqual(kinds(), ['kept', 'part'])
  clock.pass(1)
  assert.deepEqual(kinds(), ['part'])
  assert.equal((await readdir(ada.staging)).length, 1)
  await refuses('ENOENT', () => vfs.restore(p('/a')))
  clock.pass(2000)

  await refuses('EINVAL', () => vfs.resume(p('/a'), 10), /^"\/a" has 7 bytes here, not 10/)
  assert.deepEqual(await readdir(ada.staging), [])
  assert.deepEqual(kinds(), [])
  await balanced(ada)
})

test('expiry: in an account over a lower limit the reader of what is no longer kept is ended', async () => {
  const clock = fakeClock()
  await using ada = await stagedAccount({ bytes: 30, clock, keepMs: 1000 })
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', '1234567890')
  const reader = await two.open(p('/a'), { read: true })
  await put(one, '/a', 'abc')
  await ada.limit(1)
  clock.pass(1000)

  assert.deepEqual(one.shelved(), [])

  await refuses('ESTALE', () => reader.read([Buffer.alloc(10)], 0))
  assert.equal(ada.book.usage.used, 3)
  await reader.close()
  await balanced(ada)
})

test('keep-parts 0: what is interrupted leaves nothing', async () => {
  await using ada = await stagedAccount({ partMs: 0 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')

  await interrupted(vfs, '/a', 'the new')

  assert.deepEqual(await readdir(ada.staging), [])
  assert.deepEqual(vfs.shelved(), [])
  await balanced(ada)
})

for (const [passed, stays] of [
  [59_999, true],
  [60_000, false],
] as const)
  test(`rclone's REMOVE: ${passed} ms after the failure it means the ${stays ? 'failed upload' : 'file'}`, async () => {
    const clock = fakeClock()
    await using ada = await stagedAccount({ bytes: 12, clock })
    const vfs = await ada.session()
    await put(vfs, '/a', '1234567890')
    await overfilled(vfs, '/a')
    clock.pass(passed)

    await vfs.unlink(p('/a'))

    assert.equal((await readdir(ada.home)).includes('a'), stays)
  })

test("rclone's REMOVE: after a new upload of the name it means the file", async () => {
  await using ada = await stagedAccount({ bytes: 12 })
  const vfs = await ada.session()
  await put(vfs, '/b', '12')
  await put(vfs, '/a', '1234567890')
  await overfilled(vfs, '/a')
  await vfs.unlink(p('/b'))
  await put(vfs, '/a', 'abc')

  await vfs.unlink(p('/a'))

  assert.deepEqual(await readdir(ada.home), [])
})

test('restore: what cannot be brought back stays kept', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await put(vfs, '/a', 'the new one')

  await withoutRename(() => refuses('EIO', () => vfs.restore(p('/a'))))

  assert.deepEqual(
    vfs.shelved().map(({ kind, size }) => ({ kind, size })),
    [{ kind: 'kept', size: 7 }],
  )
  await balanced(ada)
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), 'the old')
})

test('restore: in an account over a lower limit brings the old file back, or leaves it kept', async () => {
  await using ada = await stagedAccount({ bytes: 100 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'x'.repeat(60))
  await put(vfs, '/a', 'y'.repeat(30))
  await ada.limit(50)

  await withoutRename(() => refuses('EIO', () => vfs.restore(p('/a'))))

  assert.deepEqual(
    vfs.shelved().map(({ kind, size }) => ({ kind, size })),
    [{ kind: 'kept', size: 60 }],
  )
  await balanced(ada)
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), 'x'.repeat(60))
  assert.equal(ada.book.usage.reserved, 0)
  await balanced(ada)
})

/** `act` on a disk that renames nothing. */
async function withoutRename(act: () => Promise<void>): Promise<void> {
  const broken = mock.method(fs, 'renameSync', () => {
    throw Object.assign(new Error('EIO: i/o error, rename'), { code: 'EIO' })
  })
  try {
    await act()
  } finally {
    broken.mock.restore()
  }
}

/** An overwrite that does not fit. */
async function overfilled(vfs: StagedFileSystem, path: string): Promise<void> {
  const file = await vfs.open(p(path), NEW)
  await refuses('EDQUOT', () => file.write(bytes('x'.repeat(20)), 0))
  await refuses('EIO', () => file.close())
}

test('a name that goes away: its bytes stay paid for while the file has another one', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  await vfs.link(p('/a'), p('/b'))

  await vfs.unlink(p('/a'))

  assert.equal(ada.book.usage.used, 10)
  await vfs.unlink(p('/b'))
  assert.equal(ada.book.usage.used, 0)
})

test('restore: brings the old file back though somebody was reading it', async () => {
  await using ada = await stagedAccount({ bytes: 30 })
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', '1234567890')
  const reader = await other.open(p('/a'), { read: true })
  await put(vfs, '/a', 'abc')

  const into = Buffer.alloc(10)
  await reader.read([into], 0)
  assert.equal(into.toString('latin1'), '1234567890')
  await vfs.restore(p('/a'))

  assert.equal(await onDisk(ada, 'a'), '1234567890')
  await reader.close()
  await balanced(ada)
})

test('restore: the reader of a kept file is ended when its room is needed', async () => {
  await using ada = await stagedAccount({ bytes: 15 })
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', '1234567890')
  const reader = await other.open(p('/a'), { read: true })
  await put(vfs, '/a', 'abc')

  await put(vfs, '/b', 'defgh')

  await refuses('ESTALE', () => reader.read([Buffer.alloc(10)], 0), /Replaced meanwhile, open it again/)
  // Nobody pays for its bytes any more: nothing may hold them on the disk.
  assert.equal(reader.descriptor?.(), undefined)
  // The disk may give its number to a new file.
  for (const name of ['/c', '/d', '/e']) await put(vfs, name, '')
  await reader.close()
  await balanced(ada)
})

test('kept: an RMDIR of a folder that is not empty leaves kept files and parts as they are', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await vfs.mkdir(p('/d'))
  await put(vfs, '/d/a', 'the old')
  await put(vfs, '/d/a', 'the new')
  await interrupted(vfs, '/d/a', 'part')

  await refuses('ENOTEMPTY', () => vfs.rmdir(p('/d')))

  assert.deepEqual(
    vfs.shelved().map(({ kind }) => kind),
    ['kept', 'part'],
  )
  await balanced(ada)
})

test('kept: what is much is given up for room by and by, with others served between', async () => {
  const [files, limit] = [300, 10_000]
  await using ada = await stagedAccount({ bytes: limit })
  const vfs = await ada.session()
  for (let i = 0; i < files; i++) for (const text of ['a', 'b']) await put(vfs, `/${i}`, text)
  const file = await vfs.open(p('/big'), NEW)

  const grown = file.truncate(limit - files)

  assert.ok(isPromise(grown))
  const left = vfs.shelved().length
  assert.ok(left > 0 && left < files, `${left} left`)
  await grown
  assert.deepEqual(vfs.shelved(), [])
  await file.close()
  await balanced(ada)
})

test('kept: is not given up for what would not fit without it either', async () => {
  await using ada = await stagedAccount({ bytes: 100 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await put(vfs, '/a', 'the new')
  const file = await vfs.open(p('/far'), NEW)

  await refuses('EDQUOT', () => file.write(bytes('x'), 2 ** 40))

  assert.equal(vfs.shelved().length, 1)
  await file.abandon()
  await balanced(ada)
  // Nor is it a reason to try again.
  await refuses('EDQUOT', () => vfs.open(p('/far'), NEW))
})
