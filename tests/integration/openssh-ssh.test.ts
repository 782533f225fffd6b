import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run, succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { noise } from '../support/trees.ts'

const skip = without('ssh', 'ssh-keygen')
const bytes = noise(100_000)
let server: TestServer

before(async () => {
  if (skip) return
  server = await startServer()
  mkdirSync(join(server.home('ada'), 'a folder'), { recursive: true })
  writeFileSync(join(server.home('ada'), 'a folder', 'x.bin'), bytes)
})
after(() => server?.[Symbol.asyncDispose]())

const ssh = (words: string, input: string | Uint8Array = '') =>
  run('ssh', ['-F', server.sshConfig, '-T', 'ftp', words], { input })

test('ssh exec: pwd says the root', { skip }, async () => {
  const { stdout, status } = await ssh('pwd')

  assert.deepEqual([stdout, status], ['/\n', 0])
})

test('ssh exec: ls lists, with quotes as a shell takes them', { skip }, async () => {
  const { stdout, status } = await ssh("ls 'a folder'")

  assert.deepEqual([stdout, status], ['x.bin\n', 0])
})

for (const algorithm of ['md5', 'sha1', 'sha256'] as const) {
  test(`ssh exec: ${algorithm}sum of a file and of stdin`, { skip }, async () => {
    const hash = createHash(algorithm).update(bytes).digest('hex')

    const ofFile = await ssh(`${algorithm}sum 'a folder/x.bin'`)
    const ofInput = await ssh(`${algorithm}sum`, bytes)

    assert.deepEqual([ofFile.stdout, ofFile.status], [`${hash}  a folder/x.bin\n`, 0])
    assert.deepEqual([ofInput.stdout, ofInput.status], [`${hash}  -\n`, 0])
  })
}

test('ssh exec: df shows the space', { skip }, async () => {
  const { stdout, status } = await ssh('df -k')

  assert.equal(status, 0)
  assert.match(stdout, /\d+\s+\d+\s+\d+/)
})

test('ssh exec: an unknown word says so on stderr and ends with 2', { skip }, async () => {
  const { stdout, stderr, status } = await ssh('flubber')

  assert.equal(stdout, '')
  assert.match(stderr, /flubber/)
  assert.equal(status, 2)
})

test('ssh exec: what is not there ends with 1', { skip }, async () => {
  const { stderr, status } = await ssh('ls nothing')

  assert.match(stderr, /nothing/)
  assert.equal(status, 1)
})

test("ssh: a key that is not the account's gets nobody in", { skip }, async () => {
  const stranger = join(server.folder, 'stranger')
  await succeed('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger])
  const args = [
    '-F',
    server.sshConfig,
    '-o',
    `IdentityFile=${stranger}`,
    '-o',
    'BatchMode=yes',
    '-T',
    'ftp',
    'pwd',
  ]
  const config = readFileSync(server.sshConfig, 'utf8').replace(/IdentityFile .*/, `IdentityFile ${stranger}`)
  writeFileSync(join(server.folder, 'stranger_config'), config)
  args[1] = join(server.folder, 'stranger_config')

  const { stdout, status, stderr } = await run('ssh', args)

  assert.equal(status, 255)
  assert.equal(stdout, '')
  assert.match(stderr, /Permission denied/)
})

test('ssh: no forwarding, neither of ports nor of the agent', { skip }, async () => {
  const args = ['-F', server.sshConfig, '-o', 'ExitOnForwardFailure=yes', '-W', '127.0.0.1:1', 'ftp']

  const { status } = await run('ssh', args)

  assert.equal(status, 255)
})
