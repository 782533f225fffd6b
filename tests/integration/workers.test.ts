import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TOTP } from 'otpauth'
import ssh2 from 'ssh2'
import { startOf } from '../../src/base/living.ts'
import { measure } from '../../src/vfs/measure.ts'
import { randomFrom } from '../support/random.ts'
import { run, succeed } from '../support/run-client.ts'
import { type SftpClient, sftpClient } from '../support/sftp-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { watchQuota } from '../support/watch-quota.ts'
import { processOf, sessionsOf, until, words, workersOf } from '../support/workers.ts'

const LIMIT = 1_000_000
const OPERATIONS = Number(process.env.WORKER_OPERATIONS ?? 250)

/** Between the clock of files and that of processes. */
const CLOCKS_DIFFER_MS = 50

let server: TestServer
before(async () => {
  server = await startServer({
    args: ['--workers', '2', '--guard-allow', '192.0.2.1', '--guard-threshold', '8'],
    ada: ['--quota', String(LIMIT)],
  })
})
after(() => server[Symbol.asyncDispose]())

const admin = (...list: readonly string[]): Promise<string> => words(server, ...list)

async function usage(): Promise<{ used: number; reserved: number; files: number }> {
  const { used, reserved, files } = JSON.parse(await admin('quota', 'show', 'ada', '--json'))
  return { used, reserved, files }
}

/** Two connections of ada's, in two processes. */
async function inTwoProcesses(work: (one: SftpClient, two: SftpClient) => Promise<void>): Promise<void> {
  await until('nobody is logged in', async () => (await sessionsOf(server)).length === 0)
  using one = await sftpClient(server)
  // One that has just begun may not take connections yet.
  for (let tries = 0; tries < 100; tries++) {
    using two = await sftpClient(server)
    const processes = (await sessionsOf(server)).map(processOf)
    if (new Set(processes).size === 2) return await work(one, two)
    two.destroy()
    await until('it is gone', async () => (await sessionsOf(server)).length === 1)
  }
  assert.fail('all are in one process')
}

/** When a process began, ms since 1970. */
function begunAt(pid: number): number {
  const up = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000
  return Date.now() - up + Number(startOf(pid)) * 10
}

test('workers: OpenSSH’s clients do what they do, in whatever process they come in, and the list shows all', async () => {
  const local = join(server.folder, 'local')
  writeFileSync(local, Buffer.alloc(300_000, 'abcdefg'))
  const ssh = ['-F', server.sshConfig]
  await inTwoProcesses(async (one) => {
    const open = await one.open('/held', 'w')
    await one.write(open, 'x'.repeat(1000), 0)
    for (let turn = 0; turn < 2; turn++) {
      const back = join(server.folder, `back-${turn}`)
      await succeed('sftp', [...ssh, '-b', '-', 'ftp'], { input: `put ${local} up\nget up ${back}\n` })
      assert.ok(readFileSync(back).equals(readFileSync(local)))
      await succeed('scp', [...ssh, '-O', local, 'ftp:up'])
      const got = await succeed('ssh', [...ssh, 'ftp', 'get up'])
      assert.ok(got.bytes.equals(readFileSync(local)))
      const missing = await run('ssh', [...ssh, 'ftp', 'get nothing'])
      assert.equal(missing.status, 1)
      assert.match(missing.stderr, /nothing/)
      const told = await run('ssh', [...ssh, 'ftp', 'put -f up'], { input: 'short' })
      assert.equal(told.status, 0, told.stderr)
    }
    const rows = await sessionsOf(server)
    assert.deepEqual(
      rows.flatMap(({ transfers }) => transfers.map(({ path, written }) => [path, written])),
      [['/held', 1000]],
    )
    await one.close(open)
    for (const name of ['/held', '/up']) await one.unlink(name)
  })
})

test('workers: the host keys of a first start are made once, for all', async () => {
  const lines = readdirSync(join(server.var, 'audit'))
    .flatMap((day) => readFileSync(join(server.var, 'audit', day), 'utf8').split('\n'))
    .filter((line) => line.includes('"host key made"'))

  assert.deepEqual(
    lines.map((line) => JSON.parse(line).type),
    ['ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp256'],
  )
  // Whoever begins before they are there makes some, too, and trips over the other's.
  const made = statSync(join(server.folder, 'hostkeys', 'ssh_host_ecdsa_key')).mtimeMs
  for (const worker of workersOf(server)) assert.ok(begunAt(worker) > made - CLOCKS_DIFFER_MS, `${worker}`)
})

test('workers: a file that one process has open and another removes is paid for until it is closed', async () => {
  await inTwoProcesses(async (one, two) => {
    const open = await one.open('/a', 'w')
    await one.write(open, new Uint8Array(600_000), 0)
    await one.write(open, 'end', 600_000)
    await two.unlink('/a')
    assert.equal((await usage()).used, 600_003)
    await assert.rejects(two.put('/b', new Uint8Array(400_000)), /Quota used up/)
    await assert.rejects(one.close(open), /Removed meanwhile/)
    await two.unlink('/b')
    assert.deepEqual(await usage(), { used: 0, reserved: 0, files: 0 })
    await two.put('/b', new Uint8Array(400_000))
    await one.unlink('/b')
  })
})

test('workers: an upload that goes on in another process ends the old one there', async () => {
  await inTwoProcesses(async (one, two) => {
    const old = await one.open('/p', 'w')
    await one.write(old, 'first ', 0)
    const next = await two.open('/p', 'r+')
    await two.write(next, 'second', 6)

    await assert.rejects(one.write(old, 'never', 6), /Taken over by a newer upload/)
    await assert.rejects(one.close(old), /Taken over/)
    await two.close(next)

    assert.equal(readFileSync(join(server.home('ada'), 'p'), 'utf8'), 'first second')
    await two.unlink('/p')
  })
})

test('workers: sessions in two processes that do everything to the same files pass the quota at no moment', async () => {
  const random = randomFrom(11)
  const path = (): string => `/f${random(6)}`
  const operate = async (client: SftpClient, open: Buffer[]): Promise<void> => {
    const handle = open[random(open.length || 1)]
    const what = random(11)
    if (what < 3) open.push(await client.open(path(), ['w', 'r+', 'a'][random(3)] as 'w'))
    else if (what < 7 && handle !== undefined)
      await client.write(handle, new Uint8Array(random(60_000)), random(200_000))
    else if (what === 7) await client.unlink(path())
    else if (what === 8) await client.posixRename(path(), path())
    else if (what === 9) await client.setstat(path(), { size: random(300_000) })
    else if (handle !== undefined) await client.close(open.splice(open.indexOf(handle), 1)[0]!)
  }
  let refused = 0
  const worker = async (client: SftpClient): Promise<void> => {
    const open: Buffer[] = []
    for (let turn = 0; turn < OPERATIONS; turn++)
      await operate(client, open).catch((error: Error) => {
        if (/Quota used up/.test(error.message)) refused += 1
      })
    for (const handle of open) await client.close(handle).catch(() => {})
  }
  await inTwoProcesses(async (one, two) => {
    // While an overwrite is committed the replaced bytes may lie there on top.
    await watchQuota(server, 'ada', () => Promise.all([worker(one), worker(two)]), LIMIT)
    assert.ok(refused > 0, 'the limit was never met')
    const found = await measure(server.home('ada'))
    const { used, files } = await usage()
    assert.deepEqual({ used, files }, { used: found.bytes, files: found.files })
    for (const name of await one.list('/')) await two.unlink(`/${name}`)
  })
})

test('workers: what an admin changes holds in every process at once', async () => {
  await inTwoProcesses(async (one, two) => {
    await admin('user', 'set', 'ada', '--rights', 'read-only')
    for (const client of [one, two]) await assert.rejects(client.put('/no', 'x'), /Not allowed to write/)
    await admin('user', 'set', 'ada', '--rights', 'full', '--sessions', '2')
    const third = await run('ssh', ['-F', server.sshConfig, 'ftp', 'pwd'])
    assert.equal(third.status, 1)
    assert.match(third.stderr, /2 of 2 sessions open already/)
    await admin('user', 'set', 'ada', '--sessions', 'none')
    const [first, second] = await sessionsOf(server)
    await admin('session', 'end', second!.id)
    await until('it is ended', async () => (await sessionsOf(server)).length === 1)
    assert.equal((await sessionsOf(server))[0]!.id, first!.id)
    using three = await sftpClient(server)
    await admin('user', 'disable', 'ada')
    await Promise.all([one.closed, two.closed, three.closed])
    await admin('user', 'enable', 'ada')
  })
})

/** Whether the server lets a connection come to its greeting. */
async function greets(): Promise<boolean> {
  const { stdout } = await run('ssh-keyscan', ['-T', '10', '-p', String(server.port), server.host])
  return stdout.includes('ssh-')
}

test('workers: wrong passwords are counted over all processes, and a ban holds in each', async () => {
  const wrong = async (): Promise<void> => {
    const client = new ssh2.Client()
    await new Promise<void>((done) => {
      client.once('error', () => done())
      client.once('close', () => done())
      client.connect({ host: server.host, port: server.port, username: 'ada', password: 'wrong' })
    })
  }
  for (let turn = 0; turn < 8; turn++) await wrong()

  assert.match(await admin('ban', 'list'), /127\.0\.0\.1/)
  for (let turn = 0; turn < 3; turn++) assert.equal(await greets(), false)
  await admin('ban', 'lift', '127.0.0.1')
  for (let turn = 0; turn < 3; turn++) assert.equal(await greets(), true)
  await admin('ban', 'add', '127.0.0.1', '--for', '1h')
  for (let turn = 0; turn < 3; turn++) assert.equal(await greets(), false)
  await admin('ban', 'lift', '127.0.0.1')
})

test('workers: a one-time code lets in once, in whichever process', async () => {
  const { secret } = JSON.parse(await admin('totp', 'add', 'ada', '--json')) as { secret: string }
  const code = new TOTP({ secret }).generate()
  const login = (): Promise<boolean> =>
    new Promise((resolve) => {
      const client = new ssh2.Client()
      const done = (came: boolean) => (): void => {
        client.end()
        resolve(came)
      }
      client.once('ready', done(true))
      client.once('error', done(false))
      client.once('close', done(false))
      client.on('keyboard-interactive', (_name, _text, _language, prompts, finish) =>
        finish(prompts.map(({ prompt }) => (/password/i.test(prompt) ? server.password : code))),
      )
      client.connect({
        host: server.host,
        port: server.port,
        username: 'ada',
        privateKey: readFileSync(server.key),
        tryKeyboard: true,
        authHandler: ['publickey', 'keyboard-interactive'],
      })
    })

  const came = await Promise.all([login(), login(), login(), login()])

  assert.equal(came.filter((one) => one).length, 1)
  await admin('totp', 'del', 'ada')
})

test('workers: started anew one after the other, an upload goes on and nobody is turned away', async () => {
  const old = workersOf(server)
  assert.equal(old.length, 2)
  using client = await sftpClient(server)
  const open = await client.open('/long', 'w')
  await client.write(open, 'begun ', 0)
  await admin('server', 'restart')
  // Others come and go meanwhile.
  let [came, over] = [0, false]
  const coming = (async () => {
    while (!over) {
      await succeed('ssh', ['-F', server.sshConfig, '-l', 'grace', 'ftp', 'server', 'status'])
      came += 1
    }
  })()
  await client.write(open, 'and ended', 6)
  await client.close(open)
  client.destroy()
  await until('all are new', () => {
    const now = workersOf(server)
    return now.length === 2 && now.every((pid) => !old.includes(pid))
  })
  over = true
  await coming

  assert.ok(came > 0)
  assert.equal(readFileSync(join(server.home('ada'), 'long'), 'utf8'), 'begun and ended')
  assert.match(await admin('server', 'status'), /2 processes/)
})

function endsLogged(): number {
  const folder = join(server.var, 'log')
  const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
  return lines.filter((line) => line.includes('"worker ended"')).length
}

test('workers: started anew in vain, there are as many as before, and the next time goes well', async () => {
  const old = workersOf(server)
  const key = join(server.folder, 'hostkeys', 'ssh_host_ed25519_key')
  const good = readFileSync(key)
  const before = endsLogged()
  writeFileSync(key, 'no key')
  try {
    await admin('server', 'restart')
    await until('it has failed', () => endsLogged() > before)
  } finally {
    // What comes next must be able to begin.
    writeFileSync(key, good)
  }
  assert.deepEqual(
    workersOf(server).filter((pid) => old.includes(pid)),
    old,
  )

  await until('it can be said again', () =>
    admin('server', 'restart').then(
      () => true,
      () => false,
    ),
  )

  await until('two are there, both new', () => {
    const now = workersOf(server)
    return now.length === 2 && now.every((pid) => !old.includes(pid))
  })
})

/** A connection, and all that the server has said in it. */
function knock(): { readonly socket: Socket; said: string; readonly closed: Promise<boolean> } {
  const socket = connect(server.port, server.host)
  const closed = new Promise<boolean>((done) => socket.once('close', () => done(true)))
  socket.on('error', () => {})
  const self = { socket, said: '', closed }
  socket.on('data', (bytes) => {
    self.said += bytes.toString('latin1')
  })
  return self
}

test('workers: who is on the way to a process that is killed comes to the other', async () => {
  const [victim] = workersOf(server)
  process.kill(victim!, 'SIGSTOP')
  const guests = Array.from({ length: 8 }, knock)
  const silent = (): typeof guests => guests.filter(({ said }) => said === '')
  await until('the process that runs has greeted', () => silent().length < guests.length)
  // It takes one after the other: when one of these is greeted, all that came to it before are.
  const later = [knock(), knock()]
  await until('a later one is greeted', () => later.some(({ said }) => said !== ''))
  guests.push(...later)
  assert.ok(silent().length > 0, 'nobody was on the way')

  process.kill(victim!, 'SIGKILL')

  await until('all are greeted', () => silent().length === 0, 10)
  for (const { said, socket } of guests) {
    assert.match(said, /^SSH-2\.0-MiniFTP/)
    assert.equal(said.match(/SSH-2\.0-/g)!.length, 1, 'greeted twice')
    socket.destroy()
  }
  await until('another process has taken its place', () => workersOf(server).length === 2)
  assert.match(
    await succeed('ssh', ['-F', server.sshConfig, 'ftp', 'pwd']).then(({ stdout }) => stdout),
    /^\//,
  )
})

test('workers: who comes while no process is there waits for the next', async () => {
  const old = workersOf(server)
  const sockets = (): string[] => readdirSync(server.var).filter((name) => /^worker-\d+\.sock$/.test(name))
  const before = sockets()
  for (const pid of old) process.kill(pid, 'SIGKILL')
  const guests = Array.from({ length: 4 }, knock)

  await until('all are greeted', () => guests.every(({ said }) => said.startsWith('SSH-2.0-MiniFTP')))

  for (const { socket } of guests) socket.destroy()
  await until(
    'both are there again',
    () => workersOf(server).filter((pid) => !old.includes(pid)).length === 2,
  )
  await until('those that were killed leave none', () => !sockets().some((name) => before.includes(name)), 10)
})

test('workers: SIGTERM ends all in under ten seconds, and an upload of each process is kept as partial', async () => {
  const name = '/cut'
  await inTwoProcesses(async (one, two) => {
    for (const [client, at] of [
      [one, `${name}1`],
      [two, `${name}2`],
    ] as const) {
      const open = await client.open(at, 'w')
      await client.write(open, 'so far', 0)
    }
    const began = performance.now()
    assert.equal(await server.stop(), 0)
    assert.ok(performance.now() - began < 10_000)
    await Promise.all([one.closed, two.closed])
  })
  assert.deepEqual(workersOf(server), [])
  for (const at of ['cut1', 'cut2'])
    assert.equal(readFileSync(join(server.home('ada'), at), 'utf8'), 'so far')
})

/** In a process that was forked: its end by process.exit never comes, as seen amid a collection. */
const NO_EXIT = `data:text/javascript,${encodeURIComponent(
  'if (process.send) process.on("exit", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))',
)}`

test('workers: they end with the process that started them, though process.exit may not', async () => {
  await using killed = await startServer({
    args: ['--workers', '2'],
    env: { NODE_OPTIONS: `--import ${NO_EXIT}` },
  })
  const workers = workersOf(killed)
  try {
    process.kill(killed.pid, 'SIGKILL')

    await until('none is there', () => workers.every((pid) => startOf(pid) === ''), 10)
  } finally {
    for (const pid of workers) if (startOf(pid) !== '') process.kill(pid, 'SIGKILL')
  }
})
