import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import { openFolder } from '../../../src/client/local-disk.ts'
import { virtualPath } from '../../../src/vfs/path.ts'

test('local disk: what goes wrong in a folder is told with the name that a person has for it', async (t) => {
  const at = mkdtempSync(join(tmpdir(), 'local-disk-'))
  t.after(() => rmSync(at, { recursive: true }))

  for (const [called, path, name] of [
    ['', '/x', 'x'],
    ['down/', '/a/b', 'down/a/b'],
    ['/usr/', '/x.part', '/usr/x.part'],
  ] as const) {
    await using folder = openFolder(at, called)
    await assert.rejects(
      async () => folder.open(virtualPath(path), { read: true }),
      (error) => isOpError(error, 'ENOENT') && error.message === `No such file or folder: "${name}"`,
    )
  }
  await using tree = openFolder(at, 'tree/')
  await assert.rejects(
    async () => tree.mkdir(virtualPath('/')),
    (error) => isOpError(error, 'EEXIST') && error.message === 'Exists already: "tree"',
  )
})
