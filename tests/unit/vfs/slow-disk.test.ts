import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measure } from '../../../src/vfs/measure.ts'
import type { Pace } from '../../../src/vfs/pace.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { stagedAccount } from '../../support/staged-account.ts'

/** What is written is written in a later turn of the loop. */
const later: Pace = {
  quick: false,
  now: (work) => work(),
  later: (work) => new Promise<void>((resolve) => setImmediate(resolve)).then(work),
}

test('slow disk: what another session cuts off while a write is on its way is paid for as the file then is', async () => {
  await using ada = await stagedAccount({ bytes: 10_000, paces: { of: () => later } })
  const path = virtualPath('/a')
  const [one, other] = [await ada.session(), await ada.session()]
  const made = await one.open(path, { write: true, create: true })
  await made.write([Buffer.alloc(4000)], 0)
  await made.close()
  const [writer, cutter] = [await one.open(path, { write: true }), await other.open(path, { write: true })]

  const within = writer.write([Buffer.alloc(1000)], 3000)
  await cutter.truncate(0)
  await within
  const beyond = writer.write([Buffer.alloc(1000)], 5000)
  await cutter.truncate(10)
  await beyond
  await writer.close()
  await cutter.close()

  assert.ok(within instanceof Promise)
  assert.equal(ada.book.usage.used, (await measure(ada.home)).bytes)
})
