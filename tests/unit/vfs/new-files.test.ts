import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
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

test('new file: is partial until CLOSE, for every session', async () => {
  await using ada = await stagedAccount()
  const [writer, other] = [await ada.session(), await ada.session()]

  const file = await writer.open(p('/a'), NEW)
  await file.write(bytes('12345'), 0)

  assert.ok(await isPartial(other, '/a'))
  await file.close()
  assert.ok(!(await isPartial(other, '/a')))
})

for (const [what, old, flags] of [
  ['a new file', undefined, NEW],
  ['a staged overwrite', 'old', NEW],
  ['a file that is written in place', 'old', { write: true, read: true }],
] as const)
  test(`${what}: nothing, written far out, is nothing`, async () => {
    await using ada = await stagedAccount({ bytes: 1000 })
    const vfs = await ada.session()
    if (old !== undefined) await put(vfs, '/a', old)
    const file = await vfs.open(p('/a'), flags)

    await file.write([], 900)
    await file.write([new Uint8Array(0)], 2 ** 40)
    assert.equal(ada.book.usage.reserved, 0)
    await file.close()

    assert.equal(await onDisk(ada, 'a'), flags === NEW ? '' : 'old')
    await balanced(ada)
    await vfs.unlink(p('/a'))
    await balanced(ada)
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

test('new file: so is that of one whose CLOSE says that a write of it was refused', async () => {
  await using ada = await stagedAccount({ bytes: 100 })
  const vfs = await ada.session()
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('12345'), 0)
  await file.write(bytes('xyz'), 8)
  await refuses('EDQUOT', () => file.write(bytes('more'), 97))

  await refuses('EIO', () => file.close(), /it stays partial/)

  assert.ok(await isPartial(vfs, '/a'))
  assert.equal(await onDisk(ada, 'a'), '12345')
  await balanced(ada)
})

test('new file: what fsync has confirmed may be cut off again by its client, and holes behind that are holes', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('0123456789'), 0)
  await file.sync()
  await file.truncate(3)
  await file.write(bytes('xyz'), 5)

  await file.abandon()

  assert.equal(await onDisk(ada, 'a'), '012')
})

test('new file: a hole stays while another handle of its session may fill it', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const first = await vfs.open(p('/a'), NEW)
  await first.write(bytes('12345'), 0)
  await first.write(bytes('890'), 7)
  const second = await vfs.open(p('/a'), UNTRUNCATED)
  await second.abandon()
  await first.write(bytes('67'), 5)
  await first.close()

  assert.equal(await onDisk(ada, 'a'), '1234567890')
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

test('new file: further out than all bytes can be counted it is too large, also where there is no quota', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'content')
  const file = await vfs.open(p('/b'), NEW)

  await refuses('EFBIG', () => file.write(bytes('x'), Number.MAX_SAFE_INTEGER - 1), /Too large/)
  await refuses('EFBIG', () => file.setstat({ size: Number.MAX_SAFE_INTEGER }), /Too large/)
  await refuses('EFBIG', () => vfs.setstat(p('/a'), { size: Number.MAX_SAFE_INTEGER }), /Too large/)

  await put(vfs, '/c', 'content')
  await file.abandon()
  await balanced(ada)
})

test('new file: further out than all bytes can be counted the quota is used up, where there is one', async () => {
  await using ada = await stagedAccount({ bytes: 100 })
  const vfs = await ada.session()
  const file = await vfs.open(p('/a'), NEW)

  await refuses('EDQUOT', () => file.write(bytes('x'), Number.MAX_SAFE_INTEGER - 1), /^Quota used up/)
  await refuses('EDQUOT', () => file.setstat({ size: Number.MAX_SAFE_INTEGER }), /^Quota used up/)

  await file.abandon()
  await balanced(ada)
})

test('new file: a TRUNC of it by its own session begins it again, its holes too', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  const first = await vfs.open(p('/a'), NEW)
  await first.write(bytes('much that was written'), 0)

  const again = await vfs.open(p('/a'), NEW)
  await again.write(bytes('12'), 0)
  await again.write(bytes('5'), 4)

  assert.equal((await other.stat(p('/a'))).size, 2)
  for (const handle of [first, again]) await handle.abandon()
  assert.equal(await onDisk(ada, 'a'), '12')
  await balanced(ada)
})

test('new file: so is one that was empty, and is written without TRUNC', async () => {
  await using ada = await stagedAccount()
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/a', '')

  const file = await vfs.open(p('/a'), UNTRUNCATED)
  await file.write(bytes('123'), 0)
  await file.write(bytes('xyz'), 6)
  assert.ok(await isPartial(other, '/a'))
  await file.abandon()

  assert.ok(await isPartial(other, '/a'))
  assert.equal(await onDisk(ada, 'a'), '123')
  await balanced(ada)
})

test('new file: one that was empty is shared, as a complete one, by those who read it too or append', async () => {
  await using ada = await stagedAccount()
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', '')

  for (const flags of [
    { ...UNTRUNCATED, read: true },
    { ...UNTRUNCATED, append: true },
  ]) {
    const files = [await one.open(p('/a'), flags), await two.open(p('/a'), flags)]
    for (const file of files) await file.close()
    assert.ok(!(await isPartial(two, '/a')))
  }
})
