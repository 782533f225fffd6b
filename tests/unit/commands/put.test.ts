import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import { runWords, treeOf } from '../../support/run-words.ts'

async function* chunks(...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) yield Buffer.alloc(size, 'x')
}

test('put: what is refused for want of room says how much is still to come, where that is known', async () => {
  const vfs = treeOf()
  vfs.limit = 1000
  const known = await runWords('put a --size 4000', vfs, { input: chunks(600, 600, 2800) })
  assert.equal(
    known.said,
    'Quota used up, no room for "/a"; 3.32 KiB still to come. The 600 bytes that came are kept: with more room go on by put --offset and --md5, or remove them by rm\n',
  )
  assert.equal(known.status, 1)
  assert.equal(vfs.text('/a')?.length, 600)

  const unknown = await runWords('put b', vfs, { input: chunks(300, 300) })
  assert.equal(
    unknown.said,
    'Quota used up, no room for "/b". The 300 bytes that came are kept: with more room go on by put --offset and --md5, or remove them by rm\n',
  )
})

test('put: what is refused before anything came says how much that would be', async () => {
  const vfs = treeOf()
  vfs.open = () => {
    throw new OpError('EDQUOT', 'Quota used up: 2 B of 1 B, 0 B free')
  }
  const { said } = await runWords('put a --size 2048', vfs)
  assert.equal(said, 'Quota used up: 2 B of 1 B, 0 B free; 2 KiB still to come\n')
})

test('put: of a replacement that is refused for want of room rm is not the way', async () => {
  const vfs = treeOf('a')
  vfs.limit = 1000
  const { said } = await runWords('put -f a', vfs, { input: chunks(600, 600) })
  assert.equal(
    said,
    'Quota used up, no room for "/a". The 600 bytes that came are kept: with more room go on by put --offset and --md5\n',
  )
})

test('put: where nothing came nothing is said of what is kept', async () => {
  const vfs = treeOf()
  vfs.limit = 100
  const { said } = await runWords('put a', vfs, { input: chunks(600) })
  assert.equal(said, 'Quota used up, no room for "/a"\n')
})
