import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { isOpError } from '../../../src/base/error.ts'
import { digests } from '../../../src/transfer/digest.ts'
import type { FileHandle } from '../../../src/vfs/vfs.ts'
import { lent } from '../../support/lent.ts'

// A thread that nothing holds does not hold the process either: whoever waited for its end waited in vain.
test('digest: a hash that is answered while all are being ended does not let go of its thread', async (t) => {
  const hash = digests({ threads: 1 })
  const descriptor = openSync(import.meta.filename, 'r')
  const file = { descriptor: () => lent(descriptor) } as unknown as FileHandle
  const answer = hash.of('ada', file, { algorithm: 'md5', offset: 0 })
  const terminate = Worker.prototype.terminate
  t.mock.method(Worker.prototype, 'terminate', async function (this: Worker) {
    await answer
    return terminate.call(this)
  })
  const unref = t.mock.method(Worker.prototype, 'unref')

  await hash[Symbol.asyncDispose]()

  assert.equal(unref.mock.callCount(), 0)
})

// The timer of an earlier rest ended a thread that had just been used.
test('digest: a thread is ended when it was idle for ten seconds, counted from its last hash', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  await using hash = digests({ threads: 1 })
  const descriptor = openSync(import.meta.filename, 'r')
  const file = { descriptor: () => lent(descriptor) } as unknown as FileHandle
  const ended = t.mock.method(Worker.prototype, 'terminate')

  await hash.of('ada', file, { algorithm: 'md5', offset: 0 })
  t.mock.timers.tick(9_000)
  await hash.of('ada', file, { algorithm: 'md5', offset: 0 })
  t.mock.timers.tick(9_000)

  assert.equal(ended.mock.callCount(), 0)
  t.mock.timers.tick(1_000)
  assert.equal(ended.mock.callCount(), 1)
})

// What was lent for it stayed lent: the CLOSE of its file waited without end.
test('digest: a hash that is under way while all are being ended is given up, and gives its file back', async () => {
  const hash = digests({ threads: 1 })
  const back = Promise.withResolvers<void>()
  const descriptor = { ...lent(openSync('/dev/zero', 'r')), [Symbol.dispose]: back.resolve }
  const file = { descriptor: () => descriptor } as unknown as FileHandle
  const begun = hash.of('ada', file, { algorithm: 'md5', offset: 0 })
  const waiting = hash.of('ada', file, { algorithm: 'md5', offset: 0 })

  await hash[Symbol.asyncDispose]()

  for (const answer of [begun, waiting])
    await assert.rejects(answer, (error) => isOpError(error, 'ECANCELED'))
  await back.promise
})
