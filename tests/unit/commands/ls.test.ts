import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import { asJson, timeText } from '../../../src/commands/ls.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import type { Stat } from '../../../src/vfs/vfs.ts'
import { runWords, treeOf } from '../../support/run-words.ts'

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

// Vim asks so for a folder of sftp://ada@host/ and scp://ada@host/, and takes what ends in a slash for a folder.
test('ls: -F marks folders and links without a terminal, too, and with -L a link is what it leads to', async () => {
  const vfs = treeOf('/docs/', '/a', '/.hidden')
  vfs.symlink('docs', virtualPath('/link'))
  vfs.symlink('nowhere', virtualPath('/lost'))

  assert.equal((await runWords('ls', vfs)).out, 'a\ndocs\nlink\nlost\n')
  assert.equal((await runWords('ls -F', vfs)).out, 'a\ndocs/\nlink@\nlost@\n')
  assert.equal((await runWords('ls -FLa', vfs)).out, '.hidden\na\ndocs/\nlink/\nlost@\n')
})

test('ls: -L lists a link that leads through a file, or to where nobody may look, as itself', async () => {
  const vfs = treeOf('/a')
  vfs.symlink('a/b', virtualPath('/none'))
  const look = vfs.stat.bind(vfs)
  vfs.stat = (path, options) => {
    if (path === '/none' && options?.follow !== false) throw new OpError('ENOTDIR', 'Not a folder: "/none"')
    return look(path, options)
  }

  const { out, status } = await runWords('ls -FLa', vfs)

  assert.deepEqual([out, status], ['a\nnone@\n', 0])
})
