import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { measure } from '../../src/vfs/measure.ts'
import { run, succeed, without } from '../support/run-client.ts'
import { sftpClient } from '../support/sftp-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { sameFile } from '../support/trees.ts'
import { watchQuota } from '../support/watch-quota.ts'

const MIB = 1024 * 1024
const skip = without('sftp', 'ssh', 'ssh-keygen')
const skipRclone = skip || without('rclone')
let server: TestServer
let local: string

before(async () => {
  if (skip) return
  server = await startServer({ ada: ['--quota', String(4 * MIB)] })
  local = join(server.folder, 'four')
  writeFileSync(local, Buffer.alloc(4 * MIB, 'four'))
})
after(() => server?.[Symbol.asyncDispose]())

const sftp = (...lines: readonly string[]) =>
  run('sftp', ['-F', server.sshConfig, '-b', '-', 'ftp'], { input: `${lines.join('\n')}\n` })

test('quota: the sentence comes once for a file, however many of its writes are refused', {
  skip,
}, async () => {
  const big = join(server.folder, 'sixteen')
  writeFileSync(big, Buffer.alloc(16 * MIB))

  const { status, stderr } = await sftp(`-put ${big} one`, `-put ${big} two`, '-rm one')

  assert.equal(status, 0)
  assert.equal(stderr.match(/Quota used up: /g)?.length, 2, stderr)
  assert.equal((await sftp('-rm two')).status, 0)
})

test('quota: sftp and ssh show the quota as the disk', { skip }, async () => {
  assert.match((await sftp('df')).stdout, /^\s*4096\s+0\s+4096\s+4096\s+0%/m)
  const { stdout } = await succeed('ssh', ['-F', server.sshConfig, '-T', 'ftp', 'df -k'])
  assert.match(stdout, /\s4096\s+0\s+4096\s/)
})

test('quota: rclone shows the quota as the disk', { skip: skipRclone }, async () => {
  const remote = `:sftp,host=127.0.0.1,port=${server.port},user=ada,key_file=${server.key}:`
  const env = { ...process.env, RCLONE_CONFIG: '/dev/null' }

  const { stdout } = await succeed('rclone', ['about', '--json', remote], { env })

  const { total, used, free } = JSON.parse(stdout) as Record<string, number>
  assert.deepEqual([total, used, free], [4 * MIB, 0, 4 * MIB])
})

test('quota: a full account replaces a file by one of its size, and is never above its limit', {
  skip,
}, async () => {
  const other = join(server.folder, 'other')
  writeFileSync(other, Buffer.alloc(4 * MIB, 'other'))
  assert.equal((await sftp(`put ${local} full`)).status, 0)

  const { status, stderr } = await watchQuota(server, 'ada', () => sftp(`put ${other} full`), 4 * MIB)

  assert.equal(status, 0, stderr)
  sameFile(join(server.home('ada'), 'full'), other)
  assert.notEqual((await sftp(`put ${other} next`)).status, 0)
  assert.equal(existsSync(join(server.home('ada'), 'next')), false)
  assert.equal((await sftp('rm full')).status, 0)
})

test('quota: after kill -9 in the middle of everything what is told is what is there', { skip }, async () => {
  using ada = await sftpClient(server)
  const [ghost, hole, plain] = [
    await ada.open('/ghost', 'w'),
    await ada.open('/hole', 'w'),
    await ada.open('/plain', 'w'),
  ]
  await ada.write(ghost, Buffer.alloc(200_000), 0)
  await ada.unlink('/ghost')
  await ada.write(hole, 'x', MIB)
  await ada.write(plain, Buffer.alloc(100_000), 0)
  await ada.mkdir('/folder')
  await ada.put('/replaced', Buffer.alloc(50_000))
  const part = await ada.open('/replaced', 'w')
  await ada.write(part, Buffer.alloc(60_000), 0)

  process.kill(server.pid, 'SIGKILL')
  await ada.closed

  const { stdout } = await server.console(['quota', 'show', 'ada', '--json'])
  const { used, files } = JSON.parse(stdout) as Record<string, number>
  assert.deepEqual({ bytes: used, files }, await measure(server.home('ada')))
  assert.equal(files, 4)
})
