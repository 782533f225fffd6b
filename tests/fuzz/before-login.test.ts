// Mallory has no account. What she sends before she would need one is read all the same: first in clear, then, after an
// honest key exchange, sealed. Nothing of it may end the server, log her in, or hold her connection for longer than
// others'.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { ABSURD, chance, TIMES } from '../support/fuzz.ts'
import { rawClient } from '../support/raw-client.ts'
import { ADA, startPorch } from '../support/start-porch.ts'

const GRACE = 3_000
const random = chance()
const nobody = async (): Promise<number> => 0

function string(text: string | Buffer, length = text.length): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(length >>> 0)
  return Buffer.concat([head, Buffer.from(text as string, 'latin1')])
}

/** An unencrypted packet (RFC 4253 §6). */
function packet(payload: Buffer): Buffer {
  const padding = 8 - ((5 + payload.length) % 8) + 4
  const head = Buffer.alloc(5)
  head.writeUInt32BE(1 + payload.length + padding)
  head[4] = padding
  return Buffer.concat([head, payload, Buffer.alloc(padding)])
}

const KEXINIT = Buffer.concat([
  Buffer.from([20]),
  random.bytes(16),
  ...['curve25519-sha256', 'ssh-ed25519', 'aes128-ctr', 'aes128-ctr', 'hmac-sha2-256', 'hmac-sha2-256'].map(
    (list) => string(list),
  ),
  ...['none', 'none', '', ''].map((list) => string(list)),
  Buffer.from([0, 0, 0, 0, 0]),
])

/** Streams that a stranger may send at once. */
function clear(index: number): Buffer {
  const line = Buffer.from('SSH-2.0-mallory\r\n')
  switch (index % 5) {
    case 0:
      return Buffer.concat([line, packet(random.mutant(KEXINIT))])
    case 1:
      return Buffer.concat([line, random.mutant(packet(KEXINIT))])
    case 2:
      return random.mutant(Buffer.concat([line, packet(KEXINIT), packet(Buffer.from([30, 0, 0, 0, 32]))]))
    case 3:
      return Buffer.concat([
        line,
        packet(KEXINIT),
        packet(Buffer.concat([Buffer.from([30]), string(random.bytes(32), random.pick(ABSURD))])),
      ])
    default:
      return Buffer.concat([line, packet(KEXINIT), random.bytes(200)])
  }
}

/** A message after the key exchange: of a kind that there is, cut, with absurd lengths, or mutated. */
function sealed(index: number): Buffer {
  const auth = (method: string, ...rest: Buffer[]): Buffer =>
    Buffer.concat([Buffer.from([50]), string(ADA.name), string('ssh-connection'), string(method), ...rest])
  const whole = [
    auth('none'),
    auth('password', Buffer.from([0]), string('guess')),
    auth('password', Buffer.from([1]), string('old'), string('new')),
    auth('publickey', Buffer.from([0]), string('ssh-ed25519'), string(random.bytes(51))),
    auth(
      'publickey',
      Buffer.from([1]),
      string('ssh-ed25519'),
      string(random.bytes(51)),
      string(random.bytes(83)),
    ),
    auth('hostbased', string('ssh-ed25519'), string(random.bytes(51)), string('host'), string('root')),
    auth('keyboard-interactive', string(''), string('')),
    Buffer.concat([Buffer.from([61, 0, 0, 0, 1]), string('answer')]),
    Buffer.concat([Buffer.from([5]), string('ssh-userauth')]),
    Buffer.concat([
      Buffer.from([80]),
      string('tcpip-forward'),
      Buffer.from([1]),
      string('::'),
      Buffer.alloc(4),
    ]),
    Buffer.concat([Buffer.from([90]), string('session'), Buffer.alloc(12, 1)]),
    Buffer.concat([Buffer.from([94, 0, 0, 0, 0]), string('data')]),
    Buffer.concat([Buffer.from([98, 0, 0, 0, 0]), string('exec'), Buffer.from([1]), string('id')]),
    Buffer.concat([Buffer.from([1, 0, 0, 0, 2]), string('bye'), string('')]),
    Buffer.from([random.below(256)]),
    KEXINIT,
  ]
  const message = whole[index % whole.length]!
  switch (Math.floor(index / whole.length) % 4) {
    case 0:
      return message
    case 1:
      return message.subarray(0, 1 + random.below(message.length))
    case 2: {
      const changed = Buffer.from(message)
      if (changed.length >= 5) changed.writeUInt32BE(random.pick(ABSURD), 1)
      return changed
    }
    default:
      return random.mutant(message)
  }
}

test('before login: streams in clear end the connection in time, and nothing else', async () => {
  await using porch = await startPorch(nobody, { limits: { graceMs: GRACE } })

  await Promise.all(
    Array.from({ length: 40 * TIMES }, async (_, index) => {
      const socket = connect(porch.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.resume()
      const ended = once(socket, 'close')
      socket.end(clear(index))
      await ended
    }),
  )

  using ada = await rawClient(porch.port)
  assert.ok(ada)
})

test('before login: sealed messages are answered or end the connection, and log nobody in', async () => {
  await using porch = await startPorch(nobody, { limits: { graceMs: GRACE } })
  let came = 0

  for (let index = 0; index < 64 * TIMES; index++) {
    using mallory = await rawClient(porch.port, false)
    const answered = mallory.next('USERAUTH_FAILURE', 'USERAUTH_INFO_REQUEST')
    const success = mallory.next('USERAUTH_SUCCESS').then(({ name }) => name === 'USERAUTH_SUCCESS')
    mallory.send(sealed(index))
    mallory.protocol.authNone(ADA.name)
    await answered
    came += (await Promise.race([success, Promise.resolve(false)])) ? 1 : 0
  }

  assert.equal(came, 0)
  using ada = await rawClient(porch.port)
  assert.ok(ada)
})
