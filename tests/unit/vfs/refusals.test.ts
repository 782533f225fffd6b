import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusals } from '../../../src/vfs/refusals.ts'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { stagedAccount } from '../../support/staged-account.ts'
import { balanced, bytes, NEW, p, put, refuses, UNTRUNCATED } from '../../support/staged-files.ts'

const TEN_MINUTES = 600_000
const words = /^Quota used up: 800 B of 1000 B, 200 B free$/
const again =
  /^Quota used up: 800 B of 1000 B, 200 B free; "\/(new|a)" was refused just now: make room first$/

/** An upload of 1,100 bytes that does not fit: 800 are used, 200 free. */
async function refusedUpload(vfs: StagedFileSystem, path: string): Promise<void> {
  const file = await vfs.open(p(path), NEW)
  await refuses('EDQUOT', () => file.write(bytes('x'.repeat(300)), 0), words)
  await refuses('EIO', () => file.close())
}

test('a file just refused is refused again at OPEN, by every session, until ten minutes have passed', async () => {
  const clock = fakeClock()
  await using ada = await stagedAccount({ bytes: 1000, clock })
  const [vfs, other] = [await ada.session(), await ada.session()]
  await put(vfs, '/most', 'x'.repeat(800))
  await refusedUpload(vfs, '/new')

  for (const flags of [NEW, UNTRUNCATED, { ...UNTRUNCATED, append: true }])
    await refuses('EDQUOT', () => other.open(p('/new'), flags), again)
  await (await other.open(p('/new'), { read: true })).close()
  await put(other, '/another', '')
  clock.pass(TEN_MINUTES - 1)
  await refuses('EDQUOT', () => vfs.open(p('/new'), NEW), again)
  clock.pass(1)

  await refusedUpload(vfs, '/new')
  await balanced(ada)
})

test('a file just refused is let in as soon as more is free than then, and not sooner', async () => {
  await using ada = await stagedAccount({ bytes: 1000, clock: fakeClock() })
  const vfs = await ada.session()
  await put(vfs, '/most', 'x'.repeat(800))
  await refusedUpload(vfs, '/new')
  await put(vfs, '/more', 'x'.repeat(50))

  await vfs.setstat(p('/more'), { size: 0 })
  await refuses('EDQUOT', () => vfs.open(p('/new'), NEW), again)
  await vfs.setstat(p('/most'), { size: 700 })

  await put(vfs, '/new', 'x'.repeat(300))
  await balanced(ada)
})

test('a file just refused is let in when what is only kept could make way', async () => {
  await using ada = await stagedAccount({ bytes: 300, clock: fakeClock() })
  const [one, two, three] = [await ada.session(), await ada.session(), await ada.session()]
  await put(one, '/a', 'x'.repeat(100))
  const [first, second, refused] = [
    await one.open(p('/a'), NEW),
    await two.open(p('/a'), NEW),
    await three.open(p('/a'), NEW),
  ]
  for (const file of [first, second, refused]) await file.write(bytes('y'.repeat(100)), 0)
  await refuses('EDQUOT', () => refused.write(bytes('z'), 100))
  await refuses('EIO', () => refused.close())
  await first.close()
  await second.close()
  assert.deepEqual([ada.book.free, ada.book.usage.reserved], [0, 200])

  await put(three, '/a', 'z'.repeat(100))
  await balanced(ada)
})

test('an overwrite just refused is refused again at OPEN until ten minutes have passed', async () => {
  const clock = fakeClock()
  await using ada = await stagedAccount({ bytes: 1000, keepMs: 0, clock })
  const vfs = await ada.session()
  await put(vfs, '/a', 'x'.repeat(800))
  const file = await vfs.open(p('/a'), NEW)
  await refuses('EDQUOT', () => file.write(bytes('x'.repeat(1100)), 0), words)
  await refuses('EIO', () => file.close())

  await refuses('EDQUOT', () => vfs.open(p('/a'), NEW), again)
  clock.pass(TEN_MINUTES)

  await put(vfs, '/a', 'y'.repeat(1000))
  await balanced(ada)
})

test('a size that was refused is remembered, too', async () => {
  await using ada = await stagedAccount({ bytes: 1000, clock: fakeClock() })
  const vfs = await ada.session()
  await put(vfs, '/most', 'x'.repeat(800))
  await put(vfs, '/a', '')

  await refuses('EDQUOT', () => vfs.setstat(p('/a'), { size: 300 }), words)

  await refuses('EDQUOT', () => vfs.open(p('/a'), UNTRUNCATED), again)
  await balanced(ada)
})

test('when nothing is left no new file is begun, and what is there can be written on', async () => {
  await using ada = await stagedAccount({ bytes: 1000 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'x'.repeat(1000))

  await refuses('EDQUOT', () => vfs.open(p('/new'), NEW), /^Quota used up: 1000 B of 1000 B, 0 B free$/)

  await put(vfs, '/a', 'y'.repeat(1000))
  assert.equal(ada.book.usage.files, 1)
})

test('space: the quota is the disk, less what is used and set aside, whatever is held ahead of need', async () => {
  await using ada = await stagedAccount({ bytes: 64 * 2 ** 20, files: 100, keepMs: 3_600_000 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'x'.repeat(1000))
  await put(vfs, '/a', 'y'.repeat(500))

  const { total, free, files, freeFiles, usage } = await vfs.space(p('/'))

  assert.deepEqual(
    { total, free, files, freeFiles, kept: usage?.reserved },
    { total: 64 * 2 ** 20, free: 64 * 2 ** 20 - 1500, files: 100, freeFiles: 99, kept: 1000 },
  )
})

test("space: the disk's own while there is no quota, and never more than it has", async () => {
  await using free = await stagedAccount()
  await using vast = await stagedAccount({ bytes: 2 ** 52 })
  const [disk, quota] = [
    await (await free.session()).space(p('/')),
    await (await vast.session()).space(p('/')),
  ]

  assert.ok(disk.total > 0 && disk.total < 2 ** 52)
  assert.equal(quota.total, 2 ** 52)
  assert.ok(quota.free <= disk.total)
})

test('refusals: of 10,000 paths at most is known that they were refused, and of those that were refused last', () => {
  const refusals = new Refusals(fakeClock())
  for (let i = 0; i < 10_000; i++) refusals.remember(p(`/${i}`), 0, 'no room')

  refusals.remember(p('/0'), 0, 'no room')
  refusals.remember(p('/another'), 0, 'no room')

  assert.deepEqual(
    ['/0', '/1', '/2', '/another'].filter((path) => refusals.has(p(path))),
    ['/0', '/2', '/another'],
  )
})

test('refusals: a part that is kept, and is no more than was free, makes no attempt harder', async () => {
  const refusals = new Refusals(fakeClock())
  refusals.remember(p('/a'), 50, 'no room')

  refusals.keptPart(p('/a'), 80)

  await refuses('EDQUOT', () => refusals.check(p('/a'), 50), /^no room; "\/a" was refused just now/)
  refusals.check(p('/a'), 60)
  assert.ok(!refusals.has(p('/a')))
})
