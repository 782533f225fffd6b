import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Done, run, succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { makeTree, noise, sameFile, sameTree } from '../support/trees.ts'

const skip = without('sftp', 'ssh-keygen')
let server: TestServer
let home: string
let local: string

before(async () => {
  if (skip) return
  server = await startServer()
  home = server.home('ada')
  local = join(server.folder, 'local')
  mkdirSync(local)
  writeFileSync(join(local, 'mid.bin'), noise(3_000_001))
})
after(() => server?.[Symbol.asyncDispose]())

/** A batch of sftp's commands; it stops at the first that fails. */
function sftp(...commands: readonly string[]): Promise<Done> {
  return succeed('sftp', ['-q', '-F', server.sshConfig, '-b', '-', 'ftp'], batch(commands))
}

/** The same, whatever comes of it. */
function tried(...commands: readonly string[]): Promise<Done> {
  return run('sftp', ['-q', '-F', server.sshConfig, '-b', '-', 'ftp'], batch(commands))
}

const batch = (commands: readonly string[]) => ({ input: `${commands.join('\n')}\n`, cwd: local })

test('sftp: put and get give back the same bytes', { skip }, async () => {
  await sftp('put mid.bin up.bin', 'get up.bin down.bin')

  sameFile(join(home, 'up.bin'), join(local, 'mid.bin'))
  sameFile(join(local, 'down.bin'), join(local, 'mid.bin'))
})

test('sftp: a tree goes up and comes down whole, odd names and all', { skip }, async () => {
  const tree = makeTree(join(local, 'tree'))

  await sftp('put -r tree', 'get -r tree back')

  sameTree(join(home, 'tree'), tree)
  sameTree(join(local, 'back'), tree)
})

// OpenSSH's client counts a packet's bytes as blocks: below 512K it renews its keys for every packet of 32 KiB.
test('sftp: goes on through key exchanges that the client starts again and again', { skip }, async () => {
  const words = ['-q', '-F', server.sshConfig, '-o', 'RekeyLimit=500K', '-b', '-', 'ftp']

  await succeed('sftp', words, batch(['put mid.bin rekeyed', 'get rekeyed rekeyed.back']))

  sameFile(join(home, 'rekeyed'), join(local, 'mid.bin'))
  sameFile(join(local, 'rekeyed.back'), join(local, 'mid.bin'))
})

test('sftp: -p keeps mode and time both ways', { skip }, async () => {
  const file = join(local, 'kept')
  writeFileSync(file, 'kept\n')
  chmodSync(file, 0o640)
  utimesSync(file, 1_000_000_007, 1_000_000_007)

  await sftp('put -p kept', 'get -p kept kept.back')

  for (const path of [join(home, 'kept'), join(local, 'kept.back')]) {
    assert.equal(statSync(path).mode & 0o777, 0o640, path)
    assert.equal(Math.floor(statSync(path).mtimeMs / 1000), 1_000_000_007, path)
  }
})

test('sftp: reput goes on where a broken upload ended', { skip }, async () => {
  const whole = readFileSync(join(local, 'mid.bin'))
  writeFileSync(join(local, 'half'), whole.subarray(0, 1_000_003))
  await sftp('put half resumed')

  await sftp('reput mid.bin resumed')

  sameFile(join(home, 'resumed'), join(local, 'mid.bin'))
})

test('sftp: reget goes on where a broken download ended', { skip }, async () => {
  const whole = readFileSync(join(local, 'mid.bin'))
  writeFileSync(join(local, 'part'), whole.subarray(0, 1_000_003))

  await sftp('put mid.bin source', 'reget source part')

  sameFile(join(local, 'part'), join(local, 'mid.bin'))
})

test('sftp: an upload over an existing file replaces it, longer or shorter', { skip }, async () => {
  writeFileSync(join(local, 'short'), 'short\n')

  await sftp('put mid.bin over', 'put short over')
  sameFile(join(home, 'over'), join(local, 'short'))

  await sftp('put mid.bin over')
  sameFile(join(home, 'over'), join(local, 'mid.bin'))
})

test('sftp: ln makes a second name and ln -s a link', { skip }, async () => {
  const { stdout } = await sftp(
    'put mid.bin one',
    'ln one two',
    'ln -s one three',
    'ls -l',
    'get three linked',
  )

  assert.equal(statSync(join(home, 'two')).ino, statSync(join(home, 'one')).ino)
  assert.match(stdout, /^l.* three$/m)
  sameFile(join(local, 'linked'), join(local, 'mid.bin'))
})

test('sftp: df shows sizes', { skip }, async () => {
  const { stdout } = await sftp('df -h')

  assert.match(stdout, /\d+%/)
})

test('sftp: rename goes over what bears the name', { skip }, async () => {
  writeFileSync(join(local, 'old'), 'old\n')

  await sftp('put old target', 'put mid.bin incoming', 'rename incoming target')

  sameFile(join(home, 'target'), join(local, 'mid.bin'))
  assert.equal(existsSync(join(home, 'incoming')), false)
})

test('sftp: the old rename does not go over what bears the name', { skip }, async () => {
  writeFileSync(join(local, 'old'), 'old\n')
  await sftp('put old standing', 'put mid.bin coming')

  const { status } = await tried('rename -l coming standing')

  assert.notEqual(status, 0)
  sameFile(join(home, 'standing'), join(local, 'old'))
})

test('sftp: chmod changes the mode', { skip }, async () => {
  await sftp('put mid.bin moded', 'chmod 604 moded')

  assert.equal(statSync(join(home, 'moded')).mode & 0o777, 0o604)
})

test('sftp: mkdir, cd, pwd, rmdir and rm', { skip }, async () => {
  const { stdout } = await sftp('mkdir d', 'cd d', 'pwd', 'put mid.bin f', 'rm f', 'cd ..', 'rmdir d')

  assert.match(stdout, /: \/d$/m)
  assert.equal(existsSync(join(home, 'd')), false)
})

test('sftp: ls -la lists 10,000 names, each once', { skip }, async () => {
  const many = join(home, 'many')
  mkdirSync(many)
  for (let at = 0; at < 10_000; at++) writeFileSync(join(many, `f${String(at).padStart(5, '0')}`), '')

  const { stdout } = await sftp('ls -la many')

  const names = [...stdout.matchAll(/ (?:many\/)?(f\d{5})$/gm)].map((match) => match[1])
  assert.equal(names.length, 10_000)
  assert.equal(new Set(names).size, 10_000)
})

test('sftp: a file that is not there is said to be so, and the session goes on', { skip }, async () => {
  const { stderr, status } = await tried('-get nothing', 'put mid.bin after')

  assert.match(stderr, /"\/nothing" not found|No such file/)
  assert.equal(status, 0)
  sameFile(join(home, 'after'), join(local, 'mid.bin'))
})

test('sftp: the password does as well as the key', { skip }, async () => {
  const askpass = join(server.folder, 'askpass')
  writeFileSync(askpass, `#!/bin/sh\necho '${server.password}'\n`, { mode: 0o700 })
  const args = [
    '-q',
    '-F',
    server.sshConfig,
    '-o',
    'PubkeyAuthentication=no',
    '-o',
    'BatchMode=no',
    '-b',
    '-',
    'ftp',
  ]
  const env = { ...process.env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' }

  const { stdout } = await succeed('sftp', args, { ...batch(['pwd']), env })

  assert.match(stdout, /: \/$/m)
})
