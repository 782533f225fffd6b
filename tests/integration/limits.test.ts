import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { rawClient } from '../support/raw-client.ts'
import { sftpPipes } from '../support/sftp-pipe.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

// Each limit is tested where it is kept; here, that what the operator has set is what holds.
const SET = {
  MINIFTP_LOGIN_TRIES: '2',
  MINIFTP_LOGIN_GRACE: '2s',
  MINIFTP_MAX_CHANNELS: '2',
  MINIFTP_MAX_HANDLES: '3',
  MINIFTP_MAX_SESSIONS: '3',
  MINIFTP_LEAST_PACKET: '4096',
  MINIFTP_REKEY_TIME: '300ms',
  MINIFTP_IDLE: '1s',
}
const OPENED = ['CHANNEL_OPEN_CONFIRMATION', 'CHANNEL_OPEN_FAILURE'] as const

let server: TestServer
before(async () => {
  server = await startServer({ env: SET })
})
after(() => server[Symbol.asyncDispose]())

const ada = () => rawClient(server.port, { username: 'ada', password: server.password })

test('limits: login-tries ends a connection, and login-grace one that never tries', async () => {
  using guesser = await rawClient(server.port, false)
  const silent = connect(server.port, server.host).resume()

  const first = guesser.next('USERAUTH_FAILURE')
  guesser.protocol.authPassword('ada', 'guess')
  assert.equal((await first).name, 'USERAUTH_FAILURE')
  const last = guesser.next('nothing')
  guesser.protocol.authPassword('ada', 'guess')

  assert.equal((await last).name, 'closed')
  await once(silent, 'close')
})

test('limits: max-channels and least-packet refuse a channel', async () => {
  using client = await ada()
  const open = async (id: number, packet = 32_768): Promise<string> => {
    const heard = client.next(...OPENED)
    client.protocol.session(id, 65_536, packet)
    return (await heard).name
  }

  assert.deepEqual(
    [await open(0, 4095), await open(1, 4096), await open(2), await open(3)],
    ['CHANNEL_OPEN_FAILURE', ...Array(2).fill('CHANNEL_OPEN_CONFIRMATION'), 'CHANNEL_OPEN_FAILURE'],
  )
})

test('limits: max-handles refuses an OPEN', async () => {
  writeFileSync(join(server.home('ada'), 'f'), 'x')
  const pipes = await sftpPipes(server)
  using pipe = await pipes.open()
  const open = () => pipe.ask({ type: 'open', id: 1, path: '/f', flags: { read: true }, attrs: {} })

  for (let i = 0; i < 3; i++) assert.equal((await open()).type, 'handle')
  const fourth = await open()

  assert.match(fourth.type === 'status' ? fourth.message : '', /^At most 3 files can be open/)
  pipes.end()
})

test('limits: max-sessions ends one too many of an account without a number of its own', async () => {
  for (const [name, ...more] of [['bob'], ['carl', '--sessions', '4']] as const) {
    const words = ['user', 'add', name, '--password-stdin', '--key', `${server.key}.pub`, ...more]
    assert.equal((await server.console(words, server.password)).status, 0)
    const connections = [await sftpPipes(server, name), await sftpPipes(server, name)]
    const pipes = []
    for (const connection of [...connections, ...connections]) pipes.push(await connection.open())

    assert.equal(pipes.filter(({ over }) => over).length, name === 'bob' ? 1 : 0)
    for (const connection of connections) connection.end()
  }
})

test('limits: rekey-time renews keys, idle ends a connection without a channel', async () => {
  using client = await ada()
  const closed = client.next('nothing')
  let exchanges = 0
  client.onExchange(() => {
    exchanges += 1
  })

  assert.equal((await closed).name, 'closed')
  assert.ok(exchanges > 0)
})
