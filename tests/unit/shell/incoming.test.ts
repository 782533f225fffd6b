import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { storageIn } from '../../../src/shell/incoming.ts'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
import { stagedAccount } from '../../support/staged-account.ts'
import { bytes, interrupted, isPartial, onDisk, p, put } from '../../support/staged-files.ts'

/** What `sz -r` sends of a file, to a tree; the sentences about what was not taken, and what was logged. */
function sender(vfs: StagedFileSystem) {
  const refusals: string[] = []
  const logged: string[] = []
  const storage = storageIn({
    vfs,
    cwd: p('/'),
    name: undefined,
    force: false,
    refusals,
    signal: new AbortController().signal,
    log: (event) => logged.push(event),
  })
  const resume = (name: string, content: string) =>
    storage.open(
      { name, size: content.length, mtime: undefined, mode: undefined, resume: true },
      async (count) => crc32(content.slice(0, count)),
    )
  return { resume, refusals, logged }
}

test('zmodem: a complete file that is gone on with is partial until it is done', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the begin')

  const opened = await sender(vfs).resume('a', 'the beginning')
  assert.equal(opened?.from, 9)
  assert.ok(!(await isPartial(vfs, '/a')))
  await opened!.handle.write(bytes('ning'), 9)
  assert.ok(await isPartial(vfs, '/a'))
  await opened!.handle.close()

  assert.ok(!(await isPartial(vfs, '/a')))
  assert.equal(await onDisk(ada, 'a'), 'the beginning')
})

test('zmodem: other content is refused, logged, and left as it was, with the part of an interrupted replacement', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await interrupted(vfs, '/a', 'the new one, its beginning')
  const { resume, refusals, logged } = sender(vfs)

  assert.equal(await resume('a', 'the new one, its beginning and its end'), undefined)

  assert.match(refusals[0]!, /^Same name, different content: "\/a" has CRC [0-9a-f]{8} in its 7 bytes here/)
  assert.deepEqual(logged, ['resume refused'])
  assert.equal(await onDisk(ada, 'a'), 'the old')
  assert.ok(!(await isPartial(vfs, '/a')))
  assert.deepEqual(
    vfs.shelved().map(({ kind, size }) => ({ kind, size })),
    [{ kind: 'part', size: 26 }],
  )
})
