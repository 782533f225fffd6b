import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runWords, treeOf } from '../../support/run-words.ts'

for (const line of ['pwd x', 'quota x', 'help help me', 'df / /', 'get m3 m30', 'stat m3 m30', 'cd / /'])
  test(`words: ${line} has too many, and does nothing`, async () => {
    const { out, said, status } = await runWords(line, treeOf('m3', 'm30'))
    assert.deepEqual([out, status], ['', 2])
    assert.match(said, /^Usage: |^Only one file comes this way: /)
  })

test('ls: what is there is listed, what is not is complained of, whatever comes first', async () => {
  const { out, said, status } = await runWords(
    'ls nope doc.txt none docs',
    treeOf('doc.txt', 'docs/', 'docs/b'),
  )
  assert.equal(out, 'doc.txt\n\ndocs:\nb\n')
  assert.equal(said, 'There is no "/nope"\nThere is no "/none"\n')
  assert.equal(status, 1)
})

test('rm: what is there is removed, what is not is complained of, whatever comes first', async () => {
  const vfs = treeOf('doc.txt', 'a', 'docs/', 'docs/b')
  const { said, status } = await runWords('rm nope doc.txt docs none a', vfs)
  assert.equal(
    said,
    'There is no "/nope"\n"docs" is not empty: remove it with all in it by rm -r\nThere is no "/none"\n',
  )
  assert.equal(status, 1)
  assert.deepEqual([...vfs.nodes.keys()], ['/', '/docs', '/docs/b'])
})

test('rm: one that is cancelled goes no further', async () => {
  const vfs = treeOf('a', 'b')
  const over = AbortSignal.abort()
  const { status, said } = await runWords('rm -r a b', vfs, { signal: over })
  assert.deepEqual([status, said], [130, 'Cancelled\n'])
  assert.ok(vfs.nodes.has('/b'))
})

test('cat: those that are there are printed, though one is not', async () => {
  const { out, said, status } = await runWords('cat a nope b', treeOf('a', 'b'))
  assert.deepEqual([out, said, status], ['ab', 'There is no "/nope"\n', 1])
})

test('md5: of several files a line each, with --json one list; of one its first bytes, too', async () => {
  const vfs = treeOf('a.txt', 'b.txt', '5')
  const hash = '0'.repeat(32)
  assert.deepEqual((await runWords('md5 *.txt', vfs)).out, `${hash}  a.txt\n${hash}  b.txt\n`)
  assert.deepEqual((await runWords('md5 a.txt 5', vfs)).out, `${hash}  a.txt\n`)
  assert.deepEqual((await runWords('sha256 a.txt nope b.txt', vfs)).status, 1)
  assert.equal(JSON.parse((await runWords('md5 --json *.txt', vfs)).out).length, 2)
  assert.equal(JSON.parse((await runWords('md5 --json a.txt', vfs)).out).name, 'a.txt')
})

for (const words of ['docs', 'docs docs', 'a'])
  test(`mv: ${words} into itself is one sentence`, async () => {
    const vfs = treeOf('a', 'docs/', 'docs/docs/')
    const [from = '', to = from] = words.split(' ')
    const { said, status } = await runWords(`mv ${from} ${to}`, vfs)
    assert.deepEqual([said, status], [`"/${from}" cannot be moved into itself\n`, 1])
  })
