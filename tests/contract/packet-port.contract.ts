import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type ssh2 from 'ssh2'
import type { PacketPort, PacketSink, SessionHandler } from '../../src/ssh/session.ts'
import { rawChannel } from '../support/raw-channel.ts'
import { startPorch } from '../support/start-porch.ts'

const MIB = 1024 * 1024

const CIPHERS: readonly ssh2.Algorithms[] = [
  { cipher: ['aes128-gcm@openssh.com'] },
  { cipher: ['aes256-gcm@openssh.com'] },
  { cipher: ['chacha20-poly1305@openssh.com'] },
  { cipher: ['aes128-ctr'], hmac: ['hmac-sha2-256-etm@openssh.com'] },
  { cipher: ['aes256-ctr'], hmac: ['hmac-sha2-512-etm@openssh.com'] },
  { cipher: ['aes256-ctr'], hmac: ['hmac-sha2-256'] },
]

/** Serves a session by what is done with its port; it ends with the client's EOF, or as `end` says. */
function portHandler(
  serve: (port: () => PacketPort, over: () => void) => Partial<PacketSink>,
): SessionHandler {
  return (session) =>
    new Promise((resolve) => {
      const sink = serve(
        () => port,
        () => resolve(7),
      )
      const port = session.channel.packets({
        bytes() {},
        settle() {},
        room() {},
        end: () => resolve(7),
        ...sink,
      })
      session.signal.addEventListener('abort', () => resolve(1))
    })
}

/** Sends back what comes, a turn at a time; what finds no room waits, and is not credited. */
const echo = portHandler((port, over) => {
  let waiting: Buffer[] = []
  let ended = false
  const serve = (): void => {
    const { writer, credit } = port()
    while (waiting.length > 0 && writer.room() > 0) {
      const chunk = waiting.shift()!
      if (chunk.length % 2 === 0) writer.put(chunk)
      else {
        let at = 0
        for (const place of writer.reserve(chunk.length)) {
          place.set(chunk.subarray(at, at + place.length))
          at += place.length
        }
      }
      credit(chunk.length)
    }
    writer.flush()
    if (ended && waiting.length === 0) over()
  }
  let lent: Uint8Array[] = []
  return {
    bytes: (chunk) => void lent.push(chunk),
    settle() {
      // The chunks lie in memory that is used again: they must still be whole here, and are copied.
      waiting = [...waiting, ...lent.map((chunk) => Buffer.from(chunk))]
      lent = []
      serve()
    },
    room: serve,
    end() {
      ended = true
      serve()
    },
  }
})

/** Sends `total` bytes as soon as somebody says anything, without a look at the room. */
const pour = (sent: Buffer): SessionHandler =>
  portHandler((port, over) => ({
    settle() {
      const { writer } = port()
      writer.put(sent)
      writer.flush()
      over()
    },
  }))

/** What every maker of a PacketPort must do, over real connections. */
export function packetPortContract(dataPath: 'fast' | 'plain'): void {
  const name = (what: string): string => `packet port (${dataPath}): ${what}`

  for (const algorithms of CIPHERS) {
    const called = [algorithms.cipher, algorithms.hmac ?? []].flat().join(' with ')
    test(
      name(`carries every byte both ways with ${called}, through key exchanges of either side`),
      async () => {
        await using porch = await startPorch(echo, { dataPath, limits: { rekeyMs: 60 } })
        using channel = await rawChannel(porch.port, {
          window: 2 ** 31,
          algorithms: { ...algorithms, kex: ['curve25519-sha256'] } as ssh2.Algorithms,
        })
        const sent = randomBytes(6 * MIB)

        for (let at = 0, i = 0; at < sent.length; i++) {
          const size = Math.min(1 + ((i * 7919) % 32_000), sent.length - at)
          await channel.until(() => channel.allowed() >= size)
          channel.send(sent.subarray(at, at + size))
          at += size
          if (i % 150 === 149) channel.rekey()
        }
        await channel.until(() => channel.data().length >= sent.length)

        assert.equal(md5(channel.data()), md5(sent))
      },
    )
  }

  // OpenSSH's RekeyLimit by time ends in the very moment in which its session starts: nothing more was answered.
  test(name('is made while a key exchange is under way, and the exchange comes to its end'), async () => {
    const may = Promise.withResolvers<void>()
    const made = Promise.withResolvers<void>()
    const late: SessionHandler = async (session) => {
      await may.promise
      const served = echo(session)
      made.resolve()
      return served
    }
    await using porch = await startPorch(late, { dataPath })
    using channel = await rawChannel(porch.port)
    const exchange = channel.holdExchange()

    channel.rekey()
    await exchange.came
    may.resolve()
    await made.promise
    exchange.goOn()
    channel.send(Buffer.from('after it'))
    await channel.until(() => channel.data().length === 8)

    assert.equal(String(channel.data()), 'after it')
  })

  test(name('keeps to packets of 1024 bytes, and fills a small window to its last byte'), async () => {
    const sent = randomBytes(20_000)
    await using porch = await startPorch(pour(sent), { dataPath })
    using channel = await rawChannel(porch.port, { window: 1500, packetSize: 1024 })
    const count = (): number => channel.data().length

    channel.send(Buffer.from('go'))
    let allowed = 1500
    for (const more of [1, 15, 16, 17, 700, 1023, 1024, 1025, 4000, 9000, 20_000]) {
      await channel.until(() => count() >= Math.min(allowed, sent.length))
      assert.equal(count(), Math.min(allowed, sent.length), 'more than the window')
      channel.adjust(more)
      allowed += more
    }
    await channel.until(() => count() === sent.length)

    assert.deepEqual(channel.data(), sent)
    assert.ok(channel.heard.every((what) => what.length <= 1024))
  })

  test(name('sends the exit status behind what waited for the window'), async () => {
    const sent = randomBytes(50_000)
    await using porch = await startPorch(pour(sent), { dataPath })
    using channel = await rawChannel(porch.port, { window: 100 })

    channel.send(Buffer.from('go'))
    await channel.until(() => channel.data().length === 100)
    channel.adjust(100_000)
    await channel.until(() => channel.heard.includes('close'))

    assert.deepEqual(channel.data(), sent)
    assert.deepEqual(
      channel.heard.filter((what) => typeof what === 'string' && what !== 'adjust'),
      ['exit-status', 'eof', 'close'],
    )
  })

  test(name('made after the EOF of its client, still hears of the window'), async () => {
    const sent = randomBytes(50_000)
    const may = Promise.withResolvers<void>()
    const late: SessionHandler = async (session) => {
      await may.promise
      return portHandler((port, over) => ({
        end() {
          const { writer } = port()
          writer.put(sent)
          writer.flush()
          over()
        },
      }))(session)
    }
    await using porch = await startPorch(late, { dataPath })
    using channel = await rawChannel(porch.port, { window: 100 })

    channel.sendEof()
    await channel.answered()
    may.resolve()
    await channel.until(() => channel.data().length === 100)
    channel.adjust(100_000)
    await channel.until(() => channel.heard.includes('close'))

    assert.deepEqual(channel.data(), sent)
  })

  test(name('takes back what was reserved and not filled, over several packets'), async () => {
    const sent = randomBytes(300_000)
    const handler = portHandler((port, over) => ({
      settle() {
        const { writer } = port()
        writer.put(sent.subarray(0, 1000))
        writer.reserve(200_000)
        writer.rewind(200_000)
        const places = writer.reserve(299_500)
        let at = 1000
        for (const place of places) {
          place.set(sent.subarray(at, at + place.length))
          at += place.length
        }
        writer.rewind(500)
        writer.flush()
        over()
      },
    }))
    await using porch = await startPorch(handler, { dataPath })
    using channel = await rawChannel(porch.port, { packetSize: 5000 })

    channel.send(Buffer.from('go'))
    await channel.until(() => channel.heard.includes('close'))

    assert.equal(md5(channel.data()), md5(sent))
  })

  test(name('has no room while the client takes nothing, and says when there is'), async () => {
    let put = 0
    let told = 0
    const most = 64 * MIB
    const fill = (port: PacketPort): void => {
      while (put < most && port.writer.room() > 0) {
        port.writer.reserve(100_000)
        put += 100_000
        port.writer.flush()
      }
    }
    const handler = portHandler((port, over) => ({
      settle: () => fill(port()),
      room() {
        told += 1
        if (told < 3) fill(port())
        else over()
      },
    }))
    await using porch = await startPorch(handler, { dataPath })
    using channel = await rawChannel(porch.port, { window: 1 * MIB })

    channel.send(Buffer.from('go'))
    await channel.until(() => channel.data().length === MIB)
    assert.ok(put < 8 * MIB, `${put} bytes were taken for a client that takes nothing`)
    for (let i = 2; i < 100 && told < 3; i++) {
      channel.adjust(MIB)
      await channel.until(() => channel.data().length >= i * MIB || channel.heard.includes('close'))
    }
    channel.adjust(64 * MIB)
    await channel.until(() => channel.heard.includes('close'))

    assert.equal(channel.data().length, put)
  })

  test(name('lets the client send no more than a little while nothing is credited'), async () => {
    let came = 0
    const handler = portHandler(() => ({
      bytes(chunk) {
        came += chunk.length
      },
    }))
    await using porch = await startPorch(handler, { dataPath })
    using channel = await rawChannel(porch.port)

    const chunk = Buffer.alloc(32 * 1024)
    for (let silent = 0; silent < 3 && came < 64 * MIB; silent++) {
      while (channel.allowed() >= chunk.length) {
        channel.send(chunk)
        silent = 0
      }
      await channel.answered()
    }

    assert.ok(came >= 2 * MIB - chunk.length && came <= 8 * MIB, `${came} bytes were let in`)
  })

  test(name('ends a connection that sends beyond its window'), { timeout: 20_000 }, async () => {
    await using porch = await startPorch(
      portHandler(() => ({})),
      { dataPath },
    )
    using channel = await rawChannel(porch.port)

    for (let i = 0; i < 400; i++) channel.send(Buffer.alloc(32_000))
    await channel.until(() => channel.heard.includes('cut'))
  })

  test(name("gives the client's EOF behind all its bytes"), async () => {
    const order: string[] = []
    let came = 0
    const handler = portHandler((_, over) => ({
      bytes(chunk) {
        came += chunk.length
      },
      settle: () => void order.push('settle'),
      end() {
        order.push(`end after ${came}`)
        over()
      },
    }))
    await using porch = await startPorch(handler, { dataPath })
    using channel = await rawChannel(porch.port)

    for (let i = 0; i < 30; i++) channel.send(Buffer.alloc(30_000))
    channel.sendEof()
    await channel.until(() => channel.heard.includes('close'))

    assert.equal(order.at(-1), 'end after 900000')
    assert.ok(order.length > 1)
  })
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}
