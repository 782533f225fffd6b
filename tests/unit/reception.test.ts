import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { GONE } from '../../src/base/line.ts'
import { openReception, type Reception, type Taker } from '../../src/reception.ts'
import { type FakeClock, fakeClock } from '../support/fake-clock.ts'

/** A process that is asked to take connections, and answers when the test says what. */
interface Asked extends Taker {
  readonly asked: { readonly socket: Socket; answer(taken: unknown): void; fail(error: Error): void }[]
  next(): Promise<void>
}

function taker(): Asked {
  const asked: Asked['asked'] = []
  let heard = Promise.withResolvers<void>()
  return {
    asked,
    next: () => heard.promise,
    take(socket) {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>()
      asked.push({ socket, answer: resolve, fail: reject })
      heard.resolve()
      heard = Promise.withResolvers()
      return promise
    },
  }
}

async function open(
  t: TestContext,
  mostWaiting = 10,
  failed = (error: unknown): void => assert.fail(String(error)),
): Promise<{ reception: Reception; clock: FakeClock; knock(): Socket }> {
  const clock = fakeClock()
  const reception = await openReception({
    listen: { host: '127.0.0.1', port: 0 },
    mostWaiting: () => mostWaiting,
    clock,
    failed,
  })
  t.after(() => reception.close())
  const knock = (): Socket => {
    const socket = connect(reception.address.port, '127.0.0.1')
    t.after(() => socket.destroy())
    return socket.on('error', () => {}).resume()
  }
  return { reception, clock, knock }
}

test('a connection goes to another process when the one it went to has ended, or takes nobody any more', async (t) => {
  const { reception, knock } = await open(t)
  const [first, second, third] = [taker(), taker(), taker()]
  for (const one of [first, second, third]) reception.join(one)
  const client = knock()
  await first.next()

  let next = second.next()
  first.asked[0]!.answer(GONE)
  await next
  next = third.next()
  second.asked[0]!.answer(false)
  await next

  const { socket, answer } = third.asked[0]!
  assert.equal(socket, first.asked[0]!.socket)
  assert.equal(socket.destroyed, false)
  answer(true)
  await once(client, 'close')
  // Those two are asked no more.
  next = third.next()
  knock()
  await next
  assert.deepEqual([first.asked.length, second.asked.length, third.asked.length], [1, 1, 2])
})

test('who takes one at once gets the next, not who has not answered yet; else they take turns', async (t) => {
  const { reception, knock } = await open(t)
  const [slow, quick] = [taker(), taker()]
  reception.join(slow)
  reception.join(quick)
  let next = slow.next()
  knock()
  await next
  for (let turn = 0; turn < 3; turn++) {
    next = quick.next()
    knock()
    await next
    const closed = once(quick.asked[turn]!.socket, 'close')
    quick.asked[turn]!.answer(true)
    await closed
  }
  assert.equal(slow.asked.length, 1)

  const closed = once(slow.asked[0]!.socket, 'close')
  slow.asked[0]!.answer(true)
  await closed
  next = slow.next()
  knock()
  await next
  next = quick.next()
  knock()
  await next
})

test('those who take them at once take turns', async (t) => {
  const { reception, knock } = await open(t)
  const two = [taker(), taker()]
  for (const one of two) reception.join(one)
  for (let turn = 0; turn < 4; turn++) {
    const one = two[turn % 2]!
    const next = one.next()
    const client = knock()
    await next
    one.asked.at(-1)!.answer(true)
    await once(client, 'close')
  }
})

test('while nobody takes any they wait, so many, and the next who joins gets them', async (t) => {
  const { reception, knock } = await open(t, 2)
  const all = [knock(), knock(), knock()]
  const turnedAway = await Promise.race(all.map((one) => once(one, 'close').then(() => one)))
  const late = taker()

  reception.join(late)

  const got = late.asked.map(({ socket }) => socket.remotePort)
  assert.deepEqual(
    got.toSorted(),
    all
      .filter((one) => one !== turnedAway)
      .map((one) => one.localPort)
      .toSorted(),
  )
})

test('one that does not arrive is not kept for ever', async (t) => {
  const { reception, clock, knock } = await open(t)
  const deaf = taker()
  reception.join(deaf)
  const client = knock()
  await deaf.next()

  clock.pass(20_000)

  await once(client, 'close')
})

test('one that a process fails to take is closed and told of, and the process is asked on in its turn', async (t) => {
  const failures: unknown[] = []
  const { reception, knock } = await open(t, 10, (error) => failures.push(error))
  const [first, second] = [taker(), taker()]
  reception.join(first)
  reception.join(second)
  const client = knock()
  await first.next()
  const fault = new Error('it cannot be sent')

  first.asked[0]!.fail(fault)

  await once(client, 'close')
  assert.deepEqual(failures, [fault])
  for (const one of [second, first]) {
    const next = one.next()
    knock()
    await next
  }
})

test('one that cannot even be sent is closed and told of', async (t) => {
  const failures: unknown[] = []
  const { reception, knock } = await open(t, 10, (error) => failures.push(error))
  const fault = new Error('EMFILE')
  reception.join({
    take() {
      throw fault
    },
  })

  await once(knock(), 'close')

  assert.deepEqual(failures, [fault])
})

test('closed: who waits is turned away, and nobody is listened to', async (t) => {
  const { reception, knock } = await open(t)
  const client = knock()
  const busy = taker()
  await once(client, 'connect')
  // Accepted in order: when the second is handed over the first one waits.
  reception.join(busy)
  reception.leave(busy)
  const other = knock()
  await once(other, 'connect')

  reception.close()

  await Promise.all([once(other, 'close')])
  const late = knock()
  const [error] = await once(late, 'error')
  assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
})

test('closed: one that comes back from a process that ended is turned away', async (t) => {
  const { reception, knock } = await open(t)
  const dying = taker()
  reception.join(dying)
  const client = knock()
  await dying.next()
  reception.close()

  dying.asked[0]!.answer(GONE)

  await once(client, 'close')
})
