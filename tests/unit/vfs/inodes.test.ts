import assert from 'node:assert/strict'
import { test } from 'node:test'
import { giveDown, Inodes, inLane } from '../../../src/vfs/inodes.ts'
import type { Stat } from '../../../src/vfs/vfs.ts'
import { stagedAccount } from '../../support/staged-account.ts'

/** A file of 100 bytes, open twice. */
function openTwice() {
  const inodes = new Inodes()
  const stat = { dev: 1, ino: 2, size: 100 } as Stat
  const inode = inodes.enter(stat)
  assert.equal(inodes.enter(stat), inode)
  return { inodes, stat, inode }
}

test('an inode: is one for all its handles, and forgotten with the last', () => {
  const { inodes, stat, inode } = openTwice()

  assert.equal(inodes.leave(stat, inode), false)
  assert.equal(inodes.find(stat), inode)
  assert.equal(inodes.leave(stat, inode), true)

  assert.equal(inodes.find(stat), undefined)
})

test('an inode that was ended: its number may be another file, which the old handles leave alone', () => {
  const { inodes, stat, inode } = openTwice()
  let ended = 0
  for (let handle = 0; handle < 2; handle++) inode.ends.add(() => ended++ || undefined)

  inodes.end(stat, inode)

  assert.equal(ended, 2)
  assert.equal(inodes.find(stat), undefined)
  const other = inodes.enter({ ...stat, size: 7 })
  assert.equal(other.size, 7)
  inodes.leave(stat, inode)
  assert.equal(inodes.leave(stat, inode), true)
  assert.equal(inodes.find(stat), other)
})

test('an inode that was ended: what is cut off it later was given back already', async () => {
  await using ada = await stagedAccount({ bytes: 1000 })
  const { inodes, stat, inode } = openTwice()
  ada.book.take(300, '/a')
  inode.lent = { bytes: 100, there: () => 0 }

  ada.book.give(100)
  inodes.end(stat, inode)
  giveDown(inode, 0, ada.book)

  assert.equal(ada.book.usage.used, 200)
  assert.equal(inodes.unseenBytes, 0)
})

test('what no scan finds: the bytes of removed files, and lent ones that were cut off', () => {
  const inodes = new Inodes()
  const open = (ino: number) => inodes.enter({ dev: 1, ino, size: 100 } as Stat)
  open(1)
  open(2).unlinked = true
  open(3).lent = { bytes: 100, there: () => 30 }
  open(4).lent = { bytes: 100, there: () => 130 }

  assert.equal(inodes.unseenBytes, 100 + 70)
})

test('a lane: goes on after a change that failed, and is free after the last', async () => {
  const { inode } = openTwice()
  const first = Promise.withResolvers<void>()
  const second = Promise.withResolvers<void>()
  const done: string[] = []

  const failing = inLane(inode, () => first.promise)
  const next = inLane(inode, async () => {
    done.push('second begun')
    await second.promise
  })
  first.reject(new Error('the disk'))
  await assert.rejects(async () => failing, /the disk/)
  while (done.length === 0) await new Promise<void>((resolve) => setImmediate(resolve))
  const last = inLane(inode, () => void done.push('last'))
  assert.deepEqual(done, ['second begun'])
  second.resolve()
  await Promise.all([next, last])

  assert.deepEqual(done, ['second begun', 'last'])
  await new Promise<void>((resolve) => setImmediate(resolve))
  assert.equal(inode.last, undefined)
})
