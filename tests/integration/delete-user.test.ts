// An account is deleted wholly or not at all, also where its files cannot be moved; and who is given its name next
// finds nothing of it.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { adminWords } from '../support/admin-words.ts'
import { without } from '../support/run-client.ts'
import { sftpClient } from '../support/sftp-client.ts'
import { startServer } from '../support/start-server.ts'

test('user del: where removed/ cannot be made nothing is deleted, and then all of it', {
  skip: without('ssh-keygen'),
}, async () => {
  await using server = await startServer()
  const words = (...line: readonly string[]) => adminWords(server, line)
  const parsed = async (...line: readonly string[]) =>
    JSON.parse((await words(...line, '--json')).stdout) as Record<string, unknown>
  mkdirSync(server.home('ada'), { recursive: true })
  writeFileSync(join(server.home('ada'), 'letter'), 'dear')
  await words('quota', 'set', 'ada', '1MiB')
  const removed = join(server.var, 'removed')
  writeFileSync(removed, 'no folder')

  const failed = await words('user', 'del', 'ada', '--yes')

  assert.equal(failed.status, 1)
  assert.match(failed.stderr, /^"ada" could not be deleted \(EEXIST\) and is as it was, but its sessions/)
  assert.deepEqual(await parsed('quota', 'show', 'ada'), {
    limit: 1024 ** 2,
    used: 4,
    reserved: 0,
    files: 1,
    fileLimit: null,
  })
  {
    using client = await sftpClient(server)
    const handle = await client.open('/letter', 'r')
    assert.equal(await client.read(handle, 10), 'dear')
  }

  rmSync(removed)
  await words('totp', 'add', 'ada')
  const { files } = await parsed('user', 'del', 'ada', '--yes')

  assert.equal(readFileSync(join(server.var, String(files), 'letter'), 'utf8'), 'dear')
  assert.equal(existsSync(server.home('ada')), false)
  await words('user', 'add', 'ada')
  assert.deepEqual(readdirSync(server.home('ada')), [])
  assert.deepEqual(await parsed('totp', 'show', 'ada'), { name: 'ada', totp: false })
  const usage = await parsed('quota', 'show', 'ada')
  assert.deepEqual([usage.limit, usage.used, usage.files], [null, 0, 0])
})
