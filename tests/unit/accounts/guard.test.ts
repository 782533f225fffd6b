import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type GuardSettings, openGuard } from '../../../src/accounts/guard.ts'
import type { KeyValue } from '../../../src/store/key-value.ts'

const settings: GuardSettings = {
  threshold: 6,
  windowMs: 60_000,
  banMs: 300_000,
  allow: ['127.0.0.0/8', '::1'],
}

function clockAt(start = 1_000_000) {
  let time = start
  return {
    now: () => time,
    elapsed: () => time,
    sleep: async () => {},
    pass(ms: number) {
      time += ms
    },
  }
}

function memory(): KeyValue {
  const map = new Map<string, unknown>()
  return {
    get: async (key) => map.get(key),
    set: async (key, value) => void map.set(key, value),
    delete: async (key) => map.delete(key),
    async *entries(prefix) {
      for (const entry of map) if (entry[0].startsWith(prefix)) yield entry
    },
    async [Symbol.asyncDispose]() {},
  }
}

test('guard: wrong passwords are answered later and later, then the address is banned for a time', async () => {
  const clock = clockAt()
  const guard = await openGuard(settings, memory(), clock)
  const delays: number[] = []

  for (let i = 0; i < 5; i++) {
    delays.push(guard.delay('192.0.2.1'))
    assert.equal(await guard.record('192.0.2.1', 'wrong password'), undefined)
  }
  assert.deepEqual(delays, [0, 250, 500, 1000, 2000])
  assert.equal(guard.banned('192.0.2.1'), undefined)

  const ban = await guard.record('192.0.2.1', 'wrong password')

  assert.equal(ban?.until, clock.now() + 300_000)
  assert.ok(guard.banned('192.0.2.1'))
  assert.equal(guard.banned('192.0.2.2'), undefined)
  clock.pass(300_000)
  assert.equal(guard.banned('192.0.2.1'), undefined)
})

test('guard: offences outside the window are forgotten, a good login forgives', async () => {
  const clock = clockAt()
  const guard = await openGuard(settings, memory(), clock)
  for (let i = 0; i < 5; i++) await guard.record('192.0.2.1', 'wrong password')
  clock.pass(60_001)
  assert.equal(await guard.record('192.0.2.1', 'wrong password'), undefined)

  for (let i = 0; i < 4; i++) await guard.record('192.0.2.1', 'wrong password')
  guard.forgive('192.0.2.1')
  assert.equal(guard.delay('192.0.2.1'), 0)
  assert.equal(await guard.record('192.0.2.1', 'wrong password'), undefined)
})

test('guard: each further ban is twice as long, to a day', async () => {
  const clock = clockAt()
  const guard = await openGuard(settings, memory(), clock)
  const lengths: number[] = []
  for (let i = 0; i < 12; i++) {
    for (let k = 0; k < 3; k++) {
      const ban = await guard.record('192.0.2.1', 'unknown user')
      if (ban) lengths.push(ban.until - clock.now())
    }
    clock.pass(lengths.at(-1)! + 1)
  }
  assert.deepEqual(lengths.slice(0, 3), [300_000, 600_000, 1_200_000])
  assert.equal(lengths.at(-1), 86_400_000)
})

test('guard: an IPv6 address counts for its /64, one in IPv4 clothes for itself', async () => {
  const guard = await openGuard(settings, memory(), clockAt())
  for (const address of ['2001:db8:0:1::1', '2001:db8:0:1::dead:beef', '2001:db8:0:1:5:6:7:8']) {
    await guard.record(address, 'protocol rubbish')
  }
  assert.equal(guard.banned('2001:db8:0:1::99')?.address, '2001:db8:0:1::/64')
  assert.equal(guard.banned('2001:db8:0:2::1'), undefined)

  for (let i = 0; i < 3; i++) await guard.record('::ffff:192.0.2.7', 'protocol rubbish')
  assert.equal(guard.banned('192.0.2.7')?.address, '192.0.2.7')
})

test('guard: bans outlive a restart, can be lifted and made by hand; loopback is left alone', async () => {
  const clock = clockAt()
  const store = memory()
  const first = await openGuard(settings, store, clock)
  for (let i = 0; i < 9; i++) await first.record('127.0.0.1', 'unknown user')
  assert.equal(first.banned('127.0.0.1'), undefined)
  await first.ban('192.0.2.9', 60_000, 'by grace')

  const second = await openGuard(settings, store, clock)

  assert.deepEqual(
    second.list().map(({ address, reason }) => ({ address, reason })),
    [{ address: '192.0.2.9', reason: 'by grace' }],
  )
  assert.equal((await second.lift('192.0.2.9'))?.address, '192.0.2.9')
  assert.equal(await second.lift('192.0.2.9'), undefined)
  assert.equal((await openGuard(settings, store, clock)).list().length, 0)
})

test('guard: scores of many addresses are bounded', async () => {
  const guard = await openGuard(settings, memory(), clockAt())
  for (let i = 0; i < 20_005; i++)
    await guard.record(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 'wrong password')

  assert.equal(guard.delay('10.0.0.0'), 0)
  assert.equal(guard.delay('10.0.0.255'), 250)
})

test('guard: a ban of an IPv6 network is found however it is written, one of an older version too', async () => {
  const store = memory()
  const old = { address: '2001:db8:0:0::/64', since: 0, until: 9e12, times: 1, reason: 'by grace' }
  await store.set(`ban/${old.address}`, old)
  const first = await openGuard(settings, store, clockAt())
  assert.equal(first.banned('2001:db8::5')?.address, '2001:db8::/64')
  const again = await openGuard(settings, store, clockAt())
  assert.deepEqual(
    (await again.list()).map(({ address }) => address),
    ['2001:db8::/64'],
  )
  assert.equal((await again.lift('2001:DB8:0::/64'))?.address, '2001:db8::/64')
})

test('guard: a further ban is longer after a restart too, and after a lift or a good month it is as the first', async () => {
  const clock = clockAt()
  const store = memory()
  const offend = async (): Promise<number> => {
    const guard = await openGuard(settings, store, clock)
    for (;;) {
      const ban = await guard.record('192.0.2.1', 'unknown user')
      if (ban) return ban.until - clock.now()
    }
  }
  assert.equal(await offend(), 300_000)
  clock.pass(300_001)
  assert.equal(await offend(), 600_000)

  clock.pass(30 * 86_400_000)
  assert.equal(await offend(), 300_000)
  const admin = await openGuard(settings, store, clock)
  await admin.lift('192.0.2.1')

  assert.equal(await offend(), 300_000)
})

test('guard: who logs in well forgets what was counted, but lifts no ban; who is lifted starts anew', async () => {
  const guard = await openGuard(settings, memory(), clockAt())
  await guard.ban('192.0.2.1', 60_000, 'by grace')

  guard.forgive('192.0.2.1')
  assert.equal(guard.banned('192.0.2.1')?.reason, 'by grace')
  await guard.record('192.0.2.1', 'wrong password')
  assert.equal(guard.delay('192.0.2.1'), 250)
  await guard.lift('192.0.2.1')

  assert.equal(guard.banned('192.0.2.1'), undefined)
  assert.equal(guard.delay('192.0.2.1'), 0)
})

test('guard: no answer is held back for longer than four seconds', async () => {
  const guard = await openGuard({ ...settings, threshold: 1000 }, memory(), clockAt())
  for (let i = 0; i < 100; i++) await guard.record('192.0.2.1', 'wrong password')

  assert.equal(guard.delay('192.0.2.1'), 4_000)
})

// The clock was years ahead, and somebody set it right.
test('guard: what was done in a time that never was bans nobody', async () => {
  const clock = clockAt()
  const guard = await openGuard(settings, memory(), clock)
  clock.pass(1_000_000_000)
  for (let i = 0; i < 3; i++) await guard.record('192.0.2.1', 'unknown user')
  await guard.record('192.0.2.2', 'wrong password')
  clock.pass(-1000)
  assert.ok(guard.banned('192.0.2.1'))
  clock.pass(-1_000_000_000)

  assert.equal(guard.banned('192.0.2.1'), undefined)
  assert.deepEqual(guard.list(), [])
  assert.equal(guard.delay('192.0.2.2'), 0)
})

test('guard: an address that is spared from now on is, without a restart', async () => {
  const changing = { ...settings, allow: [] as readonly string[] }
  const guard = await openGuard(changing, memory(), clockAt())
  await guard.ban('192.0.2.1', 60_000, 'by grace')
  assert.ok(guard.banned('192.0.2.1'))

  changing.allow = ['192.0.2.0/24']

  assert.equal(guard.banned('192.0.2.1'), undefined)
})

test('guard: a ban that is over for so long that it counts no more is kept nowhere', async () => {
  const clock = clockAt()
  const store = memory()
  const stored = async (): Promise<string[]> => {
    const keys: string[] = []
    for await (const [key] of store.entries('ban/')) keys.push(key)
    return keys
  }
  const guard = await openGuard(settings, store, clock)
  await guard.ban('192.0.2.1', 60_000, 'by grace')
  await guard.ban('192.0.2.2', 8 * 86_400_000, 'by grace')
  clock.pass(7 * 86_400_000 + 60_000)

  await guard.ban('192.0.2.3', 60_000, 'by grace')
  assert.deepEqual(await stored(), ['ban/192.0.2.2', 'ban/192.0.2.3'])

  clock.pass(30 * 86_400_000)
  await openGuard(settings, store, clock)
  assert.deepEqual(await stored(), [])
})

test('guard: a ban that an older version has stored lasts no longer than a date can tell', async () => {
  const store = memory()
  await store.set('ban/192.0.2.1', { address: '192.0.2.1', until: 8.64e15 + 1, times: 1, reason: 'by grace' })

  const guard = await openGuard(settings, store, clockAt())

  assert.deepEqual(
    guard.list().map(({ until }) => new Date(until).toISOString()),
    ['+275760-09-13T00:00:00.000Z'],
  )
})
