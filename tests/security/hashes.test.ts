// Mallory has the server hash a large file of hers, block by block, and replaces it meanwhile from another session: her
// account is full, so the old file is given up at once. The thread that hashes went on with the number of its descriptor,
// which by then was the next file that anybody opened; and its hashes were hers.
import assert from 'node:assert/strict'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { isOpError } from '../../src/base/error.ts'
import { digests } from '../../src/transfer/digest.ts'
import { stagedAccount } from '../support/staged-account.ts'
import { NEW, openUnder, p, put } from '../support/staged-files.ts'

/** So long that it is not hashed before it is replaced; it has no bytes on the disk. */
const SIZE = 2 * 1024 ** 3

test('hash: a descriptor that is lent stays that of its file when the file is replaced', async () => {
  await using mallory = await stagedAccount({ bytes: 7, keepMs: 0 })
  const [one, two] = [await mallory.session(), await mallory.session()]
  await put(one, '/a', 'the old')
  const file = await one.open(p('/a'), { read: true })
  using lent = file.descriptor?.()
  const { ino } = fstatSync(lent!.number)

  await put(two, '/a', 'the new')
  const others = openSync(import.meta.filename, 'r')

  assert.notEqual(others, lent!.number)
  assert.equal(fstatSync(lent!.number).ino, ino)
  assert.ok(lent!.closing.aborted)
  assert.equal(openUnder(mallory.home), 1)
  lent![Symbol.dispose]()
  await file.close()
  assert.equal(openUnder(mallory.home), 0)
  closeSync(others)
})

test('hash: of a file that is replaced meanwhile there is none', async () => {
  await using mallory = await stagedAccount({ bytes: SIZE, keepMs: 0 })
  await using hash = digests()
  const [one, two] = [await mallory.session(), await mallory.session()]
  const made = await one.open(p('/a'), NEW)
  await made.truncate(SIZE)
  await made.close()
  const file = await one.open(p('/a'), { read: true })
  const answer = hash.of('mallory', file, { algorithm: 'sha512', offset: 0 })

  await put(two, '/a', 'the new')

  await assert.rejects(answer, (error) => isOpError(error, 'ESTALE'))
  await file.abandon()
  assert.equal(openUnder(mallory.home), 0)
})
