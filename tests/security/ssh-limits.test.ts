// Mallory does not break in, she only stays: connections that say nothing, that never log in, that never end, that
// make us work for nothing. Each limit is tried from outside, with the same numbers made small.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import ssh2 from 'ssh2'
import { type Log, silentLog } from '../../src/base/log.ts'
import type { SessionHandler } from '../../src/ssh/session.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { rawClient } from '../support/raw-client.ts'
import { kexinit, packet } from '../support/ssh-messages.ts'
import { ADA, startPorch } from '../support/start-porch.ts'

const silent: SessionHandler = ({ signal }) =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(0)))
const echo: SessionHandler = async ({ channel }) => {
  for await (const bytes of channel.input) await channel.write(bytes)
  return 0
}

/** What never happens in a test. */
const FAR = 600_000
/** A guard that is not there shows by waiting. */
const LATE = { timeout: 60_000 }

/** A connection that says `text` and reads; its end can be waited for. */
async function stranger(
  port: number,
  text = '',
  localAddress = '127.0.0.1',
): Promise<Socket & { readonly ended: Promise<unknown> }> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  socket.resume()
  const ended = once(socket, 'close')
  await once(socket, 'connect')
  if (text !== '') socket.write(text)
  return Object.assign(socket, { ended })
}

/** A connection with the KEXINIT of both sides, and no more. */
async function halfExchanged(port: number): Promise<Duplex> {
  const socket = await stranger(port)
  socket.write(Buffer.concat([Buffer.from('SSH-2.0-ada\r\n'), packet(kexinit())]))
  // The server's line is shorter.
  while (((await once(socket, 'data')) as [Buffer])[0].length < 300);
  return socket
}

/** A connection that keeps its KEXINIT back until the server's has come, and then is honest. */
async function lateClient(port: number): Promise<Duplex> {
  const socket = await stranger(port)
  const kept: Buffer[] = []
  let line = false
  let free = false
  const late = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, done) {
      if (line && !free) kept.push(bytes)
      else socket.write(bytes)
      line = true
      done()
    },
  })
  socket.on('data', (bytes: Buffer) => {
    late.push(bytes)
    // Its KEXINIT comes only when it has given up waiting for ours.
    if (free || bytes.length < 300) return
    free = true
    for (const one of kept) socket.write(one)
  })
  const client = new ssh2.Client()
  client.on('error', () => {})
  const exchanged = once(client, 'handshake')
  client.connect({ sock: late as Socket, username: 'ada', authHandler: (() => {}) as never })
  await exchanged
  socket.once('close', () => late.destroy())
  return late
}

async function login(port: number): Promise<ssh2.Client> {
  const client = new ssh2.Client()
  client.on('error', () => {})
  client.connect({ host: '127.0.0.1', port, username: ADA.name, password: ADA.password })
  await once(client, 'ready')
  return client
}

// Mallory says who she is one moment before her time is up, makes an honest key exchange, and hopes that it begins again.
test('limit: the grace time runs from the connection on, whatever is said in it', LATE, async () => {
  const clock = fakeClock()
  await using porch = await startPorch(silent, { limits: { graceMs: FAR }, clock })
  const socket = connect(porch.port, '127.0.0.1')
  // The server's line: it has the connection.
  await once(socket, 'readable')
  clock.pass(FAR - 1)
  const mallory = new ssh2.Client()
  mallory.on('error', () => {})
  const shy = (): void => {}

  mallory.connect({ sock: socket, username: 'mallory', authHandler: shy as never })

  // Begun again, it would be ten minutes more.
  await once(socket, 'close')
})

// Mallory sends her password and hangs up before it is found right: what begins with a login would have no end.
test('limit: a login that is decided when its client is gone begins nothing', LATE, async (t) => {
  const asked = Promise.withResolvers<void>()
  const decide = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  const accepted = Promise.withResolvers<void>()
  const heard: Readonly<Record<string, () => void>> = {
    'connection closed': gone.resolve,
    'login accepted': accepted.resolve,
  }
  const log: Log = { ...silentLog, with: () => log, info: (event) => heard[event]?.() }
  const decided = async (): Promise<void> => {
    asked.resolve()
    await decide.promise
  }
  const limits = { rekeyMs: 1_234_567, idleMs: 1_234_568 }
  await using porch = await startPorch(silent, { log, decided, limits })
  const mallory = new ssh2.Client()
  mallory.on('error', () => {})
  mallory.connect({ host: '127.0.0.1', port: porch.port, username: ADA.name, password: ADA.password })
  await asked.promise
  mallory.destroy()
  await gone.promise
  const timers = t.mock.method(globalThis, 'setTimeout')

  decide.resolve()
  await accepted.promise
  await turn()

  const begun = timers.mock.calls.map(({ arguments: [, ms] }) => ms)
  assert.deepEqual(
    begun.filter((ms) => ms === limits.rekeyMs || ms === limits.idleMs),
    [],
  )
})

// A stranger sends a thousand attempts ahead in one piece: each that is too many would be told and counted for itself.
test('limit: who is cut off is told of once, whatever else came with it', LATE, async () => {
  let told = 0
  await using porch = await startPorch(silent, { rubbish: () => void told++ })
  using mallory = await rawClient(porch.port, false)
  const ended = mallory.next()

  mallory.together(() => {
    for (let i = 0; i < 1_000; i++) mallory.protocol.authNone(ADA.name)
  })

  assert.equal((await ended).name, 'closed')
  assert.equal(told, 1)
})

// Mallory is through the key exchange, and then has all the time in the world.
test('limit: the grace time ends who never tries to log in', async () => {
  await using porch = await startPorch(silent, { limits: { graceMs: 1000 } })
  using mallory = await rawClient(porch.port, false)

  assert.equal((await mallory.next()).name, 'closed')
})

// Mallory fills all places of those who have not logged in, and nobody else gets one.
test('limit: when all places of strangers are taken, the oldest goes for the newcomer', LATE, async () => {
  await using porch = await startPorch(silent, { limits: { unauthenticated: 3, graceMs: FAR } })
  const first = await stranger(porch.port, 'SSH-2.0-x\r\n')
  const others = [await stranger(porch.port), await stranger(porch.port)]

  using ada = await login(porch.port).then((client) => ({ client, [Symbol.dispose]: () => client.end() }))
  await first.ended

  assert.equal(others.filter((socket) => socket.destroyed).length, 0)
  assert.ok(ada.client)
  for (const socket of others) socket.destroy()
})

test('limit: who has logged in takes no place of a stranger', LATE, async () => {
  await using porch = await startPorch(silent, { limits: { unauthenticated: 1, graceMs: FAR } })
  using ada = await rawClient(porch.port)
  const first = await stranger(porch.port)
  const second = await stranger(porch.port)

  await first.ended
  const answer = ada.next('REQUEST_SUCCESS', 'REQUEST_FAILURE')
  ada.protocol.ping()

  assert.notEqual((await answer).name, 'closed')
  second.destroy()
})

// Mallory opens connections and says nothing; others of her address (an office, a proxy) must still come in.
test(
  'limit: of one address so many may be silent; who has begun a key exchange is not one of them',
  LATE,
  async () => {
    await using porch = await startPorch(silent, {
      limits: { silentPerAddress: 2, silentMs: 0, graceMs: FAR },
    })
    using busy = await rawClient(porch.port, false)
    const one = await stranger(porch.port)
    const two = await stranger(porch.port)
    const three = await stranger(porch.port)

    await one.ended
    const answer = busy.next('USERAUTH_FAILURE')
    busy.protocol.authNone(ADA.name)

    assert.equal((await answer).name, 'USERAUTH_FAILURE')
    assert.deepEqual([two.destroyed, three.destroyed], [false, false])
    two.destroy()
    three.destroy()
  },
)

// ada's exchange waits for her; or her line comes alone, and all the rest after the server's.
for (const [what, come] of [
  ['has sent its KEXINIT', halfExchanged],
  ['has made its exchange late', lateClient],
] as const) {
  test(`limit: who ${what} is no silent one`, LATE, async () => {
    await using porch = await startPorch(silent, {
      limits: { silentPerAddress: 2, silentMs: 0, graceMs: FAR },
    })
    const ada = await come(porch.port)
    const others = [await stranger(porch.port), await stranger(porch.port), await stranger(porch.port)]

    await others[0]!.ended

    assert.deepEqual(
      [ada, ...others.slice(1)].map((socket) => socket.destroyed),
      [false, false, false],
    )
    for (const socket of [ada, ...others]) socket.destroy()
  })
}

// Mallory has a /64 of addresses, as every customer has.
test('limit: addresses that are counted together share what one may have', LATE, async () => {
  await using porch = await startPorch(silent, {
    limits: { silentPerAddress: 1, silentMs: 0, graceMs: FAR },
    neighbourhood: () => 'the same street',
  })
  const one = await stranger(porch.port, '', '127.0.0.1')
  const two = await stranger(porch.port, '', '127.0.0.2')

  await one.ended

  assert.equal(two.destroyed, false)
  two.destroy()
})

// Mallory asks for the login service for ever: it is no attempt, and each is answered.
test('limit: the login service is not given without end', LATE, async () => {
  await using porch = await startPorch(silent, { limits: { graceMs: FAR } })
  using mallory = await rawClient(porch.port, false)
  const closed = mallory.next('nothing')

  let given = 0
  mallory.protocol._handlers.SERVICE_ACCEPT = () => {
    given += 1
    mallory.protocol.service('ssh-userauth')
  }
  mallory.protocol.service('ssh-userauth')

  assert.equal((await closed).name, 'closed')
  assert.ok(given >= 10 && given <= 40, `${given} times`)
})

// Mallory asks for ever which methods there are: no attempt of hers fails.
test('limit: questions before login have an end, too', LATE, async () => {
  await using porch = await startPorch(silent)
  using mallory = await rawClient(porch.port, false)
  const closed = mallory.next('USERAUTH_SUCCESS')

  for (;;) {
    const heard = mallory.next('USERAUTH_FAILURE')
    mallory.protocol.authNone(ADA.name)
    if ((await heard).name === 'closed') break
  }

  assert.equal((await closed).name, 'closed')
})

// Mallory begins key exchanges: each costs the server a signature, and her nothing.
test('limit: nobody gets new keys before login', LATE, async () => {
  const offences: string[] = []
  await using porch = await startPorch(silent, { rubbish: (address) => void offences.push(address) })
  using mallory = await rawClient(porch.port, false)

  const heard = mallory.next()
  mallory.protocol.rekey()

  assert.equal((await heard).name, 'closed')
  assert.deepEqual(offences, ['127.0.0.1'])
})

test('limit: new keys again and again, for nothing, end the connection', LATE, async () => {
  await using porch = await startPorch(silent)
  using mallory = await rawClient(porch.port)
  const closed = mallory.next('nothing')

  let exchanges = 0
  mallory.onExchange(() => {
    exchanges += 1
    mallory.protocol.rekey()
  })
  mallory.protocol.rekey()
  await closed

  assert.ok(exchanges >= 15 && exchanges < 20, String(exchanges))
})

// What is left of a read for the next turn was counted again in each: new keys long before their time.
test('limit: what waits for its turn is of the volume once', async () => {
  await using porch = await startPorch(silent, { limits: { rekeyBytes: 1024 * 1024 } })
  using client = await rawClient(porch.port)
  let exchanges = 0
  client.onExchange(() => {
    exchanges += 1
  })
  const answered = Promise.withResolvers<void>()
  let answers = 0
  client.protocol._handlers.REQUEST_FAILURE = () => {
    answers += 1
    if (answers === 4_000) answered.resolve()
  }

  client.together(() => {
    for (let i = 0; i < 4_000; i++) client.protocol.ping()
  })
  await answered.promise

  assert.equal(exchanges, 0)
})

for (const dataPath of ['fast', 'plain'] as const) {
  // What is sealed under one key for ever can be broken in the end (RFC 4253 §9).
  test(`limit: keys are renewed by volume, and nothing is lost on the way (${dataPath})`, async () => {
    await using porch = await startPorch(echo, { dataPath, limits: { rekeyBytes: 1024 * 1024 } })
    const client = await login(porch.port)
    let exchanges = 0
    client.on('handshake', () => {
      exchanges += 1
    })
    const sent = Buffer.alloc(5 * 1024 * 1024, 'abcdefg')

    const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
      client.exec('echo', (error, opened) => (error ? reject(error) : resolve(opened))),
    )
    channel.end(sent)
    const received = Buffer.concat(await channel.toArray())

    assert.ok(received.equals(sent))
    // What is under way when an exchange begins still comes under the old keys.
    assert.ok(exchanges >= 2, `${exchanges} exchanges for 10 MiB`)
    client.end()
  })
}

test('limit: keys are renewed by time', LATE, async () => {
  await using porch = await startPorch(silent, { limits: { rekeyMs: 100 } })
  const client = await login(porch.port)

  for (let i = 0; i < 3; i++) await once(client, 'handshake')

  client.end()
})

// Mallory begins to answer our key exchange and never does; ssh2 keeps all answers until then.
test('limit: a client that asks on while it withholds its part of a key exchange is cut', async () => {
  await using porch = await startPorch(silent, { limits: { rekeyMs: 100 } })
  using mallory = await rawClient(porch.port)
  const closed = mallory.next('KEXINIT')
  mallory.ignoreExchange()

  // As much a turn as the server takes of one client: it is to be reached here by what it keeps, not by what lies in our socket.
  const again = setInterval(() => {
    for (let i = 0; i < 200; i++) mallory.protocol.ping()
  }, 1)
  const { name } = await closed
  clearInterval(again)

  assert.equal(name, 'closed')
})

// A laptop was closed over an open session: its half of the connection will never say so.
test('limit: who does not answer three questions is gone; who answers may sit for ever', LATE, async () => {
  await using porch = await startPorch(silent, { limits: { keepaliveMs: 200, idleMs: 500 } })
  using ada = await rawClient(porch.port)
  using dead = await rawClient(porch.port)
  for (const client of [ada, dead]) client.protocol.session(0, 65_536, 32_768)
  const gone = dead.next('GLOBAL_REQUEST')
  void gone
  let asked = 0
  const patient = new Promise<void>((resolve) => {
    const answer = ada.protocol._handlers.GLOBAL_REQUEST!
    ada.protocol._handlers.GLOBAL_REQUEST = (protocol, ...args) => {
      answer(protocol, ...args)
      asked += 1
      if (asked === 8) resolve()
    }
  })
  const closed = dead.next('nothing')

  assert.equal((await closed).name, 'closed')
  await patient
  // Eight questions are longer than the idle time: a channel is open.
  assert.equal(asked, 8)
})

test('limit: a connection without a channel is idle, and ends', LATE, async () => {
  await using porch = await startPorch(silent, { limits: { idleMs: 100, keepaliveMs: 20 } })
  const client = await login(porch.port)

  await once(client, 'close')
})

test('limit: a connection whose channels are all closed is idle again', LATE, async () => {
  await using porch = await startPorch(async () => 0, { limits: { idleMs: 300, keepaliveMs: FAR } })
  const client = await login(porch.port)
  const closed = once(client, 'close')

  client.exec('nothing', (error, channel) => {
    assert.ifError(error)
    channel.resume()
  })

  await closed
})

// Mallory is a port scanner, then a web browser. The first is not worth a word, the second is.
test('limit: who says what is no SSH is sent away and told of; who says nothing is not', async () => {
  const offences: string[] = []
  await using porch = await startPorch(silent, { rubbish: (address) => void offences.push(address) })

  const probe = connect(porch.port, '127.0.0.1')
  await once(probe, 'connect')
  probe.destroy()
  const line = await stranger(porch.port, 'SSH-2.0-scanner\r\n')
  line.destroy()
  assert.deepEqual(offences, [])
  for (const text of ['GET / HTTP/1.1\r\n', `SSH-2.0-${'x'.repeat(300)}`, 'SSH-1.5-old\r\n']) {
    const browser = await stranger(porch.port, text)
    await browser.ended
  }

  assert.deepEqual(offences, ['127.0.0.1', '127.0.0.1', '127.0.0.1'])
})

// Mallory is through the key exchange, and then sends what is no request.
test('limit: who breaks the protocol before login is sent away and told of', LATE, async () => {
  const offences: string[] = []
  await using porch = await startPorch(silent, { rubbish: (address) => void offences.push(address) })
  using mallory = await rawClient(porch.port, false)

  const heard = mallory.next('USERAUTH_FAILURE')
  mallory.send(Buffer.from([50, 0, 0, 0, 200, 1]))

  assert.equal((await heard).name, 'closed')
  assert.deepEqual(offences, ['127.0.0.1'])
})
