import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { remoteFileSystem } from '../../src/client/remote-vfs.ts'
import { openSession } from '../../src/client/sftp-session.ts'
import { sftp } from '../../src/sftpd/subsystem.ts'
import { openLocal } from '../../src/vfs/local.ts'
import { dialPorch } from '../support/dial-porch.ts'
import { startPorch } from '../support/start-porch.ts'
import { vfsContract } from './vfs.contract.ts'

let home = ''
const porch = await startPorch(sftp({ open: () => openLocal(home) }))
const dialed = { fast: await dialPorch(porch.port), plain: await dialPorch(porch.port, 'plain') }
after(async () => {
  dialed.fast.cut()
  dialed.plain.cut()
  await porch[Symbol.asyncDispose]()
})

for (const path of ['fast', 'plain'] as const)
  vfsContract(
    `remote over the ${path} path`,
    async () => {
      home = await mkdtemp(join(tmpdir(), 'remote-vfs-'))
      process.umask(0o022)
      const vfs = remoteFileSystem(await openSession(dialed[path]))
      return {
        ...vfs,
        async [Symbol.asyncDispose]() {
          await vfs[Symbol.asyncDispose]()
          await rm(home, { recursive: true, force: true })
        },
      }
    },
    { inodes: false },
  )
