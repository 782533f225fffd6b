import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WORDS } from '../../src/admin/words.ts'
import { adminWords, type Said } from '../support/admin-words.ts'
import { type Done, run, without } from '../support/run-client.ts'
import { sftpClient } from '../support/sftp-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const skip = without('ssh', 'ssh-keygen')
const SECRET = 'a secret nobody should read'
let server: TestServer
let key: string
before(async () => {
  if (skip) return
  server = await startServer()
  key = readFileSync(`${server.key}.pub`, 'utf8').trim()
})
after(() => server?.[Symbol.asyncDispose]())

interface Row {
  readonly words: readonly string[]
  readonly input?: string
  readonly status?: number
  /** Of what is said without --json. */
  readonly says?: RegExp
  readonly complains?: RegExp
  /** What the answer to the same with --json must have; the row runs with it when this is there. */
  readonly json?: (value: never) => unknown
  /** What the audit's one line must have; none: there must be no line. */
  readonly audit?: Readonly<Record<string, unknown>>
}

const text = (...words: readonly string[]) => words.flatMap((word) => word.split(' '))

/** What was made here and must be nowhere. */
const secrets = [SECRET]
/** Words that have a test of their own: below, and restart with several processes in workers.test.ts. */
const ELSEWHERE = ['session end', 'server drain', 'server restart']

/** In this order: each row finds what those before it left. */
const ROWS: readonly Row[] = [
  {
    words: text('user add bob'),
    says: /registered as user\nNobody can log in/,
    audit: { event: 'account added', account: 'bob' },
  },
  { words: text('user add bob'), status: 1, complains: /There is an account "bob" already/ },
  { words: text('user add Bob!'), status: 2, complains: /cannot be an account's name/ },
  { words: text('user add'), status: 2, complains: /Usage: user add NAME/ },
  { words: text('user add x --rights everything'), status: 2, complains: /use full, read-only, drop-box/ },
  { words: text('user add x --role king'), status: 2, complains: /not a role/ },
  { words: text('user add x --password hunter2'), status: 2, complains: /never taken from the command line/ },
  { words: text('user add x --password-stdin'), input: 'short', status: 1, complains: /too short/ },
  { words: text('user add x --password-stdin'), input: '', status: 1, complains: /no password in the input/ },
  { words: text('user add x --quota lots'), status: 2, complains: /is not a size/ },
  { words: text('user add x --colour red'), status: 2, complains: /Unknown option.*Usage/ },
  {
    words: text(
      'user add carol --quota 10GiB --files 100 --password-stdin --rights drop-box --expires 2090-01-31 --networks 10.0.0.0/8,::1 --sessions 3 --rate-up 1MiB --json',
    ),
    input: `${SECRET}\n`,
    json: (value: {
      rights: { list: boolean }
      networks: unknown
      sessions: number
      hasPassword: boolean
      password?: unknown
    }) => {
      assert.equal(value.rights.list, false)
      assert.deepEqual(value.networks, ['10.0.0.0/8', '::1'])
      assert.equal(value.sessions, 3)
      assert.equal(value.hasPassword, true)
      assert.equal(value.password, undefined)
    },
    audit: { event: 'account added', account: 'carol' },
  },
  { words: text('user list'), says: /NAME +ROLE.*\n(.*\n)*bob +user +active/ },
  {
    words: text('user list --json'),
    json: (value: { name: string }[]) => assert.ok(value.some(({ name }) => name === 'carol')),
  },
  {
    words: text('user show carol'),
    says: /rights +drop-box\nquota +0 B used of 10 GiB\nfiles +0 of 100\npassword +set\nexpires +2090-01-31 23:59:59 UTC\nnetworks +10\.0\.0\.0\/8, ::1\nsessions +3 at once\nbandwidth +up 1 MiB\/s, down no cap/,
  },
  { words: text('user show nobody'), status: 1, complains: /There is no account "nobody"/ },
  { words: text('user set carol'), status: 2, complains: /Nothing to change/ },
  {
    words: text('user set carol --rights read,list'),
    says: /is changed/,
    audit: { event: 'account changed', what: 'rights' },
  },
  { words: text('user set carol --networks 10.0.0.0/33'), status: 2, complains: /is not a network/ },
  { words: text('user set carol --expires yesterday'), status: 2, complains: /is not a date/ },
  { words: text('user set carol --sessions 0'), status: 2, complains: /At least 1 session/ },
  { words: text('user set carol --rate-down 10'), status: 2, complains: /at least 1 KiB/ },
  { words: text('user set carol --home maybe'), status: 2, complains: /neither yes nor no/ },
  {
    words: text('user set carol --overwrite in-place --rate-down 2MiB --json'),
    json: (value: { rate: unknown }) => assert.deepEqual(value.rate, { up: 1024 ** 2, down: 2 * 1024 ** 2 }),
    audit: { event: 'account changed', account: 'carol' },
  },
  { words: text('user set grace --role user'), status: 0, says: /changed/, audit: { what: 'role' } },
  { words: text('user set admin --role user'), status: 1, complains: /is the last admin/ },
  { words: text('user del admin --yes'), status: 1, complains: /is the last admin/ },
  { words: text('user disable admin'), status: 1, complains: /is the last admin/ },
  {
    words: text('user set grace --role admin --home yes'),
    says: /changed/,
    audit: { event: 'account changed' },
  },
  {
    words: text('user passwd bob --password-stdin'),
    input: `${SECRET}\n`,
    says: /is set/,
    audit: { what: 'password' },
  },
  {
    words: text('user passwd nobody --password-stdin'),
    input: SECRET,
    status: 1,
    complains: /There is no account/,
  },
  {
    words: text('user disable bob'),
    says: /"bob" is disabled/,
    audit: { before: { disabled: false }, after: { disabled: true } },
  },
  {
    words: text('user enable bob --json'),
    json: (value: { disabled: boolean }) => assert.equal(value.disabled, false),
    audit: { before: { disabled: true }, after: { disabled: false } },
  },
  { words: text('key add bob'), input: 'rubbish', status: 1, complains: /public key/ },
  { words: text('key add bob'), input: '', status: 1, complains: /no key in the input/ },
  {
    words: text('key add bob --json'),
    input: 'KEY',
    json: (value: { fingerprint: string }[]) => assert.match(value[0]!.fingerprint, /^SHA256:/),
    audit: { what: 'key added' },
  },
  { words: text('key list bob'), says: /^SHA256:\S+ ssh-ed25519 ada\n$/ },
  { words: text('key list bob --json'), json: (value: unknown[]) => assert.equal(value.length, 1) },
  { words: text('key del bob SHA256:none'), status: 1, complains: /has no key/ },
  {
    words: text('key del bob ada'),
    says: /can no longer log in with SHA256:/,
    audit: { what: 'key removed' },
  },
  { words: text('totp show bob'), says: /logs in without a code/ },
  { words: text('totp del bob'), status: 1, complains: /has no one-time codes/ },
  {
    words: text('totp add bob --json'),
    json: ({ secret, recovery }: { secret: string; recovery: string[] }) => {
      assert.match(secret, /^[A-Z2-7]{32}$/)
      assert.equal(recovery.length, 8)
      secrets.push(secret, ...recovery)
    },
    audit: { what: 'one-time codes', before: { codes: false }, after: { codes: true } },
  },
  { words: text('totp add bob'), status: 1, complains: /has codes already/ },
  {
    words: text('totp show bob --json'),
    json: (value: unknown) => assert.deepEqual(value, { name: 'bob', totp: true }),
  },
  {
    words: text('totp del bob'),
    says: /"bob" logs in without a code/,
    audit: { what: 'one-time codes', before: { codes: true }, after: { codes: false } },
  },
  {
    words: text('quota set bob 1MiB --files 5'),
    says: /may use 1 MiB, and uses 0 B/,
    audit: {
      event: 'quota changed',
      before: { quota: { bytes: null, files: null } },
      after: { quota: { bytes: 1024 ** 2, files: 5 } },
    },
  },
  { words: text('quota set bob none'), says: /any number of bytes/, audit: { event: 'quota changed' } },
  { words: text('quota set bob'), status: 2, complains: /Usage: quota set/ },
  { words: text('quota set bob much'), status: 2, complains: /is not a size/ },
  {
    words: text('quota show bob --json'),
    json: (value: unknown) =>
      assert.deepEqual(value, { limit: null, used: 0, reserved: 0, files: 0, fileLimit: 5 }),
  },
  { words: text('quota show bob'), says: /0 B used, 0 B reserved, of no limit; 0 files and folders, of 5/ },
  { words: text('session list --json'), json: (value: unknown) => assert.ok(Array.isArray(value)) },
  { words: text('session end 999'), status: 1, complains: /There is no session/ },
  {
    words: text('ban add 192.0.2.7 --for 2h --json'),
    json: (value: { address: string; until: string }) => assert.ok(Date.parse(value.until) > Date.now()),
    audit: { event: 'ban made', address: '192.0.2.7' },
  },
  { words: text('ban add 127.0.0.1'), status: 1, complains: /is one of guard-allow/ },
  { words: text('ban add nowhere'), status: 2, complains: /is not an address/ },
  { words: text('ban add 192.0.2.8 --for ever'), status: 2, complains: /is not a time/ },
  { words: text('ban list'), says: /ADDRESS .*\n192\.0\.2\.7 .*by console/ },
  {
    words: text('ban list --json'),
    json: (value: { address: string }[]) => assert.equal(value[0]!.address, '192.0.2.7'),
  },
  { words: text('ban lift 192.0.2.7'), says: /may connect again/, audit: { event: 'ban lifted' } },
  { words: text('ban lift 192.0.2.7'), status: 1, complains: /is not banned/ },
  { words: text('log -n 3'), says: /^(\S+ .*\n){1,3}$/ },
  { words: text('log -n 1 --json'), json: (value: { at: string }) => assert.ok(value.at) },
  { words: text('log -n many'), status: 2, complains: /is not a number/ },
  { words: text('server status'), says: /version +\d.*\n(.*\n)*disk .*\n(.*\n)*accounts +\d/ },
  {
    words: text('server status --json'),
    json: (value: { quota: { accounts: number } }) => assert.ok(value.quota.accounts >= 4),
  },
  { words: text('server restart'), status: 1, complains: /One process serves alone \(workers = 1\)/ },
  { words: text('user del bob'), status: 2, complains: /Nobody is there to be asked: say --yes/ },
  {
    words: text('user del bob --yes --json'),
    json: (value: { name: string; files: string }) => assert.match(value.files, /^removed\/bob-/),
    audit: { event: 'account deleted', account: 'bob' },
  },
  { words: text('user del bob --yes'), status: 1, complains: /There is no account/ },
  { words: text('user sho carol'), status: 2, complains: /did you mean "user show"/ },
  { words: text('help'), says: /Commands:/ },
  { words: [], says: /Commands:/ },
]

function auditLines(at = server): readonly Record<string, unknown>[] {
  const folder = join(at.var, 'audit')
  return readdirSync(folder)
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** What admins did, without who came in to do it. */
const deeds = (at = server) => auditLines(at).filter(({ event }) => !String(event).startsWith('login '))

test('words: none is left out of the tests', () => {
  const done = ROWS.filter(({ status = 0 }) => status === 0).map(({ words }) => words.join(' '))
  const missed = Object.keys(WORDS).filter((name) => !done.some((line) => `${line} `.startsWith(`${name} `)))
  assert.deepEqual(missed, ELSEWHERE)
})

test('words: every word, what it says, its exit status, its --json, and its one line in the audit', {
  skip,
}, async () => {
  for (const { words, input, status = 0, says, complains, json, audit } of ROWS) {
    const about = words.join(' ')
    const before = deeds().length
    const said: Said = await adminWords(server, words, input === 'KEY' ? key : input)
    const lines = deeds().slice(before)

    assert.equal(said.status, status, `${about}\n${said.stdout}${said.stderr}`)
    if (says) assert.match(said.stdout, says, about)
    if (complains) assert.match(said.stderr, complains, about)
    if (status !== 0) assert.equal(said.stdout, '', about)
    if (json) json(JSON.parse(said.stdout) as never)
    assert.equal(lines.length, audit === undefined ? 0 : 1, `${about}: ${JSON.stringify(lines)}`)
    if (audit !== undefined) {
      assert.partialDeepStrictEqual(lines[0], { by: 'console', from: 'console', ...audit }, about)
      assert.ok(Date.parse(String(lines[0]!.at)) > 0)
    }
  }
})

test('words: no secret is in the audit, the log or an answer', { skip }, async () => {
  const { stdout } = await adminWords(server, ['user', 'show', 'carol', '--json'])
  const places = [
    stdout,
    JSON.stringify(auditLines()),
    ...readdirSync(join(server.var, 'log')).map((file) =>
      readFileSync(join(server.var, 'log', file), 'utf8'),
    ),
  ]

  for (const place of places) {
    for (const secret of secrets) assert.ok(!place.includes(secret))
    assert.doesNotMatch(place, /argon2|\$v=19/)
    assert.ok(!place.includes(key.split(' ')[1]!))
  }
})

const ssh = (command: string, input = '', user = 'grace'): Promise<Done> =>
  run('ssh', ['-F', server.sshConfig, '-o', 'BatchMode=yes', '-l', user, 'ftp', command], { input })

test('words: by ssh they are the same, and the audit says who and from where', { skip }, async () => {
  const before = deeds().length
  const added = await ssh('user add dora --password-stdin --json', `${SECRET}\n`)
  const wrong = await ssh('user ad dora')
  const refused = await ssh("user add 'two words'")
  const log = await ssh('log -n 5 --json')
  const deleted = await ssh('user del dora --yes')

  assert.equal(added.status, 0, added.stderr)
  assert.equal(JSON.parse(added.stdout).name, 'dora')
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /did you mean "user add"/)
  assert.equal(refused.status, 2)
  for (const line of log.stdout.trim().split('\n')) JSON.parse(line)
  assert.equal(deleted.status, 0)
  const lines = deeds().slice(before)
  assert.deepEqual(
    lines.map(({ event, by, from, account }) => [event, by, from, account]),
    [
      ['account added', 'grace', '127.0.0.1', 'dora'],
      ['account deleted', 'grace', '127.0.0.1', 'dora'],
    ],
  )
})

test('words: an error by --json is JSON, by ssh and by the console', { skip }, async () => {
  const all = await Promise.all([
    ssh('user show nobody --json'),
    ssh("user show 'not closed --json"),
    server.console(['user', 'show', 'nobody', '--json']),
  ])

  assert.deepEqual(
    all.map(({ status, stdout, stderr }) => [status, stdout, JSON.parse(stderr).code]),
    [
      [1, '', 'ENOENT'],
      [2, '', 'EUSAGE'],
      [1, '', 'ENOENT'],
    ],
  )
})

test('words: sessions show who is here and what moves, escaped, and are ended', { skip }, async () => {
  using client = await sftpClient(server)
  const handle = await client.open('/evil\x1b[2J\nname', 'w')
  await client.write(handle, 'four', 0)

  const people = await ssh('session list')
  const scripts = JSON.parse((await ssh('session list --json')).stdout)

  const row = scripts.find(({ account }: { account: string }) => account === 'ada')
  assert.deepEqual(
    row.transfers.map(({ path, written }: { path: string; written: number }) => [path, written]),
    [['/evil\x1b[2J\nname', 4]],
  )
  assert.match(people.stdout, /ada +127\.0\.0\.1 +subsystem sftp .*up \/evil\\u\{1b\}\[2J\\nname 4 B/)
  assert.doesNotMatch(people.stdout, /\x1b/)
  const before = deeds().length
  const ended = await ssh(`session end ${row.id}`)
  assert.equal(ended.status, 0, ended.stderr)
  await client.closed
  assert.partialDeepStrictEqual(deeds().slice(before), [
    { event: 'session ended', account: 'ada', address: '127.0.0.1', by: 'grace' },
  ])
})

test('words: an admin has no files until it is given a home', { skip }, async () => {
  const key = ['--key-line', readFileSync(`${server.key}.pub`, 'utf8').trim()]
  await adminWords(server, ['user', 'add', 'heidi', '--role', 'admin', ...key])
  const sftp = () =>
    run('sftp', ['-F', server.sshConfig, '-o', 'BatchMode=yes', '-o', 'User=heidi', '-b', '-', 'ftp'], {
      input: 'pwd\n',
    })

  const without = await sftp()
  await adminWords(server, ['user', 'set', 'heidi', '--home', 'yes'])
  const having = await sftp()

  assert.notEqual(without.status, 0)
  assert.match(without.stderr, /has no files here: an admin gets a home with user set heidi --home yes/)
  assert.equal(having.status, 0, having.stderr)
})

test('words: the setting default-quota limits users that are made without one, and nobody else', {
  skip,
}, async () => {
  await using other = await startServer({ args: ['--default-quota', '5MiB'] })
  await adminWords(other, ['user', 'add', 'bob'])
  await adminWords(other, ['user', 'add', 'carol', '--quota', 'none'])
  await adminWords(other, ['user', 'add', 'heidi', '--role', 'admin'])
  const limit = async (name: string) =>
    JSON.parse((await adminWords(other, ['quota', 'show', name, '--json'])).stdout).limit

  assert.deepEqual(
    [await limit('bob'), await limit('carol'), await limit('heidi')],
    [5 * 1024 ** 2, null, null],
  )
})

test('words: more input than a password or keys can be is refused', { skip }, async () => {
  const done = await ssh('key add grace', 'x'.repeat(2 * 1024 * 1024))

  assert.equal(done.status, 1)
  assert.match(done.stderr, /too much/)
})

test('words: server drain ends the server, and says so first', { skip }, async () => {
  await using other = await startServer()
  const { status, stdout } = await run('ssh', ['-F', other.sshConfig, '-l', 'grace', 'ftp', 'server drain'])

  assert.equal(status, 0)
  assert.match(stdout, /takes nobody new/)
  assert.partialDeepStrictEqual(deeds(other).slice(-1), [{ event: 'server drained', by: 'grace' }])
  assert.equal(await other.stop(), 0)
})
