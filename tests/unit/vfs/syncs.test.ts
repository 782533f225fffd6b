import assert from 'node:assert/strict'
import fs from 'node:fs'
import { mock, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'

/** fsyncs that the disk has not answered. */
const underWay: fs.NoParamCallback[] = []
mock.method(fs, 'fsync', (_: number, answer: fs.NoParamCallback) => void underWay.push(answer))
// What they import keeps the function it finds.
const { stagedAccount } = await import('../../support/staged-account.ts')
const { bytes, NEW, onDisk, p, put } = await import('../../support/staged-files.ts')

/** Of libuv's threads, which logins need too. */
const THREADS = 4
const FILES = 5

test('fsyncs: leave a thread to others, whatever asks for them, and all are done', async () => {
  await using ada = await stagedAccount({ durable: 'overwrite' })
  const vfs = await ada.session()
  const works: Promise<void>[] = []
  for (let i = 0; i < FILES; i++) {
    await put(vfs, `/old-${i}`, 'old')
    const [made, replaced] = [await vfs.open(p(`/new-${i}`), NEW), await vfs.open(p(`/old-${i}`), NEW)]
    await replaced.write(bytes('new'), 0)
    works.push(made.sync(), Promise.resolve(replaced.close()))
  }

  let most = 0
  for (await turn(); underWay.length > 0; await turn()) {
    most = Math.max(most, underWay.length)
    underWay.shift()!(null)
  }

  await Promise.all(works)
  assert.ok(most > 1 && most < THREADS, `${most} at once`)
  for (let i = 0; i < FILES; i++) assert.equal(await onDisk(ada, `old-${i}`), 'new')
})
