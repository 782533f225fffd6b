import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { openFarDoor } from '../../src/far-door.ts'
import { serveFar } from '../../src/far-session.ts'
import { memorySession } from '../support/memory-channel.ts'

/** A kind that there is none of. */
const RUBBISH = Buffer.from([9, 0, 0, 0, 1])

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
  const served = serveFar(memorySession({ log }).session, path)
  const socket = await come.promise

  socket.write(RUBBISH)

  assert.equal(await served, 1)
  await once(socket, 'close')
  assert.deepEqual(errors, ['frame refused: Error: A frame of kind 9'])
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
