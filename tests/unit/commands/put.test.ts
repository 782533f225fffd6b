import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import { runWords, treeOf } from '../../support/run-words.ts'
import type { TinyVfs } from '../../support/tiny-vfs.ts'

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

/** What `line` says at a terminal that does not answer, and whether it waited for one. */
async function atTerminal(line: string, vfs: TinyVfs) {
  let waited = false
  const receive = async (): Promise<void> => {
    waited = true
  }
  const { said } = await runWords(line, vfs, { terminal: { send: receive, receive } })
  return [said, waited]
}

test('put at a terminal: a name that is taken is refused at once, but with -f, or to go on with it', async () => {
  const vfs = treeOf('a', 'docs/', 'docs/b')
  const taken = (name: string): string => `"${name}" is there already: replace it by put -f\n`
  assert.deepEqual(await atTerminal('put a', vfs), [taken('/a'), false])
  assert.deepEqual(await atTerminal('put elsewhere/a', vfs), [taken('/a'), false])
  assert.deepEqual(await atTerminal('put b docs', vfs), [taken('/docs/b'), false])
  assert.deepEqual(await atTerminal('put b a', vfs), [taken('/a'), false])
  for (const line of ['put -f a', 'put', 'put b', 'put a docs', 'put b docs/c'])
    assert.deepEqual(await atTerminal(line, vfs), ['', true], line)

  const stat = vfs.stat.bind(vfs)
  vfs.stat = (path, options) => ({ ...stat(path, options), partial: true })
  assert.deepEqual(await atTerminal('put a', vfs), ['', true])
})

test('put at a terminal: who may not write is refused at once, whatever the name', async () => {
  const vfs = Object.assign(treeOf(), {
    mayPut(path: string) {
      throw new OpError('EACCES', `Not allowed to write "${path}"`)
    },
  })
  assert.deepEqual(await atTerminal('put a', vfs), ['Not allowed to write "/a"\n', false])
  assert.deepEqual(await atTerminal('put', vfs), ['Not allowed to write "/"\n', false])
})

test('put at a terminal: where no byte or no file more fits it is refused at once', async () => {
  const vfs = treeOf('a')
  const full = { limit: 5, used: 7, reserved: 1, files: 1, fileLimit: 1 }
  const space = vfs.space()
  vfs.space = () => ({ ...space, usage: full })
  assert.deepEqual(await atTerminal('put b', vfs), ['Quota used up: 8 B of 5 B, 0 B free\n', false])
  vfs.space = () => ({ ...space, usage: { ...full, limit: null } })
  assert.deepEqual(await atTerminal('put b', vfs), ['Quota used up: 1 of 1 files and folders\n', false])
  // It gives its own place back.
  assert.deepEqual(await atTerminal('put -f a', vfs), ['', true])
  // What is set aside may be given up.
  vfs.space = () => ({ ...space, usage: { ...full, used: 4, fileLimit: null } })
  assert.deepEqual(await atTerminal('put b', vfs), ['', true])
})

test('put: one byte is no bytes', async () => {
  const { said } = await runWords('put a --size 1', treeOf(), { input: chunks(2) })
  assert.equal(said, 'More came than the 1 byte that was announced\n')
})
