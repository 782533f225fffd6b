import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import type { FileHandle } from '../../../src/vfs/vfs.ts'
import { stagedAccount } from '../../support/staged-account.ts'
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

test('within the session: the name means the staged file', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'old content')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)

  assert.equal((await vfs.stat(p('/a'))).size, 3)
  const again = await vfs.open(p('/a'), { write: true, append: true })
  await again.write(bytes('er'), 0)
  await vfs.setstat(p('/a'), { mode: 0o600 })
  assert.equal(await onDisk(ada, 'a'), 'old content')
  await again.close()
  await vfs.rename(p('/a'), p('/b'), { replace: false })

  assert.equal(await onDisk(ada, 'b'), 'newer')
  await file.write(bytes('!'), 5)
  await file.close()
  assert.equal(await onDisk(ada, 'b'), 'newer!')
  assert.deepEqual(await readdir(ada.home), ['b'])
  await balanced(ada)
})

test('within the session: two requests that commit an overwrite open its file once, and a CLOSE meanwhile closes it', async () => {
  await using ada = await stagedAccount({ durable: 'overwrite' })
  const vfs = await ada.session()
  const open = (): number => openUnder(ada.folder)
  await put(vfs, '/a', '1234567890')
  const before = open()
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

  assert.equal(open(), before)
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
  assert.equal(await onDisk(ada, 'a'), 'the old')
  await again.close()
  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'x')
})

for (const durable of ['never', 'overwrite'] as const) {
  test(`within the session: what a CLOSE has said is done waits for no other handle (durable: ${durable})`, async () => {
    await using ada = await stagedAccount({ durable })
    const vfs = await ada.session()
    const before = openUnder(ada.folder)
    const again: Readonly<Record<string, (file: FileHandle) => unknown>> = {
      truncated: () => {},
      written: (file) => file.write(bytes('x'), 0),
      'cut by its size': (file) => file.setstat({ size: 1 }),
    }
    for (const [how, change] of Object.entries(again)) {
      await put(vfs, `/${how}`, 'the old')
      const left = await vfs.open(p(`/${how}`), NEW)
      await left.write(bytes('xyz'), 0)

      const file = await vfs.open(p(`/${how}`), how === 'truncated' ? NEW : { write: true })
      await change(file)
      await file.close()

      assert.equal(await onDisk(ada, how), { truncated: '', written: 'xyz' }[how] ?? 'x')
      await left.abandon()
    }
    assert.equal(openUnder(ada.folder), before)
    await balanced(ada)
  })
}

test('within the session: the CLOSE of a handle by which nothing was changed commits nothing', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the n'), 0)

  for (const flags of [{ read: true }, { write: true }, { read: true, write: true, append: true }]) {
    const other = await vfs.open(p('/a'), flags)
    await other.setstat({ mode: 0o600 })
    await other.close()
  }

  assert.equal(await onDisk(ada, 'a'), 'the old')
  await file.close()
})

test('within the session: the CLOSE of any handle says that a WRITE was refused, and nothing is replaced', async () => {
  await using ada = await stagedAccount({ bytes: 20 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const first = await vfs.open(p('/a'), NEW)
  const second = await vfs.open(p('/a'), { write: true })
  await refuses('EDQUOT', () => second.write(bytes('far too much for such a quota'), 0))

  await refuses('EIO', () => second.close())
  await refuses('EIO', () => first.close())

  assert.equal(await onDisk(ada, 'a'), 'the old')
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

// What broke off behind a rename was shown as a whole file.
test('within the session: what a rename has committed is partial until its CLOSE', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  for (const [name, flags] of [
    ['/a', NEW],
    ['/scp', UNTRUNCATED],
  ] as const) {
    await put(vfs, name, 'the old')
    const [cut, whole] = [await vfs.open(p(name), flags), `${name}2`]
    await cut.write(bytes('the new one, its'), 0)
    await vfs.rename(p(name), p('/b'), { replace: true })
    assert.ok(await isPartial(other, '/b'))
    await cut.abandon()
    assert.ok(await isPartial(other, '/b'))

    await put(vfs, whole, 'the old')
    const closed = await vfs.open(p(whole), flags)
    await closed.write(bytes('the new'), 0)
    await vfs.rename(p(whole), p('/c'), { replace: true })
    await closed.close()
    assert.ok(!(await isPartial(other, '/c')))
  }
  await balanced(ada)
})

test('within the session: a link to what is staged stays a link, and what is done to it is done to the link', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await vfs.symlink('a', p('/link'))
  const file = await vfs.open(p('/link'), NEW)
  await file.write(bytes('the new one'), 0)

  assert.equal((await vfs.stat(p('/link'), { follow: false })).kind, 'symlink')
  assert.equal((await vfs.stat(p('/link'))).size, 11)
  await vfs.setstat(p('/link'), { mtime: 1_000_000_000, atime: 1 }, { follow: false })

  await file.close()
  assert.equal((await vfs.stat(p('/link'), { follow: false })).mtime, 1_000_000_000)
  assert.notEqual((await vfs.stat(p('/a'))).mtime, 1_000_000_000)
  assert.equal(await onDisk(ada, 'a'), 'the new one')
})

test('within the session: an overwrite is no reason why a link in a circle cannot be seen, replaced or removed', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await put(vfs, '/b', 'another')
  for (const name of ['/x', '/y', '/z']) await vfs.symlink(name.slice(1), p(name))
  const file = await vfs.open(p('/a'), NEW)

  assert.equal((await vfs.stat(p('/x'), { follow: false })).kind, 'symlink')
  await refuses('EEXIST', () => vfs.open(p('/x'), { ...NEW, exclusive: true }))
  await vfs.rename(p('/b'), p('/x'), { replace: true })
  await vfs.rename(p('/y'), p('/w'), { replace: false })
  await vfs.unlink(p('/z'))

  assert.deepEqual((await readdir(ada.home)).sort(), ['a', 'w', 'x'])
  await file.close()
})

test('within the session: EXCL finds what is staged there already, and a handle to read does not write', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('the new'), 0)

  await refuses('EEXIST', () => vfs.open(p('/a'), { write: true, create: true, exclusive: true }))
  const reader = await vfs.open(p('/a'), { read: true })
  await refuses('EBADF', () => reader.write(bytes('x'), 0))
  await refuses('EBADF', () => reader.truncate(0))

  await file.close()
  assert.equal(await onDisk(ada, 'a'), 'the new')
})

for (const durable of ['never', 'overwrite'] as const) {
  test(`within the session: the CLOSE of one handle commits, and the others go on with the file (durable: ${durable})`, async () => {
    await using ada = await stagedAccount({ durable })
    const vfs = await ada.session()
    const open = (): number => openUnder(ada.folder)
    await put(vfs, '/a', 'the old')
    const before = open()
    const first = await vfs.open(p('/a'), NEW)
    const second = await vfs.open(p('/a'), { read: true, write: true })
    const reader = await vfs.open(p('/a'), { read: true })
    await first.write(bytes('the new'), 0)

    await first.close()
    assert.equal(await onDisk(ada, 'a'), 'the new')
    await second.write(bytes(' one'), 7)
    const into = Buffer.alloc(20)
    assert.equal(await reader.read([into], 0), 11)
    assert.equal(into.toString('latin1', 0, 11), 'the new one')

    await reader.close()
    await second.close()
    await refuses('EBADF', () => second.write(bytes('x'), 0))
    assert.equal(open(), before)
    await balanced(ada)
  })
}

test('within the session: of several handles one appends alone, also after a rename has committed', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const appender = await vfs.open(p('/a'), { ...NEW, append: true })
  await appender.write(bytes('123'), 77)
  const writer = await vfs.open(p('/a'), { write: true })

  await writer.write(bytes('AB'), 0)
  await appender.write(bytes('4'), 0)
  await vfs.rename(p('/a'), p('/b'), { replace: false })
  await appender.write(bytes('5'), 0)
  await appender.write(bytes('6'), 0)
  await writer.write(bytes('C'), 2)

  await writer.close()
  await appender.close()
  assert.equal(await onDisk(ada, 'b'), 'ABC456')
  await balanced(ada)
})

test('within the session: a TRUNC of what the session is writing in place is in place: both handles mean one file', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one')
  const first = await vfs.open(p('/a'), { read: true, write: true })
  await first.write(bytes('THE'), 0)

  const second = await vfs.open(p('/a'), NEW)
  await second.write(bytes('new'), 0)
  await second.close()
  await first.write(bytes('er'), 3)
  await first.close()

  assert.equal(await onDisk(ada, 'a'), 'newer')
  const third = await vfs.open(p('/a'), NEW)
  assert.equal(await onDisk(ada, 'a'), 'newer')
  await third.close()
  await balanced(ada)
})

test('within the session: RENAME of a folder commits what is staged in it first, and the handle goes on with the file there', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await vfs.mkdir(p('/d'))
  await vfs.mkdir(p('/other'))
  for (const path of ['/d/a', '/d/b', '/other/a']) await put(vfs, path, 'the old one')
  const staged = await vfs.open(p('/d/a'), NEW)
  await staged.write(bytes('the new'), 0)
  const undecided = await vfs.open(p('/d/b'), UNTRUNCATED)
  await undecided.write(bytes('THE'), 0)
  const elsewhere = await vfs.open(p('/other/a'), NEW)

  await vfs.rename(p('/d'), p('/e'), { replace: false })

  await staged.write(bytes('!'), 7)
  await undecided.write(bytes('!'), 3)
  for (const file of [staged, undecided]) await file.close()
  assert.equal(await onDisk(ada, 'e/a'), 'the new!')
  assert.equal(await onDisk(ada, 'e/b'), 'THE!old one')
  assert.equal(await onDisk(ada, 'other/a'), 'the old one')
  await elsewhere.close()
  await balanced(ada)
})

test('within the session: what a rename has committed and a handle goes on with is not taken from it by a TRUNC', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one')
  const first = await vfs.open(p('/a'), NEW)
  await first.write(bytes('the new'), 0)
  await vfs.rename(p('/a'), p('/b'), { replace: false })

  const second = await vfs.open(p('/b'), NEW)
  await first.write(bytes('er'), 3)
  await second.write(bytes('NEW'), 0)
  await second.close()
  await first.close()

  assert.equal(await onDisk(ada, 'b'), 'NEWer')
  await balanced(ada)
})

for (const flags of [NEW, UNTRUNCATED]) {
  test(`within the session: what a rename could not commit is no success at CLOSE (${flags.truncate ? 'TRUNC' : 'plain scp'})`, async () => {
    await using ada = await stagedAccount({ bytes: 20 })
    const vfs = await ada.session()
    await put(vfs, '/a', 'the old one')
    const file = await vfs.open(p('/a'), flags)
    await file.write(bytes('the new one, '), 0)
    await refuses('EDQUOT', () => file.write(bytes('which does not fit'), 13))

    await refuses('EIO', () => vfs.rename(p('/a'), p('/b'), { replace: true }))

    await refuses('EIO', () => file.close())
    assert.equal(await onDisk(ada, 'a'), 'the old one')
    await balanced(ada)
  })
}

test('within the session: a listing tells of what is staged what a STAT does, and others see the old file', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const other = await ada.session()
  await vfs.mkdir(p('/f'))
  await put(vfs, '/f/a', 'the old')
  await put(vfs, '/f/b', 'beside it')
  await vfs.symlink('f', p('/link'))
  const file = await vfs.open(p('/f/a'), NEW)
  await file.write(bytes('new'), 0)

  const sizes = async (tree: typeof vfs, path: string) => {
    const folder = await tree.openDirectory(p(path))
    const entries = await folder.read(10)
    await folder.close()
    return Object.fromEntries(entries.map(({ name, stat }) => [name, stat.size]))
  }
  assert.deepEqual(await sizes(vfs, '/f'), { a: 3, b: 9 })
  assert.deepEqual(await sizes(vfs, '/link'), { a: 3, b: 9 })
  assert.deepEqual(await sizes(other, '/f'), { a: 7, b: 9 })
  await file.close()
})

test('within the session: a handle to write does not read what is staged', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const first = await vfs.open(p('/a'), NEW)
  await first.write(bytes('new'), 0)
  const place = Buffer.alloc(3)

  for (const flags of [{ write: true }, { write: true, append: true }]) {
    const again = await vfs.open(p('/a'), flags)
    await refuses('EBADF', () => again.read([place], 0))
    assert.equal(again.descriptor?.(), undefined, 'it could be hashed')
    await again.close()
  }
  await refuses('EBADF', () => first.read([place], 0))
  assert.equal(first.descriptor?.(), undefined, 'it could be hashed')
  const both = await vfs.open(p('/a'), { read: true, write: true })
  assert.equal(await both.read([place], 0), 3)
  assert.equal(place.toString(), 'new')
  await both.close()
  await first.close()
})
