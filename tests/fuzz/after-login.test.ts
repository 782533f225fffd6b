// Mallory has an account, and speaks SSH herself: messages about channels that there are and that there are not, each whole,
// cut, with lengths that cannot be, and changed anywhere; logins after the login; halves of key exchanges. Each must be
// answered or end her connection; the server must go on, and others come in, as if nothing had been.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SessionHandler } from '../../src/ssh/session.ts'
import { ABSURD, chance, TIMES } from '../support/fuzz.ts'
import { type RawClient, rawClient } from '../support/raw-client.ts'
import { kexinit, string, uint32 } from '../support/ssh-messages.ts'
import { ADA, startPorch } from '../support/start-porch.ts'

/** Messages of one connection; then there is another, for most of them make its channels useless. */
const A_CONNECTION = 40
const random = chance()

const echo: SessionHandler = async ({ channel, signal }) => {
  for await (const bytes of channel.input) await channel.write(bytes)
  return signal.aborted ? 1 : 0
}

const yes = Buffer.from([1])
const request = (channel: number, name: string, ...rest: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([98]), uint32(channel), string(name), yes, ...rest])
const open = (kind: string, ...rest: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([90]), string(kind), uint32(7), uint32(65_536), uint32(32_768), ...rest])
const about = (message: number, ...rest: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([message]), uint32(0), ...rest])
const global = (name: string, ...rest: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([80]), string(name), yes, ...rest])
const host = [string('127.0.0.1'), uint32(22)]

/** A message of each kind that there is (RFC 4250 §4.1). */
const WHOLE: readonly Buffer[] = [
  Buffer.concat([Buffer.from([2]), string('ignored')]),
  Buffer.concat([Buffer.from([3]), uint32(5)]),
  Buffer.concat([Buffer.from([4, 1]), string('debug'), string('')]),
  Buffer.concat([Buffer.from([5]), string('ssh-connection')]),
  Buffer.concat([Buffer.from([6]), string('ssh-userauth')]),
  Buffer.concat([Buffer.from([7]), uint32(1), string('server-sig-algs'), string('x')]),
  Buffer.concat([Buffer.from([50]), string(ADA.name), string('ssh-connection'), string('none')]),
  Buffer.concat([
    Buffer.from([50]),
    string(ADA.name),
    string('ssh-connection'),
    string('password'),
    Buffer.from([0]),
    string(ADA.password),
  ]),
  Buffer.concat([Buffer.from([61]), uint32(1), string('answer')]),
  global('tcpip-forward', ...host),
  global('cancel-tcpip-forward', ...host),
  global('streamlocal-forward@openssh.com', string('/tmp/socket')),
  global('keepalive@openssh.com'),
  global('no-such-request'),
  Buffer.from([81]),
  Buffer.from([82]),
  open('session'),
  open('direct-tcpip', ...host, ...host),
  open('forwarded-tcpip', ...host, ...host),
  open('direct-streamlocal@openssh.com', string('/tmp/socket'), ...host),
  open('x11', ...host),
  open('auth-agent@openssh.com'),
  about(91, uint32(0), uint32(65_536), uint32(32_768)),
  about(92, uint32(1), string('no'), string('')),
  about(93, uint32(0xffff_ffff)),
  about(94, string('data')),
  about(95, uint32(1), string('error')),
  about(96),
  about(97),
  request(0, 'pty-req', string('xterm'), ...[80, 24, 0, 0].map(uint32), string('\0')),
  request(0, 'x11-req', Buffer.from([0]), string('MIT-MAGIC-COOKIE-1'), string('00'), uint32(0)),
  request(0, 'auth-agent-req@openssh.com'),
  request(0, 'env', string('LD_PRELOAD'), string('/tmp/evil.so')),
  request(0, 'shell'),
  request(0, 'exec', string('id')),
  request(0, 'subsystem', string('sftp')),
  request(0, 'window-change', ...[80, 24, 0, 0].map(uint32)),
  request(0, 'xon-xoff', Buffer.from([0])),
  request(0, 'signal', string('KILL')),
  request(0, 'break', uint32(500)),
  request(0, 'exit-status', uint32(0)),
  request(0, 'exit-signal', string('TERM'), Buffer.from([0]), string(''), string('')),
  request(0, 'eow@openssh.com'),
  about(99),
  about(100),
  Buffer.from([192]),
]
/** Of these our own side loses its count: what is sent behind them would prove nothing. */
const ENDING: readonly Buffer[] = [
  Buffer.concat([Buffer.from([1]), uint32(2), string('bye'), string('')]),
  kexinit(),
  Buffer.from([21]),
  Buffer.concat([Buffer.from([30]), string(random.bytes(32))]),
  Buffer.concat([
    Buffer.from([31]),
    string(random.bytes(51)),
    string(random.bytes(32)),
    string(random.bytes(83)),
  ]),
]

function spoilt(message: Buffer): Buffer {
  switch (random.below(4)) {
    case 0:
      return message
    case 1:
      return message.subarray(0, 1 + random.below(message.length))
    case 2: {
      const changed = Buffer.from(message)
      if (changed.length >= 5)
        changed.writeUInt32BE(random.pick(ABSURD), 1 + random.below(changed.length - 4))
      return changed
    }
    default:
      return random.mutant(message)
  }
}

/** A connection with a session open, and perhaps started. */
async function mallory(port: number): Promise<RawClient> {
  const client = await rawClient(port)
  const opened = client.next('CHANNEL_OPEN_CONFIRMATION')
  client.protocol.session(0, 2 ** 20, 32_768)
  await opened
  if (random.below(2)) client.protocol.exec(0, 'echo', false)
  return client
}

/** Whether the server answers what is asked behind all that was sent, rather than end the connection. */
function answers(client: RawClient, closed: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    for (const name of ['REQUEST_SUCCESS', 'REQUEST_FAILURE'])
      client.protocol._handlers[name] = () => resolve(true)
    closed.then(() => resolve(false))
    client.protocol.ping()
  })
}

/** Kinds that the server, or our own side once it is answered, takes for the end or for a key exchange. */
const isEnding = (message: Buffer): boolean => message[0] === 1 || (message[0]! >= 20 && message[0]! < 50)

test('after login: thousands of messages are answered or end their connection, and nothing else', {
  timeout: 280_000,
}, async () => {
  await using porch = await startPorch(echo)
  let sent = 0
  let ended = 0
  while (sent < 2000 * TIMES) {
    using client = await mallory(porch.port)
    const closed = client.next('nothing')
    for (let i = 0; i < A_CONNECTION; i++) {
      const message = spoilt(random.pick(WHOLE))
      if (isEnding(message)) continue
      client.send(message)
      sent += 1
      if (await answers(client, closed)) continue
      ended += 1
      break
    }
  }

  assert.ok(ended > 0 && ended < sent / 4, `${ended} of ${sent} ended their connection`)
  using ada = await rawClient(porch.port)
  assert.ok(await answers(ada, ada.next('nothing')))
})

test('after login: halves of key exchanges and goodbyes harm nobody else', { timeout: 280_000 }, async () => {
  await using porch = await startPorch(echo)
  using ada = await rawClient(porch.port)
  const closed = ada.next('nothing')

  for (let i = 0; i < 100 * TIMES; i++) {
    using client = await rawClient(porch.port)
    client.send(i < 2 * ENDING.length ? ENDING[i % ENDING.length]! : spoilt(random.pick(ENDING)))
    for (let more = random.below(3); more > 0; more--) client.send(spoilt(random.pick(WHOLE)))
    assert.ok(await answers(ada, closed), `message ${i}`)
  }
})
