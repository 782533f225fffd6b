import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { makeTree, noise, sameFile, sameTree } from '../support/trees.ts'

const skip = without('psftp', 'pscp', 'plink', 'ssh-keygen')
let server: TestServer
let local: string
let login: readonly string[]

before(async () => {
  if (skip) return
  server = await startServer()
  local = join(server.folder, 'local')
  mkdirSync(local)
  writeFileSync(join(local, 'mid.bin'), noise(3_000_001))
  const hostKey = join(server.folder, 'hostkeys/ssh_host_ed25519_key.pub')
  const { stdout } = await succeed('ssh-keygen', ['-lf', hostKey])
  const fingerprint = stdout.split(' ')[1]!
  login = ['-batch', '-P', String(server.port), '-l', 'ada', '-pw', server.password, '-hostkey', fingerprint]
})
after(() => server?.[Symbol.asyncDispose]())

const putty = (program: string, args: readonly string[], input = '') =>
  succeed(program, [...login, ...args], { cwd: local, input, env: { ...process.env, HOME: server.folder } })

test('psftp: a file and a tree go up and come down', { skip }, async () => {
  const tree = makeTree(join(local, 'tree'))
  const batch = join(local, 'batch')
  writeFileSync(batch, 'put mid.bin up.bin\nget up.bin down.bin\nput -r tree\nget -r tree back\nquit\n')

  await putty('psftp', ['-b', batch, '127.0.0.1'])

  sameFile(join(server.home('ada'), 'up.bin'), join(local, 'mid.bin'))
  sameFile(join(local, 'down.bin'), join(local, 'mid.bin'))
  sameTree(join(server.home('ada'), 'tree'), tree)
  sameTree(join(local, 'back'), tree)
})

test('psftp: reput goes on where it ended', { skip }, async () => {
  writeFileSync(join(local, 'half'), readFileSync(join(local, 'mid.bin')).subarray(0, 1_000_003))
  const batch = join(local, 'batch2')
  writeFileSync(batch, 'put half resumed\nreput mid.bin resumed\nquit\n')

  await putty('psftp', ['-b', batch, '127.0.0.1'])

  sameFile(join(server.home('ada'), 'resumed'), join(local, 'mid.bin'))
})

for (const way of ['-sftp', '-scp']) {
  test(`pscp ${way}: both ways`, { skip }, async () => {
    await putty('pscp', [way, '-q', 'mid.bin', `127.0.0.1:by${way}.bin`])
    await putty('pscp', [way, '-q', `127.0.0.1:by${way}.bin`, `back${way}.bin`])

    sameFile(join(server.home('ada'), `by${way}.bin`), join(local, 'mid.bin'))
    sameFile(join(local, `back${way}.bin`), join(local, 'mid.bin'))
  })
}

test('plink: runs a word', { skip }, async () => {
  const { stdout } = await putty('plink', ['-ssh', '127.0.0.1', 'pwd'])

  assert.equal(stdout, '/\n')
})
