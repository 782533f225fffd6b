import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import { expand } from '../../../src/commands/patterns.ts'
import { splitWords } from '../../../src/commands/words.ts'
import { ROOT, virtualPath } from '../../../src/vfs/path.ts'
import type { DirectoryHandle, Entry, Stat } from '../../../src/vfs/vfs.ts'
import { runWords } from '../../support/run-words.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

/** A tree whose every folder has `width` files in it. */
function wide(width: number): TinyVfs & { listed: number } {
  const vfs = Object.assign(new TinyVfs(), { listed: 0 })
  const stat = { kind: 'file', size: 0, mode: 0o644, mtime: 0 } as Stat
  vfs.openDirectory = (): DirectoryHandle => {
    let left = width
    return {
      async read(count) {
        const entries: Entry[] = []
        for (; left > 0 && entries.length < count; left--) entries.push({ name: `${left}.txt`, stat })
        vfs.listed += entries.length
        return entries
      },
      close: async () => {},
    }
  }
  return vfs
}

const word = (text: string) => splitWords(text)[0]!

test('patterns: what more than 100,000 names fit is refused, and no more are listed than that', async () => {
  const vfs = wide(1_000_000)

  await assert.rejects(
    async () => expand(word('*.txt'), { vfs, cwd: ROOT }),
    (error) => isOpError(error, 'EINVAL') && /^More than 100000 names fit "\*\.txt"$/.test(error.message),
  )
  assert.ok(vfs.listed < 101_000, `${vfs.listed} names were listed`)
})

test('patterns: folders of many names in folders of many names are refused before all are looked into', async () => {
  const vfs = wide(5_000)

  await assert.rejects(
    async () => expand(word('*/*'), { vfs, cwd: ROOT }),
    (error) => isOpError(error, 'EINVAL'),
  )
  assert.ok(vfs.listed < 120_000, `${vfs.listed} names were listed`)
})

// Sixteen thousand fit into a line.
test('patterns: those of one command find 100,000 names together at most', async () => {
  const vfs = wide(40_000)

  const { said, status } = await runWords('md5 * a *.txt *', vfs)

  assert.deepEqual([said, status], ['More than 100000 names fit "*" and the patterns before it\n', 1])
  assert.ok(vfs.listed < 121_000, `${vfs.listed} names were listed`)
})

test('patterns: a wrong option is told before a folder is listed, and what was found is none', async () => {
  const vfs = wide(1)

  assert.match((await runWords('ls --nothing *', vfs)).said, /^Unknown option '--nothing'/)
  assert.equal(vfs.listed, 0)
  assert.match((await runWords('rm -r -- -*', vfs)).said, /"\/-\*"/)
  assert.match((await runWords('rm -*', vfs)).said, /"\/-\*"/)
})

test('patterns: a bracket that nothing closes stands for itself', async () => {
  const names = ['[[[', '[[', 'a[', 'b']
  const vfs = new TinyVfs()
  for (const name of names) vfs.put(virtualPath(name), '')

  const found = async (text: string) => expand(word(text), { vfs, cwd: ROOT })

  assert.deepEqual(await found('[*'), ['[[', '[[['])
  assert.deepEqual(await found('?['), ['[[', 'a['])
  assert.deepEqual(await found('[ab]*['), ['a['])
  assert.deepEqual(await found('[]*'), ['[]*'])
})
