import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runWords, treeOf } from '../../support/run-words.ts'

for (const line of ['rm -r /', 'rm -rf /docs/../', 'rm -rf .', 'rm -rf docs/..'])
  test(`rm: ${line} removes nothing, and says how to`, async () => {
    const vfs = treeOf('a', 'docs/', 'docs/b')
    const { said, status } = await runWords(line, vfs)
    assert.equal(status, 1)
    assert.equal(said, '"/" is never removed: what is in it goes by rm -r /*\n')
    assert.equal(vfs.text('/docs/b'), 'docs/b')
    assert.equal(vfs.text('/a'), 'a')
  })

test('rm: rm -r /* removes what is in the root', async () => {
  const vfs = treeOf('a', 'docs/', 'docs/b')
  assert.equal((await runWords('rm -r /*', vfs)).status, 0)
  assert.deepEqual([...vfs.nodes.keys()], ['/'])
})
