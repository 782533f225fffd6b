import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/base/clock.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { openFarDoor } from '../../src/far-door.ts'
import { FRAME, writeJson } from '../../src/far-frames.ts'

test('far door: one session that fails ends its channel, is told of, and does not keep the others from draining', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'far-door-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'door.sock')
  const failures: string[] = []
  const log: Log = { ...silentLog, error: (event, cause) => void failures.push(`${event}: ${cause}`) }
  await using door = await openFarDoor({
    path,
    handlerFor: () => undefined,
    enter() {
      throw new Error('the books are closed')
    },
    log,
    clock: systemClock,
    queued: () => 1024,
    umask: process.umask,
  })
  const silent = connect(path)
  await once(silent, 'connect')
  const failing = connect(path)
  const closed = [silent, failing].map((socket) => once(socket.resume(), 'close'))

  writeJson(failing, FRAME.head, { identity: { account: 'ada', role: 'user' } })

  await closed[1]
  assert.deepEqual(failures, ['session failed: Error: the books are closed'])
  await door.drain(0)
  await closed[0]
})
