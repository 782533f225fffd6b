import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sqlUploads } from '../../../src/store/sql-uploads.ts'
import { measure } from '../../../src/vfs/measure.ts'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
import type { FileHandle } from '../../../src/vfs/vfs.ts'
import { fakeClock } from '../../support/fake-clock.ts'
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

test('new file: is partial until CLOSE, for every session', async () => {
  await using ada = await stagedAccount()
  const [writer, other] = [await ada.session(), await ada.session()]

  const file = await writer.open(p('/a'), NEW)
  await file.write(bytes('12345'), 0)

  assert.ok(await isPartial(other, '/a'))
  await file.close()
  assert.ok(!(await isPartial(other, '/a')))
})

test('new file: its mark follows a rename, and goes with the file', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const file = await vfs.open(p('/a.filepart'), NEW)
  await file.write(bytes('123'), 0)
  await file.abandon()

  await vfs.rename(p('/a.filepart'), p('/a'), { replace: false })

  assert.ok(await isPartial(vfs, '/a'))
  await vfs.unlink(p('/a'))
  await writeFile(join(ada.home, 'b'), 'another inode, or the same again')
  assert.ok(!(await isPartial(vfs, '/b')))
})

test('new file: a hole within the reorder window is cut off when the writer goes away', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('12345'), 0)
  await file.write(bytes('xyz'), 8)

  await file.abandon()

  assert.equal(await onDisk(ada, 'a'), '12345')
  await balanced(ada)
})

test('new file: nothing is cut below what SETSTAT has set, by handle or by name', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  for (const byName of [false, true]) {
    const file = await vfs.open(p('/a'), NEW)
    if (byName) await vfs.setstat(p('/a'), { size: 6 })
    else await file.setstat({ size: 6 })
    await file.write(bytes('xyz'), 8)
    await file.abandon()

    assert.equal((await vfs.stat(p('/a'))).size, 6)
    await vfs.unlink(p('/a'))
  }
})

test('new file: nothing is cut below what fsync has confirmed', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('xyz'), 8)
  await file.sync()
  await file.write(bytes('more'), 20)

  await file.abandon()

  assert.equal((await vfs.stat(p('/a'))).size, 11)
})

test('new file: a refused write is never committed', async () => {
  await using ada = await stagedAccount({ bytes: 10 })
  const vfs = await ada.session()
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('12345'), 0)
  await refuses('EDQUOT', () => file.write(bytes('123456'), 5))

  await refuses('EIO', () => file.close())

  assert.ok(await isPartial(vfs, '/a'))
  assert.equal(await onDisk(ada, 'a'), '12345')
})

test('two writers: an OPEN without TRUNC goes on with an open partial, and the earlier handle is told', async () => {
  await using ada = await stagedAccount()
  const [half, again] = [await ada.session(), await ada.session()]
  const dead = await half.open(p('/a'), NEW)
  await dead.write(bytes('123'), 0)
  await dead.write(bytes('xyz'), 6)
  assert.equal((await again.stat(p('/a'))).size, 3)

  const file = await again.open(p('/a'), UNTRUNCATED)

  await refuses('ESTALE', () => dead.write(bytes('456'), 3), /^Taken over by a newer upload$/)
  await file.write(bytes('45'), 3)
  await refuses('ESTALE', () => dead.close(), /^Taken over by a newer upload$/)
  assert.ok(await isPartial(again, '/a'))
  await file.close()
  assert.equal(await onDisk(ada, 'a'), '12345')
  assert.ok(!(await isPartial(again, '/a')))
  await balanced(ada)
})

test('two writers: a TRUNC beside an open partial is staged, and the last CLOSE wins', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  const first = await one.open(p('/a'), NEW)
  await first.write(bytes('first'), 0)
  const second = await two.open(p('/a'), NEW)
  await second.write(bytes('second'), 0)

  await first.close()
  assert.equal(await onDisk(ada, 'a'), 'first')
  await second.close()

  assert.equal(await onDisk(ada, 'a'), 'second')
  await balanced(ada)
})

test('two writers: each overwrite of a complete file is whole, the last CLOSE wins', async () => {
  await using ada = await stagedAccount({ bytes: 100 })
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'old')
  const first = await one.open(p('/a'), NEW)
  const second = await two.open(p('/a'), NEW)
  await first.write(bytes('1'), 0)
  await second.write(bytes('2222'), 0)
  await first.write(bytes('1'), 1)

  await second.close()
  await first.close()

  assert.equal(await onDisk(ada, 'a'), '11')
  await balanced(ada)
})

test('overwrite: the old bytes of a file are lent once, however many overwrites of it are open', async () => {
  await using ada = await stagedAccount({ bytes: 10 })
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', '1234567890')
  const first = await one.open(p('/a'), NEW)
  await first.write(bytes('abcdefghij'), 0)
  const second = await two.open(p('/a'), NEW)

  await refuses('EDQUOT', () => second.write(bytes('x'), 0))

  await first.close()
  assert.equal(await onDisk(ada, 'a'), 'abcdefghij')
  await balanced(ada)
})

test('overwrite: lent bytes are not free again while the overwrite is open, whatever is done to the old file', async () => {
  const undo: ((vfs: StagedFileSystem) => unknown)[] = [
    (vfs) => vfs.setstat(p('/a'), { size: 0 }),
    (vfs) => vfs.unlink(p('/a')),
    (vfs) => vfs.rename(p('/empty'), p('/a'), { replace: true }),
  ]
  for (const act of undo) {
    await using ada = await stagedAccount({ bytes: 10 })
    const [one, two] = [await ada.session(), await ada.session()]
    await put(one, '/empty', '')
    await put(one, '/a', '1234567890')
    const file = await one.open(p('/a'), NEW)
    await file.write(bytes('abcdefghij'), 0)

    await act(two)

    assert.equal(ada.book.free, 0)
    await file.abandon()
    await balanced(ada)
  }
})

test('plain scp: an overwrite without TRUNC is staged, and committed at CLOSE', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one, which is longer')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('the '), 0)
  await file.write(bytes('new'), 4)
  assert.equal(await onDisk(ada, 'a'), 'the old one, which is longer')
  await file.setstat({ size: 7 })

  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'the new')
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), 'the old one, which is longer')
  await balanced(ada)
})

test('plain scp: a broken connection leaves the old file', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('the new'), 0)

  await file.abandon()

  assert.equal(await onDisk(ada, 'a'), 'the old one')
  assert.deepEqual(
    vfs.shelved().map(({ kind, path, size }) => ({ kind, path, size })),
    [{ kind: 'part', path: '/a', size: 7 }],
  )
  await balanced(ada)
})

test('plain scp: over the quota the old file stays, and CLOSE says that it failed', async () => {
  await using ada = await stagedAccount({ bytes: 12 })
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('abcdefghij'), 0)
  await refuses('EDQUOT', () => file.write(bytes('klm'), 10))

  await refuses('EIO', () => file.close(), /the old file is whole/)

  assert.equal(await onDisk(ada, 'a'), '1234567890')
  await balanced(ada)
})

test('in place: what only changes a part of a file is done in the old file', async () => {
  const changes: [expected: string, work: (file: FileHandle) => Promise<void>][] = [
    ['AB34567890', async (file) => file.write(bytes('AB'), 0)],
    ['12345AB890', async (file) => file.write(bytes('AB'), 5)],
    [
      'AB3456CD90',
      async (file) => {
        await file.write(bytes('AB'), 0)
        await file.write(bytes('CD'), 6)
      },
    ],
    [
      'AB34567890\0\0',
      async (file) => {
        await file.write(bytes('AB'), 0)
        await file.truncate(12)
      },
    ],
  ]
  for (const [expected, work] of changes) {
    await using ada = await stagedAccount()
    const vfs = await ada.session()
    await put(vfs, '/a', '1234567890')
    const file = await vfs.open(p('/a'), UNTRUNCATED)
    await work(file)

    await file.close()

    assert.equal(await onDisk(ada, 'a'), expected)
    await balanced(ada)
  }
})

test('in place: handles of one session share a file as in POSIX', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const reader = await vfs.open(p('/a'), { read: true })
  const writer = await vfs.open(p('/a'), UNTRUNCATED)
  await writer.write(bytes('AB'), 0)

  const into = Buffer.alloc(10)
  await reader.read([into], 0)

  assert.equal(into.toString('latin1'), 'AB34567890')
})

test('in place: an OPEN within the session sees what was written so far', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const writer = await vfs.open(p('/a'), UNTRUNCATED)
  await writer.write(bytes('AB'), 0)
  assert.equal((await vfs.stat(p('/a'))).size, 10)

  const reader = await vfs.open(p('/a'), { read: true })

  const into = Buffer.alloc(10)
  await reader.read([into], 0)
  assert.equal(into.toString('latin1'), 'AB34567890')
})

test('within the session: the name means the staged file', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'old content')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)

  assert.equal((await vfs.stat(p('/a'))).size, 3)
  const again = await vfs.open(p('/a'), { write: true, append: true })
  await again.write(bytes('er'), 0)
  await again.close()
  await vfs.setstat(p('/a'), { mode: 0o600 })
  assert.equal(await onDisk(ada, 'a'), 'old content')
  await vfs.rename(p('/a'), p('/b'), { replace: false })

  assert.equal(await onDisk(ada, 'b'), 'newer')
  await file.write(bytes('!'), 5)
  await file.close()
  assert.equal(await onDisk(ada, 'b'), 'newer!')
  assert.deepEqual(await readdir(ada.home), ['b'])
  await balanced(ada)
})

test('interrupted overwrite: a resume by size onto the old file is refused, with what to do', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await interrupted(vfs, '/a', 'the new one, its beginning')
  const words =
    /^"\/a" still holds the old file; its interrupted replacement cannot be continued by size\. Put it again from the start, or remove it first$/

  await refuses('EBUSY', () => vfs.open(p('/a'), { write: true, append: true }), words)
  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await refuses('EBUSY', () => file.write(bytes(' and more'), 7), words)
  await refuses('EBUSY', () => file.write(bytes(' and yet more'), 20), words)
  await refuses('EBUSY', () => file.setstat({ size: 7 }), words)
  await refuses('EBUSY', () => file.close(), words)

  assert.equal(await onDisk(ada, 'a'), 'the old')
})

test('interrupted overwrite: a new one, or the removal of its name, discards the part', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await interrupted(vfs, '/a', 'part 1')
  await interrupted(vfs, '/a', 'part two')
  assert.deepEqual(
    vfs.shelved().map(({ size }) => size),
    [8],
  )

  await vfs.unlink(p('/a'))

  assert.deepEqual(vfs.shelved(), [])
  assert.deepEqual(await readdir(ada.staging), [])
  await balanced(ada)
})

test('interrupted overwrite: before its first byte it leaves nothing', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')

  const file = await vfs.open(p('/a'), NEW)
  await file.abandon()

  assert.deepEqual(await readdir(ada.staging), [])
  assert.deepEqual(vfs.shelved(), [])
})

test('interrupted overwrite: nothing is cut below what fsync has confirmed', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('xyz'), 8)
  await file.sync()

  await file.abandon()

  assert.equal(vfs.shelved()[0]?.size, 11)
})

test('interrupted overwrite: the end of its session makes it a part', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)

  await vfs[Symbol.asyncDispose]()

  assert.equal(other.shelved()[0]?.size, 3)
  await balanced(ada)
})

test('interrupted overwrite: its part follows the folder that its name is in, and no other', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await vfs.mkdir(p('/d'))
  for (const path of ['/d/a', '/x']) {
    await put(vfs, path, 'the old')
    await interrupted(vfs, path, 'new')
  }

  await vfs.rename(p('/d'), p('/e'), { replace: false })

  assert.deepEqual(
    vfs
      .shelved()
      .map(({ path }) => path)
      .toSorted(),
    ['/e/a', '/x'],
  )
})

test('interrupted overwrite: the OPEN of a new one discards the part', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await interrupted(vfs, '/a', 'part')

  const file = await vfs.open(p('/a'), NEW)

  assert.deepEqual(vfs.shelved(), [])
  await file.close()
})

test('interrupted overwrite: of two of a name the later one is the part', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'the old')
  const files = [await one.open(p('/a'), NEW), await two.open(p('/a'), NEW)]
  await files[0]!.write(bytes('of one'), 0)
  await files[1]!.write(bytes('two'), 0)

  for (const file of files) await file.abandon()

  assert.deepEqual(
    one.shelved().map(({ size }) => size),
    [3],
  )
  await balanced(ada)
})

test('interrupted overwrite: parts are given up, the oldest first, when room is needed', async () => {
  const clock = fakeClock()
  await using ada = await stagedAccount({ bytes: 100, clock })
  const vfs = await ada.session()
  for (const name of ['/a', '/b', '/c']) await put(vfs, name, '12345')
  for (const name of ['/a', '/b', '/c']) {
    await interrupted(vfs, name, 'x'.repeat(20))
    clock.pass(1)
  }
  assert.equal(ada.book.usage.reserved, 60)

  await put(vfs, '/d', 'y'.repeat(50))

  assert.deepEqual(
    vfs.shelved().map(({ path }) => path),
    ['/c'],
  )
  await balanced(ada)
})

test('interrupted overwrite: it is kept only if it fits beside the old file', async () => {
  await using ada = await stagedAccount({ bytes: 15 })
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')

  await interrupted(vfs, '/a', '123456')

  assert.deepEqual(vfs.shelved(), [])
  assert.deepEqual(await readdir(ada.staging), [])
  await balanced(ada)
})

test('interrupted overwrite: its hole is cut off, and it is gone on with at its size', async () => {
  await using ada = await stagedAccount({ keepMs: 0 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one')
  const broken = await vfs.open(p('/a'), NEW)
  await broken.write(bytes('the new'), 0)
  await broken.write(bytes('xx'), 10)
  await broken.abandon()
  await refuses(
    'EINVAL',
    () => vfs.resume(p('/a'), 12),
    /has 11 bytes here and 7 of its interrupted replacement, not 12/,
  )

  const file = await vfs.resume(p('/a'), 7)

  const into = Buffer.alloc(20)
  assert.equal(await file.read([into], 0), 7)
  await file.write(bytes(' one'), 7)
  assert.equal(await onDisk(ada, 'a'), 'the old one')
  await file.close()
  assert.equal(await onDisk(ada, 'a'), 'the new one')
  assert.deepEqual(await readdir(ada.staging), [])
  await balanced(ada)
})

test('interrupted overwrite: a resume that is given up changes nothing', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one')
  await interrupted(vfs, '/a', 'the new')

  const file = await vfs.resume(p('/a'), 7)
  await file.abandon()

  assert.deepEqual(
    vfs.shelved().map(({ kind, size }) => ({ kind, size })),
    [{ kind: 'part', size: 7 }],
  )
  await balanced(ada)
})

test('resume: a complete file that is gone on with is partial from its first byte until it is closed', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the begin')

  const file = await vfs.resume(p('/a'), 9)
  assert.ok(!(await isPartial(vfs, '/a')))
  await file.write(bytes('ning'), 9)
  assert.ok(await isPartial(vfs, '/a'))
  await file.close()

  assert.ok(!(await isPartial(vfs, '/a')))
  assert.equal(await onDisk(ada, 'a'), 'the beginning')
})

test('interrupted overwrite: a folder that is gone at CLOSE keeps the part', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  await vfs.mkdir(p('/d'))
  await put(vfs, '/d/a', 'the old')
  const file = await vfs.open(p('/d/a'), NEW)
  await file.write(bytes('the new'), 0)
  await other.rename(p('/d'), p('/e'), { replace: false })

  await refuses('ENOENT', () => file.close(), /folder .* is gone: what was sent is kept as a part/)

  assert.equal(await onDisk(ada, 'e/a'), 'the old')
  assert.deepEqual(
    vfs.shelved().map(({ kind, size }) => ({ kind, size })),
    [{ kind: 'part', size: 7 }],
  )
  await balanced(ada)
})

test("rclone's REMOVE after a refusal removes the failed upload once, and not the old file", async () => {
  await using ada = await stagedAccount({ bytes: 12 })
  const vfs = await ada.session('192.0.2.1')
  const sameAddress = await ada.session('192.0.2.1')
  const another = await ada.session('192.0.2.2')
  for (const [who, stays] of [
    [vfs, true],
    [sameAddress, true],
    [another, false],
  ] as const) {
    await put(vfs, '/a', '1234567890')
    const file = await vfs.open(p('/a'), NEW)
    await refuses('EDQUOT', () => file.write(bytes('x'.repeat(20)), 0))
    await refuses('EIO', () => file.close())

    await who.unlink(p('/a'))

    assert.equal((await readdir(ada.home)).includes('a'), stays)
    if (stays) await who.unlink(p('/a'))
    assert.deepEqual(await readdir(ada.home), [])
  }
})

test("rclone's REMOVE before the CLOSE of what was refused gives the upload up", async () => {
  await using ada = await stagedAccount({ bytes: 12 })
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  const file = await vfs.open(p('/a'), NEW)
  await refuses('EDQUOT', () => file.write(bytes('x'.repeat(20)), 0))

  await vfs.unlink(p('/a'))

  assert.equal(await onDisk(ada, 'a'), '1234567890')
  await balanced(ada)
})

test('within the session: two requests that commit an overwrite open its file once, and a CLOSE meanwhile closes it', async () => {
  await using ada = await stagedAccount({ durable: 'overwrite' })
  const vfs = await ada.session()
  const fileDescriptors = () => readdirSync('/proc/self/fd').length
  await put(vfs, '/a', '1234567890')
  const before = fileDescriptors()
  for (const again of ['/b', '/a']) {
    const from = again === '/b' ? '/a' : '/b'
    const file = await vfs.open(p(from), NEW)
    await file.write(bytes('abc'), 0)
    const [, , closed] = await Promise.allSettled([
      vfs.rename(p(from), p(again), { replace: true }),
      vfs.rename(p(from), p(again), { replace: true }),
      file.close(),
    ])
    assert.deepEqual(closed, { status: 'fulfilled', value: undefined })
    assert.equal(await onDisk(ada, again.slice(1)), 'abc')
  }

  assert.equal(fileDescriptors(), before)
  await balanced(ada)
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

test('after a kill: new files are partial, holes are cut off, overwrites are parts', async () => {
  await using killed = await stagedAccount()
  const before = await killed.session()
  await put(before, '/whole', 'whole')
  await put(before, '/over', 'the old')
  const fresh = await before.open(p('/fresh'), NEW)
  await fresh.write(bytes('fresh'), 0)
  const holed = await before.open(p('/holed'), NEW)
  await holed.write(bytes('12345'), 0)
  await holed.write(bytes('789'), 6)
  await before.rename(p('/holed'), p('/elsewhere'), { replace: false })
  const filled = await before.open(p('/filled'), NEW)
  await filled.write(bytes('789'), 6)
  await filled.write(bytes('123456'), 0)
  const over = await before.open(p('/over'), NEW)
  await over.write(bytes('the new'), 0)
  await over.write(bytes('xx'), 9)

  await using ada = await stagedAccount({ after: killed })

  const vfs = await ada.session()
  assert.ok(!(await isPartial(vfs, '/whole')))
  for (const name of ['/fresh', '/elsewhere', '/filled']) assert.ok(await isPartial(vfs, name), name)
  assert.equal(await onDisk(ada, 'fresh'), 'fresh')
  assert.equal(await onDisk(ada, 'elsewhere'), '12345')
  assert.equal(await onDisk(ada, 'filled'), '123456789')
  assert.equal(await onDisk(ada, 'over'), 'the old')
  assert.deepEqual(
    vfs.shelved().map(({ kind, path, size }) => ({ kind, path, size })),
    [{ kind: 'part', path: '/over', size: 7 }],
  )
  await balanced(ada)
})

test('after a kill: what was closed is whole', async () => {
  await using killed = await stagedAccount()
  const before = await killed.session()
  const holed = await before.open(p('/a'), NEW)
  await holed.write(bytes('xyz'), 5)
  await holed.close()
  await put(before, '/a', 'a second time')

  await using ada = await stagedAccount({ after: killed })

  const vfs = await ada.session()
  assert.ok(!(await isPartial(vfs, '/a')))
  assert.equal(await onDisk(ada, 'a'), 'a second time')
  assert.deepEqual(
    vfs.shelved().map(({ kind }) => kind),
    ['kept'],
  )
  await balanced(ada)
})

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
