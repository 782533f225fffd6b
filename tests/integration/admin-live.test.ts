import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import ssh2 from 'ssh2'
import { askServer } from '../../src/control.ts'
import { adminWords } from '../support/admin-words.ts'
import { run, without } from '../support/run-client.ts'
import { sftpClient } from '../support/sftp-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const skip = without('ssh', 'ssh-keygen')
let server: TestServer
before(async () => {
  // Loopback can be banned, as other addresses can.
  if (!skip) server = await startServer({ args: ['--guard-allow', '192.0.2.1'] })
})
after(() => server?.[Symbol.asyncDispose]())

const ssh = (command: string, user = 'grace', ...options: readonly string[]) =>
  run('ssh', ['-F', server.sshConfig, '-o', 'BatchMode=yes', ...options, '-l', user, 'ftp', command])

function audited(): readonly Record<string, unknown>[] {
  const folder = join(server.var, 'audit')
  return readdirSync(folder)
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('log --follow: by ssh it says what happens, as it happens, until the client goes', {
  skip,
}, async () => {
  const words = ['log', '--follow', '-n', '1', '--filter', 'login', '--json']
  const child = spawn('ssh', ['-F', server.sshConfig, '-l', 'grace', 'ftp', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse(String((await lines.next()).value))
  assert.partialDeepStrictEqual(await next(), { event: 'login accepted', account: 'grace' })
  await ssh('pwd', 'nosuch')
  assert.partialDeepStrictEqual(await next(), { event: 'login refused', account: 'nosuch' })
  child.kill()
  await once(child, 'exit')

  // And nothing of it stays.
  while (/exec/.test((await adminWords(server, ['session', 'list', '--json'])).stdout));
})

test('log --follow: with a terminal ^C ends it', { skip }, async () => {
  const child = spawn('ssh', ['-tt', '-F', server.sshConfig, '-l', 'grace', 'ftp', 'log', '-f'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  child.stdin.write('\x03')

  assert.equal((await once(child, 'exit'))[0], 0)
})

test('log --follow: at the console it goes on until the console goes', { skip }, async () => {
  const seen = Promise.withResolvers<string>()
  const following = askServer(server.var, ['log', '--follow', '--filter', 'nobody'], {
    print: seen.resolve,
    complain: seen.reject,
    input: async () => '',
    confirm: async () => undefined,
  })
  await ssh('pwd', 'nobody')
  assert.match(await seen.promise, /login refused .*nobody/)
  void following
})

test('log --follow: an admin who is one no more hears no more, and is told', { skip }, async () => {
  const key = ['--key-line', readFileSync(`${server.key}.pub`, 'utf8').trim()]
  await adminWords(server, ['user', 'add', 'heidi', '--role', 'admin', ...key])
  const child = spawn('ssh', ['-F', server.sshConfig, '-l', 'heidi', 'ftp', 'log', '--follow'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await once(child.stdout, 'data')
  child.stdout.resume()
  // The word that changes it may be in the log itself: then it ends before the login is refused.
  const ended = Promise.all([once(child.stderr, 'data'), once(child, 'exit')])
  await adminWords(server, ['user', 'set', 'heidi', '--networks', '192.0.2.0/24'])
  await ssh('pwd', 'nosuch')

  const [[text], [status]] = await ended
  assert.match(String(text), /"heidi" may not be used from/)
  assert.equal(status, 1)
})

test('audit: who came in and who did not, each one line', { skip }, async () => {
  const before = audited().length
  await ssh('user list')
  const wrong = new ssh2.Client()
  const refused = once(wrong, 'error')
  wrong.connect({ host: server.host, port: server.port, username: 'ada', password: 'not hers' })
  await refused

  assert.partialDeepStrictEqual(audited().slice(before), [
    { event: 'login accepted', account: 'grace', address: '127.0.0.1', method: 'publickey' },
    { event: 'login refused', account: 'ada', address: '127.0.0.1', method: 'password' },
  ])
  assert.equal(audited().length, before + 2)
  assert.doesNotMatch(JSON.stringify(audited()), /not hers/)
})

test('exec: with a terminal there is somebody to be asked, who may say no', { skip }, async () => {
  await adminWords(server, ['user', 'add', 'bob'])
  for (const [key, status, left] of [
    ['n\r', 1, true],
    ['y\r', 0, false],
  ] as const) {
    const child = spawn('ssh', ['-tt', '-F', server.sshConfig, '-l', 'grace', 'ftp', 'user', 'del', 'bob'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (bytes: Buffer) => {
      const asked = said.includes('Delete "bob"')
      said += bytes.toString()
      if (!asked && said.includes('Delete "bob"')) child.stdin.write(key)
    })
    assert.equal((await once(child, 'exit'))[0], status, said)
    assert.equal((await adminWords(server, ['user', 'list'])).stdout.includes('bob'), left)
  }
})

test('ban add: connections from there end, those on their way in come no further, and it says how many', {
  skip,
}, async () => {
  const own = await ssh('ban add 127.0.0.1')
  assert.equal(own.status, 1)
  assert.match(own.stderr, /You come from "127\.0\.0\.1" yourself/)

  using client = await sftpClient(server)
  using other = await sftpClient(server)
  const asked = Promise.withResolvers<(method: ssh2.AuthenticationType) => void>()
  const late = new ssh2.Client()
  late.connect({
    host: server.host,
    port: server.port,
    username: 'ada',
    password: server.password,
    authHandler(left, _partial, next) {
      // The first question has no answer yet that names what is left.
      if (left === null) asked.resolve(next as never)
      else next(false as never)
    },
  })
  const goOn = await asked.promise
  const before = audited().length
  const { stdout } = await adminWords(server, ['ban', 'add', '127.0.0.1'])
  assert.match(stdout, /"127\.0\.0\.1" is banned until .*; 2 connections are ended/)
  await Promise.all([client.closed, other.closed])
  const refused = once(late, 'error')
  goOn('password')
  await refused
  assert.notEqual((await ssh('pwd')).status, 0)
  assert.partialDeepStrictEqual(audited().slice(before), [
    { event: 'ban made', address: '127.0.0.1', ended: 2, by: 'console' },
    { event: 'login refused', account: 'ada' },
  ])

  await adminWords(server, ['ban', 'lift', '127.0.0.1'])
  assert.equal((await ssh('user list')).status, 0)
})

test('SIGTERM ends those who follow the log, at once', { skip }, async () => {
  const child = spawn('ssh', ['-F', server.sshConfig, '-l', 'grace', 'ftp', 'log', '--follow'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(child.stdout, 'data')
  child.stdout.resume()
  const ended = once(child, 'exit')

  assert.equal(await server.stop(), 0)
  await ended
})
