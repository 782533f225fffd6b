import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { openFarDoor } from '../../src/far-door.ts'
import { FRAME, frameReader, writeFrame, writeJson } from '../../src/far-frames.ts'
import { serveFar } from '../../src/far-session.ts'
import type { ByteChannel } from '../../src/ssh/session.ts'
import { memorySession } from '../support/memory-channel.ts'

/** A kind that there is none of. */
const RUBBISH = Buffer.from([9, 0, 0, 0, 1])

/** Of a client that says nothing, and takes what it is sent when `begins` says so. */
class SlowChannel implements ByteChannel {
  readonly input: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} }
  taken = ''
  readonly #begins: Promise<void>

  constructor(begins: Promise<void>) {
    this.#begins = begins
  }

  write = async (bytes: Uint8Array): Promise<void> => {
    await this.#begins
    this.taken += Buffer.from(bytes).toString()
  }
  writeError = this.write
  end(): void {}
  packets(): never {
    throw new Error('A pipe was asked for packets')
  }
}

function socketIn(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'far-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'far.sock')
}

/** Keeps what goes wrong. */
function keptLog(): { readonly log: Log; readonly errors: string[] } {
  const errors: string[] = []
  return { errors, log: { ...silentLog, error: (event, cause) => void errors.push(`${event}: ${cause}`) } }
}

test('far session: a frame that cannot be ends the session, not the process with its channel', async (t) => {
  const path = socketIn(t)
  const come = Promise.withResolvers<Socket>()
  const other = createServer((socket) => come.resolve(socket.resume()))
  other.listen(path)
  await once(other, 'listening')
  t.after(() => other.close())
  const { log, errors } = keptLog()
  const { session, channel } = memorySession({ log })
  const served = serveFar(session, path)
  const socket = await come.promise

  socket.write(RUBBISH)

  assert.equal(await served, 1)
  assert.equal(channel.errors, 'The process that served your files has ended: try again in a moment\n')
  await once(socket, 'close')
  assert.deepEqual(errors, ['frame refused: Error: A frame of kind 9'])
})

test('far session: its status is the one that came, however slowly its client takes what came before', async (t) => {
  const path = socketIn(t)
  const ended = Promise.withResolvers<void>()
  const other = createServer((socket) => {
    socket.resume().once('close', ended.resolve)
    writeJson(socket, FRAME.head, { here: true })
    for (const word of ['one ', 'two ', 'three']) writeFrame(socket, FRAME.data, Buffer.from(word))
    writeJson(socket, FRAME.status, 7)
    socket.end()
  })
  other.listen(path)
  await once(other, 'listening')
  t.after(() => other.close())
  const slow = new SlowChannel(ended.promise)
  const request = { type: 'exec', command: 'cat a', pty: undefined } as const
  const { session } = memorySession()

  const status = await serveFar({ ...session, request, channel: slow }, path)

  assert.equal(status, 7)
  assert.equal(slow.taken, 'one two three')
})

test('far session: what came before a cut arrives, though the end of the channel is told behind it', async (t) => {
  const path = socketIn(t)
  const come = Promise.withResolvers<Socket>()
  const other = createServer({ pauseOnConnect: true }, come.resolve)
  other.listen(path)
  await once(other, 'listening')
  t.after(() => other.close())
  const { session, channel, abort } = memorySession()
  const served = serveFar(session, path)
  const socket = await come.promise
  writeJson(socket, FRAME.head, { here: true })
  const ready = Promise.withResolvers<void>()
  const packets = channel.packets.bind(channel)
  channel.packets = (sink) => {
    setImmediate(ready.resolve)
    return packets(sink)
  }
  await ready.promise

  // More than the kernel takes.
  for (let i = 0; i < 32; i++) channel.send(Buffer.alloc(64 * 1024))
  abort()
  await served
  await turn()
  channel.sendEof()
  let bytes = 0
  const read = frameReader({
    bytes: (_, piece) => {
      bytes += piece.length
    },
    whole: (kind, value) => heard.push([kind, value]),
  })
  const heard: unknown[] = []
  socket.on('data', read).resume()
  await once(socket, 'end')

  assert.equal(bytes, 2 * 1024 * 1024)
  assert.deepEqual(heard.at(-1), [FRAME.event, { cut: true }])
})

test('far door: a frame that cannot be ends its connection, and is told of', async (t) => {
  const path = socketIn(t)
  const { log, errors } = keptLog()
  await using _ = await openFarDoor({
    path,
    handlerFor: () => undefined,
    enter: () => undefined,
    log,
    clock: systemClock,
    queued: () => 1024,
    umask: process.umask,
  })
  const socket = connect(path).resume()

  socket.write(RUBBISH)

  await once(socket, 'close')
  assert.deepEqual(errors, ['frame refused: Error: A frame of kind 9'])
})
