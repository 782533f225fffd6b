// Mallory has no account. What she sends before she would need one is read all the same: first in clear, then, after an
// honest key exchange, sealed. Nothing of it may end the server, log her in, or hold her connection for longer than
// others'.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { ABSURD, chance, TIMES } from '../support/fuzz.ts'
import { type RawClient, rawClient } from '../support/raw-client.ts'
import { kexinit, packet, string } from '../support/ssh-messages.ts'
import { ADA, startPorch } from '../support/start-porch.ts'

const GRACE = 3_000
/** Connections of those who speak in clear. */
const AT_ONCE = 50
/** Messages of one connection. */
const A_CONNECTION = 16
const random = chance()
const nobody = async (): Promise<number> => 0

const KEXINIT = kexinit(random.bytes(16))

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

test('before login: a thousand streams in clear end the connection in time, and nothing else', async () => {
  await using porch = await startPorch(nobody, { limits: { graceMs: GRACE } })

  for (let sent = 0; sent < 1000 * TIMES; sent += AT_ONCE) {
    await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, index) => {
        const socket = connect(porch.port, '127.0.0.1')
        socket.on('error', () => {})
        socket.resume()
        const ended = once(socket, 'close')
        socket.end(clear(sent + index))
        await ended
      }),
    )
  }

  using ada = await rawClient(porch.port)
  assert.ok(ada)
})

test('before login: a thousand sealed messages are answered or end the connection, and log nobody in', async () => {
  await using porch = await startPorch(nobody)
  let came = 0
  let sent = 0

  while (sent < 1000 * TIMES) {
    using mallory = await rawClient(porch.port, false)
    const closed = mallory.next('nothing')
    mallory.protocol._handlers.USERAUTH_SUCCESS = () => {
      came += 1
    }
    // Some end the connection, and six failed logins do.
    for (let open = true, i = 0; open && i < A_CONNECTION; i++) {
      const message = sealed(sent++)
      if (isExchange(message)) continue
      mallory.send(message)
      open = await answers(mallory, closed)
    }
  }

  assert.equal(came, 0)
  using ada = await rawClient(porch.port)
  assert.ok(ada)
})

// Answers wait for the end of a key exchange; hers has none.
test('before login: halves of key exchanges end with the grace time', async () => {
  await using porch = await startPorch(nobody, { limits: { graceMs: GRACE } })

  await Promise.all(
    Array.from({ length: 30 * TIMES }, async (_, index) => {
      using mallory = await rawClient(porch.port, false)
      const closed = mallory.next('nothing')
      mallory.send(
        index % 2 ? KEXINIT : Buffer.concat([Buffer.from([20 + random.below(30)]), random.bytes(40)]),
      )
      mallory.protocol.authNone(ADA.name)
      await closed
    }),
  )

  using ada = await rawClient(porch.port)
  assert.ok(ada)
})

const isExchange = (message: Buffer): boolean => message[0]! >= 20 && message[0]! < 50

/** Whether an attempt behind all that was sent is answered, rather than the connection ended. */
function answers(mallory: RawClient, closed: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    for (const name of ['USERAUTH_FAILURE', 'USERAUTH_INFO_REQUEST'])
      mallory.protocol._handlers[name] = () => resolve(true)
    closed.then(() => resolve(false))
    mallory.protocol.authNone(ADA.name)
  })
}
