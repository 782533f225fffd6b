import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { OpError } from '../../../src/base/error.ts'
import { type GoneOnParts, goneOn } from '../../../src/vfs/gone-on.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath as p } from '../../../src/vfs/path.ts'
import { bytes, refuses } from '../../support/staged-files.ts'

test('resume: a first write that waits for the older upload to end, and fails with it, is told to its writer alone', async () => {
  const vfs = memoryFileSystem()
  const left = await vfs.open(p('/a'), { write: true, create: true })
  await left.write(bytes('123'), 0)
  const found = await left.stat()
  const ended = Promise.withResolvers<boolean>()
  const parts = {
    shelved: { part: () => undefined },
    staging: { own: () => undefined },
    stat: () => found,
    unfinished: { marked: (stat: typeof found) => stat, takeOver: () => ended.promise },
  } as unknown as GoneOnParts
  const resumed = await goneOn(vfs, parts, p('/a'), 3)

  const writing = resumed.write(bytes('4'), 3)
  ended.reject(new OpError('EIO', 'The hole could not be cut off'))

  await refuses('EIO', async () => writing)
  // What nobody has caught is heard of by now: it fails this test.
  await turn()
  await refuses('EIO', async () => resumed.close())
  assert.equal((await left.stat()).size, 3)
})
