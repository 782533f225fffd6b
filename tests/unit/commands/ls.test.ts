import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asJson, timeText } from '../../../src/commands/ls.ts'
import type { Stat } from '../../../src/vfs/vfs.ts'

const stat = (mtime: number): Stat => ({
  kind: 'file',
  size: 1,
  mode: 0o100644,
  uid: 0,
  gid: 0,
  atime: 0,
  mtime,
  nlink: 1,
  dev: 1,
  ino: 1,
})

test('ls: a time that no date can tell is null in JSON, and the bare seconds in a line', () => {
  assert.equal(asJson('f', stat(1_234_567_890)).mtime, '2009-02-13T23:31:30.000Z')
  for (const mtime of [8.64e12 + 1, -9e15, 2 ** 63]) {
    assert.equal(asJson('f', stat(mtime)).mtime, null)
    assert.equal(timeText(mtime), String(mtime))
  }
})
