import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { makeTree, noise, sameTree } from '../support/trees.ts'

const skip = without('restic', 'ssh-keygen')
let server: TestServer
let source: string

before(async () => {
  if (skip) return
  server = await startServer()
  source = makeTree(join(server.folder, 'source'))
  writeFileSync(join(source, 'mid.bin'), noise(3_000_001))
})
after(() => server?.[Symbol.asyncDispose]())

function restic(...args: readonly string[]) {
  const env = {
    ...process.env,
    HOME: server.folder,
    RESTIC_PASSWORD: 'pw',
    RESTIC_CACHE_DIR: join(server.folder, 'cache'),
  }
  const login = ['-q', '-o', `sftp.command=ssh -F ${server.sshConfig} ftp -s sftp`, '-r', 'sftp:ftp:/store']
  return succeed('restic', [...login, ...args], { env, cwd: server.folder })
}

test('restic: init, backup, check, a second backup, prune and restore', { skip }, async () => {
  await restic('init')
  await restic('backup', 'source')
  await restic('check', '--read-data')
  mkdirSync(join(source, 'later'))
  writeFileSync(join(source, 'later/more.bin'), noise(500_000, 9))
  await restic('backup', 'source')
  await restic('forget', '--keep-last', '1', '--prune')
  await restic('check')

  await restic('restore', 'latest', '--target', 'restored')

  sameTree(join(server.folder, 'restored/source'), source)
})
