import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readersEnvironment } from '../support/reader.ts'
import { succeed, without, withoutPython, withoutSshfs } from '../support/run-client.ts'
import { PROJECT, startServer, type TestServer } from '../support/start-server.ts'
import { sameFile } from '../support/trees.ts'

/** What README.md tells people to type, block by block in its order, against a first start. */
const BLOCKS = [...readFileSync(join(PROJECT, 'README.md'), 'utf8').matchAll(/^```sh run\n(.*?)^```/gms)].map(
  (match) => match[1]!,
)
const PROGRAMS = ['sftp', 'scp', 'ssh', 'lftp', 'rclone', 'curl', 'restic']

let server: TestServer
let folder: string
let env: NodeJS.ProcessEnv

before(async () => {
  if (without('ssh', 'ssh-keygen')) return
  server = await startServer({ demo: true })
  folder = join(server.folder, 'reader')
  mkdirSync(folder)
  cpSync(join(PROJECT, 'README.md'), join(folder, 'README.md'))
  cpSync(join(PROJECT, 'docs'), join(folder, 'docs'), { recursive: true })
  env = readersEnvironment(server)
})
after(async () => {
  // Still there when the block that mounts it failed.
  if (!withoutSshfs()) spawnSync('fusermount3', ['-uzq', join(folder, 'mounted')])
  await server?.[Symbol.asyncDispose]()
})

for (const block of BLOCKS) {
  test(`README: runs as written: ${block.split('\n')[0]}`, { skip: missing(block) }, async () => {
    const script = block.replaceAll('8808', String(server.port))

    await succeed('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, env })
  })
}

test('README: has blocks to run, the first transfer arrives, and restore brings back', {
  skip: without('sftp', 'ssh-keygen'),
}, () => {
  assert.ok(BLOCKS.length >= 8)
  sameFile(join(server.home('zhangsan'), 'README.md'), join(folder, 'README.md'))
  sameFile(join(folder, 'copy-of-README.md'), join(folder, 'README.md'))
  assert.equal(readFileSync(join(server.home('zhangsan'), 'note.txt'), 'latin1'), 'one\n')
})

function missing(block: string): string | false {
  if (/\bparamiko\b/.test(block)) return withoutPython('paramiko')
  if (/\bsshfs\b/.test(block)) return withoutSshfs()
  return without(
    'ssh-keygen',
    ...PROGRAMS.filter((program) => new RegExp(`(^|[ '])${program} `, 'm').test(block)),
  )
}
