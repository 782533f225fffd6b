import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
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

test('interrupted overwrite: its part follows a folder that is renamed by a path through links', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  for (const path of ['/real', '/real/d', '/e']) await vfs.mkdir(p(path))
  await vfs.symlink('real', p('/link'))
  // Leads nowhere any more once the folder is renamed.
  await vfs.symlink('real/d/../../e', p('/through'))
  await put(vfs, '/real/d/a', 'the oldest')
  await put(vfs, '/real/d/a', 'the old')
  await interrupted(vfs, '/real/d/a', 'the new one, its beginning')

  await vfs.rename(p('/link/d'), p('/through/d'), { replace: false })

  assert.deepEqual(
    vfs.shelved().map(({ kind, path }) => `${kind} ${path}`),
    ['kept /e/d/a', 'part /e/d/a'],
  )
  await refuses('EBUSY', () => vfs.open(p('/e/d/a'), { write: true, append: true }))
  await vfs.restore(p('/e/d/a'))
  assert.equal(await onDisk(ada, 'e/d/a'), 'the oldest')
})

const aside = (vfs: StagedFileSystem) =>
  vfs
    .shelved()
    .map(({ kind, path, size }) => `${kind} ${path} ${size}`)
    .toSorted()

test('interrupted overwrite: its part and what the file had replaced follow the file that is renamed', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the oldest')
  await put(vfs, '/a', 'the old')
  await interrupted(vfs, '/a', 'new')

  await vfs.rename(p('/a'), p('/b'), { replace: false })
  await put(vfs, '/a', 'another file')

  assert.deepEqual(aside(vfs), ['kept /b 10', 'part /b 3'])
  const file = await vfs.open(p('/a'), { write: true, append: true })
  await file.close()
  await refuses('EBUSY', () => vfs.open(p('/b'), { write: true, append: true }))
  await vfs.restore(p('/b'))
  assert.equal(await onDisk(ada, 'b'), 'the oldest')
  await balanced(ada)
})

test('interrupted overwrite: its part goes when another file takes the name; what was replaced before stays kept', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the oldest')
  await put(vfs, '/a', 'the old')
  await interrupted(vfs, '/a', 'new')
  await put(vfs, '/b', 'another file')

  await vfs.rename(p('/b'), p('/a'), { replace: true })

  assert.deepEqual(aside(vfs), ['kept /a 10'])
  const file = await vfs.open(p('/a'), { write: true, append: true })
  await file.close()
  await balanced(ada)
})

test('interrupted overwrite: of two files with kept ones, that of the file that takes the name stays', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  for (const path of ['/a', '/bb']) for (const text of [path, 'the new']) await put(vfs, path, text)

  await vfs.rename(p('/bb'), p('/a'), { replace: true })

  assert.deepEqual(aside(vfs), ['kept /a 3'])
  await balanced(ada)
})

test('interrupted overwrite: a rename that does nothing, for both names are one file, leaves its part', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await interrupted(vfs, '/a', 'new')
  await vfs.link(p('/a'), p('/b'))

  for (const to of ['/a', '/b']) await vfs.rename(p('/a'), p(to), { replace: true })

  assert.deepEqual(aside(vfs), ['part /a 3'])
})

test('interrupted overwrite: one that another session has under way does not follow the file', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', 'the old')
  const file = await other.open(p('/a'), NEW)
  await file.write(bytes('the new one'), 0)

  await vfs.rename(p('/a'), p('/b'), { replace: false })
  await file.close()

  assert.deepEqual([await onDisk(ada, 'a'), await onDisk(ada, 'b')], ['the new one', 'the old'])
  assert.deepEqual(aside(vfs), [])
  await balanced(ada)
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

test('interrupted overwrite: one that is given up while its CLOSE waits stays a part', async () => {
  await using ada = await stagedAccount({ bytes: 1000 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new one'), 0)
  const counted = Promise.withResolvers<void>()
  ada.book.holdStill(counted.promise)
  const closed = refuses('ECANCELED', () => file.close(), /^"\/a" was not replaced$/)

  await file.abandon()
  counted.resolve()

  await closed
  assert.deepEqual(
    vfs.shelved().map(({ kind, size }) => ({ kind, size })),
    [{ kind: 'part', size: 11 }],
  )
  assert.equal(await onDisk(ada, 'a'), 'the old')
  await balanced(ada)
})

test('interrupted overwrite: a folder that is gone at CLOSE keeps the part', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  await vfs.mkdir(p('/d'))
  await put(vfs, '/d/a', 'the old')
  const file = await vfs.open(p('/d/a'), NEW)
  await file.write(bytes('the new'), 0)
  await other.unlink(p('/d/a'))
  await other.rmdir(p('/d'))

  await refuses(
    'ENOENT',
    () => file.close(),
    /folder .* is gone: .* as a part, make the folder again to go on$/,
  )

  await vfs.mkdir(p('/d'))
  await (await vfs.resume(p('/d/a'), 7)).close()
  assert.equal(await onDisk(ada, 'd/a'), 'the new')
  await balanced(ada)
})

test('interrupted overwrite: its part follows a folder that another session has renamed meanwhile', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  await vfs.mkdir(p('/d'))
  for (const name of ['/d/a', '/d/b']) await put(vfs, name, 'the old')
  const [closed, cut] = [await vfs.open(p('/d/a'), NEW), await vfs.open(p('/d/b'), NEW)]
  for (const file of [closed, cut]) await file.write(bytes('the new'), 0)
  await other.rename(p('/d'), p('/e'), { replace: false })

  await refuses('ENOENT', () => closed.close(), /folder .* is gone: .* kept as a part of "\/e\/a"$/)
  await cut.abandon()

  for (const name of ['e/a', 'e/b']) {
    assert.equal(await onDisk(ada, name), 'the old')
    await (await vfs.resume(p(`/${name}`), 7)).close()
    assert.equal(await onDisk(ada, name), 'the new')
  }
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
    await refuses(
      'EIO',
      () => file.close(),
      /^Not all of "\/a" could be written, the old file is whole: Quota used up: /,
    )

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
  await file.write(bytes('x'.repeat(12)), 0)
  await refuses('EDQUOT', () => file.write(bytes('x'), 12))

  await vfs.unlink(p('/a'))

  assert.equal(await onDisk(ada, 'a'), '1234567890')
  await balanced(ada)
})
