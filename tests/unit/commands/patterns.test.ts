import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import { expand } from '../../../src/commands/patterns.ts'
import { splitWords } from '../../../src/commands/words.ts'
import { ROOT } from '../../../src/vfs/path.ts'
import type { DirectoryHandle, Entry, Stat } from '../../../src/vfs/vfs.ts'
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
