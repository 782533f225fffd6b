import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import ssh2 from 'ssh2'
import { type Done, run, without } from '../support/run-client.ts'
import { PROJECT } from '../support/start-server.ts'
import { openTerminal } from '../support/tmux.ts'

const PROGRAM = join(PROJECT, 'bin/miniftpd.mjs')
const MANY_MS = 60_000
let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'miniftp-start-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

/** A place of its own, where nothing was started yet. */
function place(name: string): { readonly cwd: string; readonly env: NodeJS.ProcessEnv } {
  const cwd = mkdtempSync(join(folder, `${name}-`))
  const env = Object.entries(process.env).filter(([key]) => !key.startsWith('MINIFTP_'))
  return { cwd, env: { ...Object.fromEntries(env), MINIFTP_PORT: '0' } }
}

const miniftpd = (
  at: ReturnType<typeof place>,
  words: readonly string[],
  more: NodeJS.ProcessEnv = {},
  input = '',
) => run(process.execPath, [PROGRAM, ...words], { cwd: at.cwd, env: { ...at.env, ...more }, input })

interface Running extends AsyncDisposable {
  readonly child: ChildProcess
  /** All it said until a line was like this. */
  says(wanted: RegExp): Promise<string>
  ended(): Promise<number | null>
}

/** A server that runs until it is disposed of, or ends by itself. */
function start(
  at: ReturnType<typeof place>,
  words: readonly string[] = [],
  more: NodeJS.ProcessEnv = {},
): Running {
  const child = spawn(process.execPath, [PROGRAM, 'serve', ...words], {
    cwd: at.cwd,
    env: { ...at.env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  let heard = Promise.withResolvers<void>()
  const exit = once(child, 'close')
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      said += bytes
      heard.resolve()
      heard = Promise.withResolvers()
    })
  }
  return {
    child,
    async says(wanted) {
      const late = AbortSignal.timeout(MANY_MS)
      const over = once(late, 'abort').then(() => assert.fail(`no ${wanted} in\n${said}`))
      const gone = exit.then(() => assert.fail(`it ended before ${wanted}:\n${said}`))
      while (!wanted.test(said)) await Promise.race([heard.promise, over, gone])
      return said
    },
    ended: async () => (await exit)[0] as number | null,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exit
    },
  }
}

test('start: the first one makes keys that only the owner reads, two accounts, and says what to paste', async () => {
  const at = place('first')
  await using server = start(at)

  const said = await server.says(/accounts to try with/)

  const port = /^listening on 127\.0\.0\.1:(\d+)$/m.exec(said)?.[1]
  assert.ok(Number(port) > 0)
  assert.match(said, new RegExp(`^ +sftp -P ${port} zhangsan@127\\.0\\.0\\.1$`, 'm'))
  assert.match(said, new RegExp(`^ +ssh -p ${port} zhangsan@127\\.0\\.0\\.1$`, 'm'))
  assert.match(said, new RegExp(`^ +npx miniftp zhangsan@127\\.0\\.0\\.1:${port}$`, 'm'))
  for (const key of ['ssh_host_ed25519_key', 'ssh_host_rsa_key', 'ssh_host_ecdsa_key']) {
    assert.equal(statSync(join(at.cwd, 'hostkeys', key)).mode & 0o777, 0o600)
  }
  for (const path of ['var', 'var/home/zhangsan', 'var/data', 'var/log']) {
    assert.equal(statSync(join(at.cwd, path)).mode & 0o077, 0, path)
  }
  assert.equal(statSync(join(at.cwd, 'var/control.sock')).mode & 0o777, 0o600)
})

// `sftp NAME@::1` says "Missing hostname".
test('start: an IPv6 address is in brackets where what is pasted needs them', async () => {
  await using server = start(place('six'), ['--host', '::1'])

  const said = await server.says(/accounts to try with/)

  const port = /^listening on \[::1\]:(\d+)$/m.exec(said)?.[1]
  assert.match(said, new RegExp(`^ +sftp -P ${port} zhangsan@\\[::1\\]$`, 'm'))
  assert.match(said, new RegExp(`^ +ssh -p ${port} zhangsan@::1$`, 'm'))
  assert.match(said, new RegExp(`^ +npx miniftp zhangsan@\\[::1\\]:${port}$`, 'm'))
})

test('start: that host keys were made is in the audit, once', async () => {
  const at = place('hostkeys')
  for (let turn = 0; turn < 2; turn++) {
    await using server = start(at)
    await server.says(/listening on/)
    server.child.kill('SIGTERM')
    await server.ended()
  }

  const folder = join(at.cwd, 'var/audit')
  const lines = readdirSync(folder)
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, string>>)
  const made = ['ssh_host_ed25519_key', 'ssh_host_rsa_key', 'ssh_host_ecdsa_key'].map((file) => {
    const [type = '', blob = ''] = readFileSync(join(at.cwd, 'hostkeys', `${file}.pub`), 'utf8').split(' ')
    const digest = createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64')
    return { event: 'host key made', type, fingerprint: `SHA256:${digest.replace(/=+$/, '')}` }
  })
  assert.deepEqual(
    lines.map(({ at: _, ...line }) => line),
    made,
  )
})

// Its first line ended it, and with it whatever was under way: `miniftpd > log` on a disk that gets full.
test('start: a server whose lines cannot be written anywhere serves all the same', async () => {
  for (const workers of ['1', '2']) {
    const at = place('unheard')
    const full = openSync('/dev/full', 'w')
    const words = [PROGRAM, 'serve', '--workers', workers]
    const child = spawn(process.execPath, words, { ...at, stdio: ['ignore', full, full] })
    closeSync(full)
    const exit = once(child, 'close')
    const status = async (): Promise<string> => (await miniftpd(at, ['server', 'status', '--json'])).stdout
    // Before it is there, the console would take the lock.
    const isThere = (): boolean => existsSync(join(at.cwd, 'var/control.sock')) || child.exitCode !== null
    while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 20))
    const port = /"address": ?"127\.0\.0\.1:(\d+)"/.exec(await status())?.[1]

    // Its login is a line, of a worker where there are some.
    const client = new ssh2.Client()
    const closed = once(client, 'close')
    client.connect({ host: '127.0.0.1', port: Number(port), username: 'zhangsan', password: '123' })
    await once(client, 'ready')
    const { stdout } = await miniftpd(at, ['session', 'list', '--json'])
    assert.match(stdout, /zhangsan/)
    client.end()
    await closed

    child.kill('SIGTERM')
    assert.equal((await exit)[0], 0)
  }
})

test('start: SIGTERM ends it with 0, and leaves neither lock nor socket', async () => {
  const at = place('term')
  await using server = start(at)
  await server.says(/listening on/)

  server.child.kill('SIGTERM')

  assert.equal(await server.ended(), 0)
  const left = readdirSync(join(at.cwd, 'var'))
  assert.deepEqual(
    left.filter((name) => /lock|sock/.test(name)),
    [],
  )
})

test('start: known passwords are not served to other machines, and the sentence names the way out, which works', async () => {
  const at = place('known')

  const refused = await miniftpd(at, ['--host', '0.0.0.0'])
  assert.equal(refused.status, 1)
  const ways = [...refused.stderr.matchAll(/npx miniftpd (user passwd \w+ --password-stdin)/g)].map(
    (match) => match[1]!,
  )
  assert.equal(ways.length, 2)
  for (const way of ways)
    assert.equal((await miniftpd(at, way.split(' '), {}, 'nobody knows this\n')).status, 0)

  await using server = start(at, ['--host', '0.0.0.0'])
  await server.says(/listening on 0\.0\.0\.0:\d+/)
})

test('start: where VAR is set, the sentence about known passwords can be pasted, too', async () => {
  const at = place('elsewhere')
  const own = join(at.cwd, "the server's")

  const refused = await miniftpd(at, ['--host', '0.0.0.0'], { MINIFTP_VAR: own })

  const [way] = /MINIFTP_VAR=.* npx miniftpd user passwd admin --password-stdin/.exec(refused.stderr)!
  const said = way.replace('npx miniftpd', `${process.execPath} ${PROGRAM}`)
  const { status, stdout } = await run('sh', ['-c', said], { ...at, input: 'nobody knows this\n' })
  assert.deepEqual([status, stdout], [0, 'The password of "admin" is set\n'])
  assert.deepEqual(readdirSync(at.cwd), ["the server's"])
})

test('start: --no-demo makes nobody, MINIFTP_ADMIN_PASSWORD an admin alone; neither has a known password', async () => {
  const bare = place('bare')
  await using nobody = start(bare, ['--no-demo', '--host', '0.0.0.0'])
  assert.doesNotMatch(await nobody.says(/npx miniftp NAME@/), /zhangsan/)
  assert.deepEqual(JSON.parse((await miniftpd(bare, ['user', 'list', '--json'])).stdout), [])

  const own = place('own')
  await using server = start(own, ['--host', '0.0.0.0'], { MINIFTP_ADMIN_PASSWORD: 'nobody knows this' })
  await server.says(/listening on/)
  const accounts = JSON.parse((await miniftpd(own, ['user', 'list', '--json'])).stdout) as { name: string }[]
  assert.deepEqual(
    accounts.map(({ name }) => name),
    ['admin'],
  )
})

test('start: a second server on the same VAR is refused with a sentence, and harms neither lock nor socket', async () => {
  const at = place('twice')
  await using server = start(at)
  await server.says(/listening on/)

  const second = await miniftpd(at, ['serve'])

  assert.equal(second.status, 1)
  assert.match(
    second.stderr,
    new RegExp(`^miniftpd: Another server \\(process ${server.child.pid}\\) uses "var": `),
  )
  assert.equal((await miniftpd(at, ['user', 'list'])).status, 0)
})

test('start: a lock that a dead server left is taken over', async () => {
  const at = place('dead')
  const first = start(at)
  await first.says(/listening on/)
  await first[Symbol.asyncDispose]()
  assert.ok(existsSync(join(at.cwd, 'var/lock')))

  await using second = start(at)

  await second.says(/listening on/)
})

test('start: a host key that others can read is refused, and the sentence says what to do', async () => {
  const at = place('mode')
  await using first = start(at)
  await first.says(/listening on/)
  first.child.kill('SIGTERM')
  await first.ended()
  const key = join(at.cwd, 'hostkeys/ssh_host_rsa_key')
  await run('chmod', ['644', key])

  const { status, stderr } = await miniftpd(at, ['serve'])

  assert.equal(status, 1)
  assert.match(stderr, /Others can read the host key ".*ssh_host_rsa_key": run chmod 600/)
})

test('start: a port that is taken is a sentence', async () => {
  const at = place('port')
  await using server = start(at)
  const port = /:(\d+)$/m.exec(await server.says(/^listening on .*$/m))![1]!

  const { status, stderr } = await miniftpd(place('port2'), ['--port', port])

  assert.equal(status, 1)
  assert.match(stderr, new RegExp(`^miniftpd: Port ${port} on 127\\.0\\.0\\.1 is in use: .*--port\n$`))
})

test('start: --check, --print-config, --version and --help serve nothing', async () => {
  const at = place('look')
  const say = async (...words: readonly string[]): Promise<Done> => miniftpd(at, words)

  assert.match((await say('--check')).stdout, /^The settings are good$/m)
  assert.match((await say('--print-config')).stdout, /^port = 0 {2}#/m)
  assert.match((await say('--version')).stdout, /^\d+\.\d+\.\d+\n$/)
  for (const word of ['--help', '-h']) assert.match((await say(word)).stdout, /^miniftpd \[serve\]/)
  const bad = await say('--check', '--prot', '1')
  assert.deepEqual([bad.status, bad.stderr], [2, 'miniftpd: Unknown setting --prot, did you mean --port?\n'])
  assert.deepEqual(readdirSync(at.cwd), [])
})

test('start: SIGHUP reads the settings again, says what cannot change, and keeps the old ones when they are not good', async () => {
  const at = place('hup')
  const file = join(at.cwd, 'miniftp.toml')
  writeFileSync(file, 'log-level = "info"\n')
  await using server = start(at)
  await server.says(/listening on/)

  writeFileSync(file, 'log-level = "debug"\nidle = "1m"\nvar = "elsewhere"\n')
  server.child.kill('SIGHUP')
  await server.says(/^settings read again: log-level, idle changed; var can only change at a new start$/m)

  writeFileSync(file, 'idel = "2m"\n')
  server.child.kill('SIGHUP')
  await server.says(
    /^settings not read, the old ones hold: Unknown setting "idel" in miniftp\.toml, did you mean "idle"\?$/m,
  )

  server.child.kill('SIGTERM')
  assert.equal(await server.ended(), 0)
  assert.deepEqual(readdirSync(at.cwd).sort(), ['hostkeys', 'miniftp.toml', 'var'])
  const log = readdirSync(join(at.cwd, 'var/log')).map((name) =>
    readFileSync(join(at.cwd, 'var/log', name), 'utf8'),
  )
  assert.match(log.join(''), /"changed":"log-level, idle","waiting":"var"/)
})

test('start: a server whose terminal is closed ends as by SIGTERM', { skip: without('tmux') }, async () => {
  const at = place('tty')
  const env = { ...at.env, MINIFTP_PORT: '0' }
  {
    await using terminal = await openTerminal([process.execPath, PROGRAM, 'serve'], {
      cwd: at.cwd,
      env: Object.fromEntries(
        Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined),
      ),
    })
    await terminal.sees(/listening on/)
  }

  const lock = join(at.cwd, 'var/lock')
  const late = Date.now() + MANY_MS
  while (existsSync(lock) && Date.now() < late) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(existsSync(lock), false)
  assert.match(
    readdirSync(join(at.cwd, 'var/log'))
      .map((name) => readFileSync(join(at.cwd, 'var/log', name), 'utf8'))
      .join(''),
    /"signal":"SIGHUP".*"server stops"/,
  )
})
