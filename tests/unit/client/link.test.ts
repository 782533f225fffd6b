import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { isOpError, OpError } from '../../../src/base/error.ts'
import { type Line, linkOver } from '../../../src/client/link.ts'
import type { Dialed } from '../../../src/ssh/dial.ts'
import type { PacketSink } from '../../../src/ssh/session.ts'
import { encodeVersion } from '../../../src/wire/replies.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { MemoryChannel } from '../../support/memory-channel.ts'

/** A connection that is being made: `answer` lets it come to be. */
interface Dial {
  readonly signal: AbortSignal
  readonly isCut: () => boolean
  answer(): void
}

/** A link whose dials wait for the test; `heeds`: what was called off ends, as it does but for the last moment. */
function waitingLink({ heeds = true } = {}) {
  const dials: Dial[] = []
  const link = linkOver({
    clock: fakeClock(),
    patienceMs: 0,
    dialer: {
      host: 'h',
      port: 22,
      user: 'ada',
      dial(signal = new AbortController().signal) {
        const { promise, resolve, reject } = Promise.withResolvers<Dialed>()
        let isCut = false
        const cut = (): void => {
          isCut = true
        }
        const dialed = { software: 'MiniFTP_1', agreed: { kex: '', cipher: '' }, alive: () => !isCut, cut }
        dials.push({
          signal,
          isCut: () => isCut,
          answer: () => resolve(dialed as unknown as Dialed),
        })
        if (heeds) signal.addEventListener('abort', () => reject(new OpError('ECANCELED', 'Cancelled')))
        return promise
      },
    },
  })
  return { link, dials }
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'connected',
    (error: unknown) => (isOpError(error) ? error.code : String(error)),
  )

test('link: who gives up while it connects leaves the connection to the others', async () => {
  const { link, dials } = waitingLink()
  const impatient = new AbortController()
  const first = codeOf(link.open(impatient.signal))
  const second = codeOf(link.open(new AbortController().signal))
  await turn()

  impatient.abort()
  assert.equal(await first, 'ECANCELED')
  dials[0]!.answer()

  assert.equal(await second, 'connected')
  assert.equal(dials.length, 1)
})

test('link: a dial for which nobody waits any more is called off, and who comes then dials anew', async () => {
  const { link, dials } = waitingLink({ heeds: false })
  const impatient = [new AbortController(), new AbortController()]
  const opened = impatient.map(({ signal }) => codeOf(link.open(signal)))
  await turn()

  for (const one of impatient) one.abort()
  assert.deepEqual(await Promise.all(opened), ['ECANCELED', 'ECANCELED'])
  assert.equal(dials[0]!.signal.aborted, true)
  const later = codeOf(link.open(new AbortController().signal))
  await turn()
  dials[0]!.answer()
  dials[1]!.answer()

  assert.equal(await later, 'connected')
  assert.deepEqual(
    dials.map(({ isCut }) => isCut()),
    [true, false],
  )
})

test('link: a connection that comes to be in the moment in which the link ends is cut', async () => {
  const { link, dials } = waitingLink({ heeds: false })
  const opened = codeOf(link.open())
  await turn()

  dials[0]!.answer()
  await link[Symbol.asyncDispose]()

  assert.equal(await opened, 'ECANCELED')
  await turn()
  assert.equal(dials[0]!.isCut(), true)
})

test('link: a server that lets go of nothing is cut off soon after the signal has ended', async () => {
  const clock = fakeClock()
  const gone = Promise.withResolvers<never>()
  let isCut = false
  const dialed = {
    software: 'MiniFTP_1',
    alive: () => !isCut,
    cut() {
      isCut = true
      gone.reject(new OpError('ECONNRESET', 'The connection was lost'))
    },
    subsystem: () => gone.promise,
  } as unknown as Dialed
  const dialer = { host: 'h', port: 22, user: 'ada', dial: async () => dialed }
  const link = linkOver({ clock, patienceMs: 0, dialer })
  const stop = new AbortController()
  const worked = codeOf(
    link.lasting(
      stop.signal,
      () => 0,
      () => assert.fail(),
    ),
  )
  await turn()

  stop.abort()
  clock.pass(1_000)
  await turn()
  assert.equal(isCut, false)
  clock.pass(1_000)

  assert.equal(await worked, 'ECANCELED')
  assert.equal(isCut, true)
})

test("link: the session that some work has left is the next one's, and another is opened where it ended", async () => {
  let opened = 0
  const link = linkOver({
    clock: fakeClock(),
    patienceMs: 0,
    dialer: {
      host: 'h',
      port: 22,
      user: 'ada',
      async dial() {
        return {
          software: 'OpenSSH_9',
          alive: () => true,
          cut() {},
          async subsystem(_: string, sink: PacketSink) {
            opened += 1
            const channel = new MemoryChannel()
            void channel.packet().then(() => channel.send(encodeVersion({ version: 3, extensions: [] })))
            return { ...channel.packets(sink), close() {} }
          },
        } as unknown as Dialed
      },
    },
  })
  const { signal } = new AbortController()
  const run = (work: (line: Line) => void) =>
    link.lasting(
      signal,
      () => 0,
      async (line) => work(line),
    )

  await run(() => {})
  await run(() => {})
  assert.equal(opened, 1)

  await run(({ vfs }) => vfs.session.end())
  await run(() => {})
  assert.equal(opened, 2)
})
