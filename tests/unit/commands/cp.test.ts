import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import type { CommandContext } from '../../../src/commands/command.ts'
import { languageOf } from '../../../src/commands/language.ts'
import { COMMANDS } from '../../../src/commands/table.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

test('cp -r: ends where it is cancelled, also among folders alone', async () => {
  const vfs = new TinyVfs()
  for (const path of ['/d', '/d/d', '/d/d/d']) vfs.mkdir(virtualPath(path))
  const cancelled = new AbortController()
  const mkdir = vfs.mkdir.bind(vfs)
  vfs.mkdir = (path) => {
    mkdir(path)
    cancelled.abort()
  }
  const context = { vfs, cwd: virtualPath('/'), signal: cancelled.signal } as unknown as CommandContext

  await assert.rejects(languageOf(COMMANDS).run('cp -r d e', context), (error) =>
    isOpError(error, 'ECANCELED'),
  )

  assert.deepEqual(
    [...vfs.nodes.keys()].filter((path) => path.startsWith('/e')),
    ['/e'],
  )
})
