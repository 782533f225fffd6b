// What somebody makes, changes or removes in a home without the server.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { appendFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { stagedAccount } from '../../support/staged-account.ts'
import { balanced, bytes, interrupted, NEW, p, put, refuses } from '../../support/staged-files.ts'

test("behind the server's back: a file that grew to 64 GiB and is removed makes room for what is there, and no more", async () => {
  await using ada = await stagedAccount({ bytes: 1000 })
  const vfs = await ada.session()
  await put(vfs, '/stays', 'x'.repeat(600))
  await put(vfs, '/grows', 'x'.repeat(100))
  truncateSync(join(ada.home, 'grows'), 64 * 2 ** 30)

  await vfs.unlink(p('/grows'))

  assert.ok(ada.book.usage.used >= 0)
  const file = await vfs.open(p('/next'), NEW)
  await refuses('EDQUOT', () => file.write(bytes('x'.repeat(401)), 0))
  await refuses('EIO', () => file.close())
  await put(vfs, '/fits', 'x'.repeat(400))
  await balanced(ada)
})

test("behind the server's back: what was written, cut and removed there is what the next count finds", async () => {
  await using ada = await stagedAccount({ bytes: 1000 })
  const vfs = await ada.session()
  await put(vfs, '/a', 'x'.repeat(300))
  appendFileSync(join(ada.home, 'a'), 'y'.repeat(500))
  writeFileSync(join(ada.home, 'b'), 'y'.repeat(200))

  await vfs.setstat(p('/a'), { size: 100 })
  await vfs.unlink(p('/b'))
  await put(vfs, '/c', 'x'.repeat(10))

  await balanced(ada)
})

test("behind the server's back: what is lent to an overwrite is charged through a count of the home", async () => {
  await using ada = await stagedAccount({ bytes: 1000 })
  const [one, two] = [await ada.session(), await ada.session()]
  await put(one, '/a', 'x'.repeat(900))
  writeFileSync(join(ada.home, 'b'), Buffer.alloc(5000))
  const file = await one.open(p('/a'), NEW)
  await file.write(bytes('z'.repeat(900)), 0)
  await two.setstat(p('/a'), { size: 0 })

  await two.unlink(p('/b'))

  const other = await two.open(p('/c'), NEW)
  await refuses('EDQUOT', () => other.write(bytes('x'.repeat(101)), 0))
  await refuses('EIO', () => other.close())
  await file.abandon()
  await balanced(ada)
})

test("behind the server's back: an upload that is removed while it is written leaves no mark", async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('some'), 0)
  unlinkSync(join(ada.home, 'a'))

  await file.abandon()
  await vfs[Symbol.asyncDispose]()

  assert.ok(ada.letGo())
  assert.deepEqual(ada.database.prepare('SELECT * FROM partial_file').all(), [])
})

test("behind the server's back: an overwrite whose old file is removed keeps the account here while it is open", async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await interrupted(vfs, '/a', 'the')
  unlinkSync(join(ada.home, 'a'))
  const file = await vfs.resume(p('/a'), 3)

  assert.equal(ada.letGo(), false)

  await file.abandon()
  assert.equal(ada.letGo(), true)
})

test("behind the server's back: a pipe that took the name of a file which is being replaced stays", async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  const file = await vfs.open(p('/a'), NEW)
  await file.write(bytes('new'), 0)
  unlinkSync(join(ada.home, 'a'))
  execFileSync('mkfifo', [join(ada.home, 'a')])

  await refuses('EEXIST', () => file.close(), /^"\/a" is no file now: remove it, then put the file again$/)

  assert.equal((await vfs.stat(p('/a'))).kind, 'other')
})
