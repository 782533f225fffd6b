import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run, succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { noise, sameFile } from '../support/trees.ts'

const skip = without('curl', 'ssh-keygen')
let server: TestServer
let local: string
let url: string

before(async () => {
  if (skip) return
  server = await startServer()
  local = join(server.folder, 'local')
  mkdirSync(local)
  writeFileSync(join(local, 'mid.bin'), noise(3_000_001))
  url = `sftp://127.0.0.1:${server.port}`
})
after(() => server?.[Symbol.asyncDispose]())

const args = (rest: readonly string[]) => ['-sS', '-k', '-u', `ada:${server.password}`, ...rest]
const curl = (...rest: readonly string[]) => succeed('curl', args(rest), { cwd: local })

test('curl: uploads and downloads the same bytes', { skip }, async () => {
  await curl('-T', 'mid.bin', `${url}/up.bin`)
  await curl('-o', 'down.bin', `${url}/up.bin`)

  sameFile(join(server.home('ada'), 'up.bin'), join(local, 'mid.bin'))
  sameFile(join(local, 'down.bin'), join(local, 'mid.bin'))
})

test('curl: logs in with the key', { skip }, async () => {
  const login = ['-u', 'ada:', '--key', server.key, '--pubkey', `${server.key}.pub`]

  await succeed('curl', ['-sS', '-k', ...login, '-T', 'mid.bin', `${url}/keyed.bin`], { cwd: local })

  sameFile(join(server.home('ada'), 'keyed.bin'), join(local, 'mid.bin'))
})

test('curl: -C - goes on with an upload and with a download', { skip }, async () => {
  writeFileSync(join(server.home('ada'), 'half.bin'), noise(3_000_001).subarray(0, 1_000_003))
  writeFileSync(join(local, 'part.bin'), noise(3_000_001).subarray(0, 777_777))
  await curl('-T', 'mid.bin', `${url}/whole.bin`)

  await curl('-C', '-', '-T', 'mid.bin', `${url}/half.bin`)
  await curl('-C', '-', '-o', 'part.bin', `${url}/whole.bin`)

  sameFile(join(server.home('ada'), 'half.bin'), join(local, 'mid.bin'))
  sameFile(join(local, 'part.bin'), join(local, 'mid.bin'))
})

test('curl: a range is a range', { skip }, async () => {
  await curl('-T', 'mid.bin', `${url}/ranged.bin`)

  const { bytes } = await curl('-r', '100000-299999', `${url}/ranged.bin`)

  assert.ok(bytes.equals(readFileSync(join(local, 'mid.bin')).subarray(100_000, 300_000)))
})

test('curl: lists a folder and makes those on the way', { skip }, async () => {
  await curl('--ftp-create-dirs', '-T', 'mid.bin', `${url}/x/y/z.bin`)

  const { stdout } = await curl(`${url}/x/y/`)

  assert.match(stdout, /^-rw\S+ .* 3000001 .* z\.bin$/m)
})

test('curl: a wrong password is refused', { skip }, async () => {
  const { status } = await run('curl', ['-sS', '-k', '-u', 'ada:wrong', `${url}/`])

  assert.equal(status, 67)
})
