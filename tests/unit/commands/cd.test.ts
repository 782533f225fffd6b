import assert from 'node:assert/strict'
import { test } from 'node:test'
import { virtualPath } from '../../../src/vfs/path.ts'
import { runWords, treeOf } from '../../support/run-words.ts'

test('cd: - is the folder of before, ~ is home', async () => {
  const vfs = treeOf('a/', 'a/b/')
  const back = await runWords('cd -', vfs, { cwd: virtualPath('/a/b'), before: virtualPath('/a') })
  assert.deepEqual([back.cwd, back.out], ['/a', '/a\n'])
  assert.equal((await runWords('cd ~', vfs, { cwd: virtualPath('/a/b') })).cwd, '/')
  const none = await runWords('cd -', vfs)
  assert.deepEqual([none.said, none.status], ['There is no folder of before yet\n', 1])
})
