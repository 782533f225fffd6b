import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measure } from '../../../src/vfs/measure.ts'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
import { stagedAccount } from '../../support/staged-account.ts'
import { balanced, bytes, interrupted, NEW, onDisk, p, put, refuses } from '../../support/staged-files.ts'

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
    // What was lent is there for the part.
    assert.deepEqual(
      one.shelved().map(({ kind, size }) => ({ kind, size })),
      [{ kind: 'part', size: 10 }],
    )
    await balanced(ada)
  }
})

test('overwrite: a file that another one replaces while its bytes are lent is not kept, for they are charged once', async () => {
  await using ada = await stagedAccount({ bytes: 30 })
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', '1234567890')
  const file = await one.open(p('/a'), NEW)
  await file.write(bytes('abcdefghij'), 0)

  await put(two, '/a', 'two')

  const { used, reserved } = ada.book.usage
  const [home, aside] = [await measure(ada.home), await measure(ada.staging)]
  assert.equal(used + reserved, home.bytes + aside.bytes)
  await file.close()
  assert.equal(await onDisk(ada, 'a'), 'abcdefghij')
  await balanced(ada)
})

test('overwrite: one that is gone on with is lent the old bytes as one that was not interrupted', async () => {
  await using ada = await stagedAccount({ bytes: 15, keepMs: 0 })
  const vfs = await ada.session()
  await put(vfs, '/a', '1234567890')
  await interrupted(vfs, '/a', 'abcde')

  const file = await vfs.resume(p('/a'), 5)
  await file.write(bytes('fghijklmno'), 5)
  await file.close()

  assert.equal(await onDisk(ada, 'a'), 'abcdefghijklmno')
  await balanced(ada)
})
