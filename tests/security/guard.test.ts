// Mallory guesses passwords, day and night, and comes back after each restart. The guard counts what a person rarely does,
// shuts her address out for longer each time, and lets the admin see it and undo it. A monitor that only looks whether the
// port is open, and whoever sits on the machine itself, must not be shut out.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import ssh2 from 'ssh2'
import { startServer, type TestServer } from '../support/start-server.ts'

/** Nobody is spared, and little is forgiven. */
const STRICT = { env: { MINIFTP_GUARD_ALLOW: '', MINIFTP_GUARD_THRESHOLD: '4' } }

let server: TestServer
before(async () => {
  server = await startServer(STRICT)
})
after(() => server[Symbol.asyncDispose]())

async function login(at: TestServer, username: string, password: string): Promise<boolean> {
  const client = new ssh2.Client()
  const came = new Promise<boolean>((resolve) => {
    client.once('ready', () => resolve(true))
    // Not once: a server that closes at once makes ssh2 say it twice.
    client.on('error', () => resolve(false))
    client.once('close', () => resolve(false))
  })
  client.connect({ host: at.host, port: at.port, username, password, authHandler: ['password'] })
  const done = await came
  client.end()
  return done
}

/** What the server says first, or '' when it says nothing and closes. */
async function greeting(at: TestServer, text = ''): Promise<string> {
  const socket = connect(at.port, at.host)
  socket.on('error', () => {})
  socket.write(text)
  let said = ''
  socket.on('data', (bytes) => {
    said += bytes.toString('latin1')
    if (text === '') socket.destroy()
  })
  await once(socket, 'close')
  return said
}

async function bans(at: TestServer): Promise<readonly { address: string; reason: string; times: number }[]> {
  const { stdout } = await at.console(['ban', 'list', '--json'])
  return JSON.parse(stdout)
}

test('guard: guesses ban their address; the admin sees it and lifts it', async () => {
  for (const name of ['ada', 'nobody', 'ada']) assert.equal(await login(server, name, 'guess'), false)

  const banned = await bans(server)
  const shut = await login(server, 'ada', server.password)
  const silence = await greeting(server)
  await server.console(['ban', 'lift', '127.0.0.1'])
  const open = await login(server, 'ada', server.password)

  assert.deepEqual(
    banned.map(({ address, reason, times }) => ({ address, reason, times })),
    [{ address: '127.0.0.1', reason: 'wrong password', times: 1 }],
  )
  assert.equal(shut, false)
  assert.equal(silence, '')
  assert.equal(open, true)
  assert.deepEqual(await bans(server), [])
})

test('guard: a port that is only looked at, or left after the greeting, costs nothing', async () => {
  for (let i = 0; i < 20; i++) {
    const probe = connect(server.port, server.host)
    await once(probe, 'connect')
    probe.destroy()
    assert.match(await greeting(server), /^SSH-2\.0-/)
  }

  assert.deepEqual(await bans(server), [])
})

test('guard: what is no SSH bans, and the ban outlives the server', async () => {
  for (let i = 0; i < 2; i++) await greeting(server, 'GET / HTTP/1.1\r\n')
  assert.equal((await bans(server)).at(0)?.reason, 'protocol rubbish')

  assert.equal(await server.stop(), 0)
  await using again = await startServer({ ...STRICT, args: ['--var', server.var] })

  assert.equal(await greeting(again), '')
})

test('guard: the machine itself is spared, unless told otherwise', async () => {
  await using spared = await startServer({ env: { MINIFTP_GUARD_THRESHOLD: '1' } })

  assert.equal(await login(spared, 'ada', 'guess'), false)

  assert.equal(await login(spared, 'ada', spared.password), true)
  assert.deepEqual(await bans(spared), [])
})
