import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import type { CommandContext } from '../../../src/commands/command.ts'
import { languageOf } from '../../../src/commands/language.ts'
import { COMMANDS } from '../../../src/commands/table.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import type { Stat, VirtualPath } from '../../../src/vfs/vfs.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

test('get: a file that is removed while it is looked at is closed', async () => {
  const vfs = new TinyVfs()
  vfs.put('/a', 'what is in it')
  // It is there when it is opened, and gone when its mark is looked for.
  vfs.stat = (path: VirtualPath): Stat => {
    throw new OpError('ENOENT', `There is no "${path}"`, { path })
  }
  const context = {
    account: 'ada',
    vfs,
    cwd: virtualPath('/'),
    write: () => assert.fail('nothing is sent'),
    signal: new AbortController().signal,
    log() {},
  } as unknown as CommandContext

  await assert.rejects(languageOf(COMMANDS).run('get a', context), { code: 'ENOENT' })

  assert.deepEqual(vfs.calls, ['close /a'])
})
