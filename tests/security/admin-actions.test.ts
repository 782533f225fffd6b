// Mallory has an account of an ordinary user, and wants to be an admin: to register accounts, to read what others
// store, to end their sessions, to stop the server.
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { adminWords } from '../support/admin-words.ts'
import { type Done, run, without } from '../support/run-client.ts'
import { sftpClient } from '../support/sftp-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const skip = without('ssh', 'ssh-keygen')
let server: TestServer
before(async () => {
  if (skip) return
  server = await startServer()
  const key = ['--key-line', readFileSync(`${server.key}.pub`, 'utf8').trim()]
  for (const name of ['mallory', 'console']) await adminWords(server, ['user', 'add', name, ...key])
})
after(() => server?.[Symbol.asyncDispose]())

const ssh = (
  command: readonly string[],
  { user = 'mallory', options = [] as readonly string[], input = '' } = {},
): Promise<Done> =>
  run('ssh', ['-F', server.sshConfig, '-o', 'BatchMode=yes', '-l', user, ...options, 'ftp', ...command], {
    input,
  })

async function stored(): Promise<unknown> {
  const lists = await Promise.all(
    [
      ['user', 'list', '--json'],
      ['ban', 'list', '--json'],
    ].map((words) => adminWords(server, words)),
  )
  return lists.map(({ stdout }) => JSON.parse(stdout))
}

/** Every word of the admin, with what would do harm. */
const WORDS = [
  'user add evil --role admin',
  'user del ada --yes',
  'user list',
  'user show ada',
  'user set mallory --role admin',
  'user passwd admin --password-stdin',
  'user disable grace',
  'user enable mallory',
  'key add admin',
  'key list admin',
  'key del ada ada',
  'quota set mallory none',
  'session list',
  'session end 1',
  'ban add 192.0.2.1',
  'ban list',
  'ban lift 192.0.2.1',
  'log',
  'server status',
  'server drain',
  'totp del grace',
]

test("the admin's words by exec are words of a user to mallory, which there are not", { skip }, async () => {
  const before = await stored()
  for (const user of ['mallory', 'console']) {
    for (const word of WORDS) {
      const done = await ssh([word], { user, input: 'a long password\n' })
      assert.doesNotMatch(done.stdout, /grace|admin/, word)
      // `quota` is a word of users too, and shows them their own.
      if (word.startsWith('quota')) continue
      assert.equal(done.status, 2, `${word}: ${done.stdout}`)
      assert.match(done.stderr, /[Uu]nknown command|Usage/, word)
    }
  }

  assert.deepEqual(await stored(), before)
})

test('a shell, with a terminal and without, is no menu for mallory', { skip }, async () => {
  const lines = `${WORDS.join('\n')}\n`
  const piped = await ssh([], { input: lines })
  const typed = await ssh([], { options: ['-tt'], input: `user list\rserver drain\rbye\r` })

  for (const { stdout } of [piped, typed])
    assert.doesNotMatch(stdout, /Register user|What do you want to do|grace/)
  assert.notEqual(piped.status, 0)
})

test('what the client says of itself makes nobody an admin', { skip }, async () => {
  for (const options of [
    ['-o', 'SetEnv=MINIFTP_ROLE=admin', '-o', 'SetEnv=SSH_ORIGINAL_COMMAND=user list'],
    ['-s'],
  ]) {
    const done = await ssh(options[0] === '-s' ? ['admin'] : ['user list'], { options })
    assert.notEqual(done.status, 0)
    assert.doesNotMatch(done.stdout, /grace/)
  }
})

test('by SFTP mallory finds neither database, control socket, audit nor keys of the server', {
  skip,
}, async () => {
  using client = await sftpClient(server, 'mallory')
  for (const name of [
    'control.sock',
    'lock',
    'data/miniftp.sqlite',
    'audit',
    'log',
    'home/ada',
    'hostkeys',
  ]) {
    for (const path of [`/../${name}`, `/../../${name}`, `/../../var/${name}`, join(server.var, name)])
      await assert.rejects(client.stat(path), /No such file/, path)
  }
  assert.equal(statSync(join(server.var, 'control.sock')).mode & 0o777, 0o600)
})

test('an admin whose role is taken away is logged out, and what it does with the next login is what a user may', {
  skip,
}, async () => {
  const key = ['--key-line', readFileSync(`${server.key}.pub`, 'utf8').trim()]
  await adminWords(server, ['user', 'add', 'heidi', '--role', 'admin', '--home', 'yes', ...key])
  using client = await sftpClient(server, 'heidi')
  assert.equal((await ssh(['user list'], { user: 'heidi' })).status, 0)
  await adminWords(server, ['user', 'set', 'heidi', '--role', 'user'])

  await client.closed
  assert.equal((await ssh(['user list'], { user: 'heidi' })).status, 2)
})

test('the server is as it was', { skip }, async () => {
  assert.equal((await ssh(['user list'], { user: 'grace' })).status, 0)
})
