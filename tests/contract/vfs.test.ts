import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { PRESETS, showRights } from '../../src/accounts/rules.ts'
import { systemClock } from '../../src/base/clock.ts'
import { sqlFresh } from '../../src/store/sql-fresh.ts'
import type { DiskCalls } from '../../src/vfs/disk-calls.ts'
import { Fresh } from '../../src/vfs/fresh.ts'
import { openLocal } from '../../src/vfs/local.ts'
import { memoryFileSystem } from '../../src/vfs/memory.ts'
import type { Paces } from '../../src/vfs/pace.ts'
import { pacedBy } from '../../src/vfs/paced-file.ts'
import { permitted } from '../../src/vfs/permitted.ts'
import type { VirtualFileSystem } from '../../src/vfs/vfs.ts'
import { builtCalls } from '../support/built-calls.ts'
import { slowDisks } from '../support/staged-account.ts'
import { vfsContract } from './vfs.contract.ts'

vfsContract('memory', async () => memoryFileSystem())

vfsContract('local', () => onDisk())

vfsContract('local, on a slow disk', () => onDisk(slowDisks))

vfsContract('local, by calls of the kernel', () => onDisk(undefined, builtCalls()))

async function onDisk(paces?: Paces, calls?: DiskCalls): Promise<VirtualFileSystem> {
  const home = await mkdtemp(join(tmpdir(), 'vfs-'))
  process.umask(0o022)
  const vfs = openLocal(home, Number.POSITIVE_INFINITY, paces && pacedBy(paces), calls)
  return {
    ...vfs,
    async [Symbol.asyncDispose]() {
      await vfs[Symbol.asyncDispose]()
      await rm(home, { recursive: true, force: true })
    },
  }
}

vfsContract('permitted, all rights', async () =>
  permitted(memoryFileSystem(), {
    rights: () => PRESETS.full!,
    describe: showRights,
    fresh: new Fresh('ada', {
      store: sqlFresh(new DatabaseSync(':memory:')),
      clock: systemClock,
      process: 'here',
    }),
  }),
)
