import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Done, run, without } from '../support/run-client.ts'
import { PROJECT, startServer, type TestServer } from '../support/start-server.ts'

const skip = without('ssh', 'ssh-keygen')
const PROGRAM = join(PROJECT, 'bin/miniftpd.mjs')
type Say = (words: string, input?: string) => Promise<Done>

let server: TestServer
let bare: string
let withServer: Say
let withoutServer: Say

before(async () => {
  if (skip) return
  server = await startServer({ args: ['--default-quota', '5MiB'] })
  withServer = (words, input = '') => server.console(words.split(' '), input)
  bare = mkdtempSync(join(tmpdir(), 'console-'))
  const env = {
    ...process.env,
    MINIFTP_VAR: join(bare, 'var'),
    MINIFTP_ADMIN_PASSWORD: 'nobody knows this',
    MINIFTP_DEFAULT_QUOTA: '5MiB',
  }
  withoutServer = (words, input = '') =>
    run(process.execPath, [PROGRAM, ...words.split(' ')], { env, cwd: bare, input })
})
after(async () => {
  await server?.[Symbol.asyncDispose]()
  if (bare) rmSync(bare, { recursive: true, force: true })
})

const good = (done: Done): Done => {
  assert.equal(done.status, 0, done.stderr)
  return done
}
const json = (done: Done): unknown => JSON.parse(good(done).stdout)

const WAYS: readonly (readonly [way: string, say: Say])[] = [
  ['with a running server', (words, input) => withServer(words, input)],
  ['without one', (words, input) => withoutServer(words, input)],
]

for (const [way, say] of WAYS) {
  test(`console ${way}: adds, shows, changes and removes an account`, { skip }, async () => {
    good(await say('user add eve --quota 10GiB --files 7 --password-stdin', 'a long password\n'))
    assert.deepEqual(json(await say('quota show eve --json')), {
      limit: 10 * 1024 ** 3,
      used: 0,
      reserved: 0,
      files: 0,
      fileLimit: 7,
    })

    good(await say('quota set eve none'))
    assert.equal((json(await say('quota show eve --json')) as { limit: unknown }).limit, null)
    const list = json(await say('user list --json')) as Record<string, unknown>[]
    const [eve] = list.filter(({ name }) => name === 'eve')
    assert.deepEqual([eve?.role, eve?.hasPassword], ['user', true])
    assert.doesNotMatch(JSON.stringify(list), /argon2/)

    good(await say('user del eve --yes'))
    const gone = await say('user show eve')
    assert.deepEqual([gone.status, gone.stdout], [1, ''])
    assert.match(gone.stderr, /^miniftpd: There is no account "eve"/)
  })

  test(`console ${way}: without --quota the default holds; who has no way in is told so, and takes a key from stdin`, {
    skip,
  }, async () => {
    const { stdout } = good(await say('user add kim'))
    assert.match(stdout, /Nobody can log in as "kim" yet: .*user passwd kim.*key add kim/)
    assert.equal((json(await say('quota show kim --json')) as { limit: unknown }).limit, 5 * 1024 ** 2)

    good(await say('key add kim', readFileSync(`${server.key}.pub`, 'utf8')))
    const [key] = json(await say('key list kim --json')) as { type: string; fingerprint: string }[]
    assert.equal(key?.type, 'ssh-ed25519')
    assert.match(key?.fingerprint ?? '', /^SHA256:/)
  })
}

test('console: words that are off end with 2, and do nothing', { skip }, async () => {
  good(await withServer('user add lee --quota none'))
  const asked = await withServer('user del lee')
  assert.equal(asked.status, 2)
  assert.match(asked.stderr, /--yes/)
  for (const words of ['frobnicate', 'user add max --colour red', 'user lst']) {
    const done = await withServer(words)
    assert.deepEqual([done.status, done.stdout], [2, ''], words)
  }

  assert.equal((json(await withServer('quota show lee --json')) as { limit: unknown }).limit, null)
  assert.equal((await withServer('user show max')).status, 1)
})

test('console: where there are no accounts only user add makes some, and says where', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'console-new-'))
  try {
    const env = { ...process.env, MINIFTP_VAR: 'var' }
    const say = (words: string) =>
      run(process.execPath, [PROGRAM, ...words.split(' ')], { env, cwd: folder, input: 'a long password' })

    const help = await say('help')
    const off = await say('user lst')
    const others = await Promise.all(['user list', 'user passwd admin --password-stdin'].map(say))
    const made = readdirSync(folder)
    const added = await say('user add ada')

    assert.deepEqual([help.status, off.status], [0, 2])
    for (const { status, stderr } of others) {
      assert.equal(status, 1)
      assert.match(stderr, /^miniftpd: ".*\/console-new-.*\/var" has no accounts yet: .*MINIFTP_VAR/)
    }
    assert.deepEqual(made, [])
    assert.equal(added.status, 0)
    assert.match(added.stderr, /^miniftpd: "ada" begins the accounts of ".*\/console-new-.*\/var"$/m)
    assert.equal((await say('user add bob')).stderr, '')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('console: what it does is live in the server at once', { skip }, async () => {
  const ssh = () => run('ssh', ['-F', server.sshConfig, '-T', 'ftp', 'pwd'])
  assert.equal((await ssh()).stdout, '/\n')

  good(await withServer('user disable ada'))
  assert.equal((await ssh()).status, 255)
  good(await withServer('user enable ada'))

  assert.equal((await ssh()).stdout, '/\n')
})

test("console: a deleted account's files are moved to removed/, and its name is free", { skip }, async () => {
  good(await withServer('user add tim'))
  writeFileSync(join(server.home('tim'), 'thesis'), 'years of work')

  good(await withServer('user del tim --yes'))

  assert.equal(existsSync(server.home('tim')), false)
  const kept = readdirSync(join(server.var, 'removed')).filter((name) => name.startsWith('tim-'))
  assert.equal(readFileSync(join(server.var, 'removed', kept[0]!, 'thesis'), 'utf8'), 'years of work')
  good(await withServer('user add tim'))
  assert.deepEqual(readdirSync(server.home('tim')), [])
})

test('console: leaves no lock, and two at once wait or say who is in the way', { skip }, async () => {
  const all = await Promise.all(['user list', 'user list', 'user list'].map((words) => withoutServer(words)))

  for (const done of all) {
    if (done.status !== 0)
      assert.match(done.stderr, /^miniftpd: Another server \(process \d+\) uses ".*var": /)
  }
  assert.ok(all.some(({ status }) => status === 0))
  assert.deepEqual(
    readdirSync(join(bare, 'var')).filter((name) => /lock|sock/.test(name)),
    [],
  )
})

test('console: a reader that has heard enough ends it without a word', { skip }, async () => {
  const env = { ...process.env, MINIFTP_VAR: server.var }
  const line = `"${process.execPath}" "${PROGRAM}" help | true; exit "\${PIPESTATUS[0]}"`
  const { status, stderr } = await run('bash', ['-c', line], { env, cwd: bare })

  assert.deepEqual([status, stderr], [141, ''])
})

test('console: a private key as --key is told by its sentence', { skip }, async () => {
  const { status, stderr } = await withServer(`key add ada --key ${server.key}`)

  assert.deepEqual([status, stderr.split(':', 2)[1]], [2, ' That is a private key'])
})

test('console: the socket is for its owner, and rubbish on it harms nobody', { skip }, async () => {
  const path = join(server.var, 'control.sock')
  assert.equal(statSync(path).mode & 0o777, 0o600)

  for (const rubbish of [
    'not json\n',
    '[]\n',
    '{"words":5}\n',
    '{"words":[null]}\n',
    'null\n',
    '{}\n',
    '\xff\n',
  ]) {
    const socket = connect(path)
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.end(Buffer.from(rubbish, 'latin1'))
    socket.resume()
    await closed
  }

  good(await withServer('user list'))
  assert.doesNotMatch(server.said(), /^error:/m)
})
