import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../../src/base/log.ts'
import { recorded } from '../../../src/shell/recorded.ts'
import { inTurns } from '../../../src/vfs/in-turns.ts'
import { permitted } from '../../../src/vfs/permitted.ts'
import type { VirtualFileSystem } from '../../../src/vfs/vfs.ts'
import { stagedAccount } from '../../support/staged-account.ts'

const parts = { account: 'ada', session: '1', log: silentLog, live: undefined, now: () => 0 }
const rights = { rights: () => assert.fail(), describe: () => '', fresh: {} as never }

test('wrappers: what lies between a tree and a session hands on all that the tree can', async () => {
  await using ada = await stagedAccount()
  const disk = await ada.session()
  const tree: VirtualFileSystem = { ...disk, mayPut() {} }
  const names = (vfs: VirtualFileSystem): (string | symbol)[] =>
    Reflect.ownKeys(vfs).toSorted((a, b) => String(a).localeCompare(String(b)))

  for (const [name, wrapped] of [
    ['in turns', inTurns(tree, () => 0)],
    ['recorded', recorded(tree, parts)],
    ['permitted', permitted(tree, rights)],
  ] as const)
    assert.deepEqual(names(wrapped), names(tree), name)
})
