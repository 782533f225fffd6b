import assert from 'node:assert/strict'
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { storageIn } from '../../../src/shell/incoming.ts'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
import { stagedAccount } from '../../support/staged-account.ts'
import { bytes, interrupted, isPartial, onDisk, p, put } from '../../support/staged-files.ts'

/** What `sz -r` sends of a file, to a tree; the sentences about what was not taken, and what was logged. */
function sender(vfs: StagedFileSystem, force = false) {
  const refusals: string[] = []
  const logged: string[] = []
  const storage = storageIn({
    vfs,
    cwd: p('/'),
    name: undefined,
    force,
    refusals,
    signal: new AbortController().signal,
    log: (event) => logged.push(event),
  })
  const resume = (name: string, content: string) =>
    storage.open(
      { name, size: content.length, mtime: undefined, mode: undefined, resume: true },
      async (count) => crc32(content.slice(0, count)),
    )
  /** The same without `-r`. */
  const send = (name: string, size: number | undefined = 1) =>
    storage.open({ name, size, mtime: undefined, mode: undefined, resume: false }, async () => undefined)
  return { resume, send, storage, refusals, logged }
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

test('zmodem: one that does not prove the beginning is left as it was', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the begin')
  const { storage, refusals } = sender(vfs)
  const file = { name: 'a', size: 20, mtime: undefined, mode: undefined, resume: true }

  assert.equal(await storage.open(file, async () => undefined), undefined)

  assert.match(refusals[0]!, /does not prove that it begins with the 9 bytes that are here/)
  assert.equal(await onDisk(ada, 'a'), 'the begin')
})

test('zmodem: what is here and over 4 GiB is not gone on with, whatever the sender says of its size', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'x')
  await truncate(join(ada.home, 'a'), 2 ** 32)
  const { storage, refusals } = sender(vfs)
  const file = { name: 'a', size: undefined, mtime: undefined, mode: undefined, resume: true }

  const opened = await storage.open(file, () => assert.fail('A proof of so much cannot be asked for'))

  assert.equal(opened, undefined)
  assert.match(refusals[0]!, /over 4 GiB/)
})

test('zmodem: the largest that can be counted is taken, a byte more is not', async () => {
  await using ada = await stagedAccount()
  const { send, refusals } = sender(await ada.session())

  const opened = await send('a', 2 ** 32 - 1)
  await opened?.handle.abandon()

  assert.equal(opened?.from, 0)
  assert.equal(await send('b', 2 ** 32), undefined)
  assert.match(refusals[0]!, /^"\/b" was left alone: it is over 4 GiB/)
})

test('zmodem: a name that is none is refused, and leads nowhere', async () => {
  await using ada = await stagedAccount()
  const { send, refusals } = sender(await ada.session())

  for (const name of ['', '.', '..', 'a/b', '/a', '../a']) assert.equal(await send(name), undefined, name)

  assert.deepEqual(
    refusals,
    ['', '.', '..', 'a/b', '/a', '../a'].map((name) => `"${name}" is not a name for a file`),
  )
})

test('zmodem: what is there is left alone, unless it is to be replaced; a folder always', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old')
  await vfs.mkdir(p('/folder'))
  const careful = sender(vfs)
  const forced = sender(vfs, true)

  assert.equal(await careful.send('a'), undefined)
  assert.equal(await forced.send('folder'), undefined)
  const opened = await forced.send('a')
  await opened!.handle.write(bytes('new'), 0)
  await opened!.handle.close()

  assert.deepEqual(careful.refusals, ['"/a" is there already and was left alone: replace it by put -f'])
  assert.deepEqual(forced.refusals, ['"/folder" is a folder'])
  assert.equal(await onDisk(ada, 'a'), 'new')
})

test('zmodem: a sender that offers files without end fills no memory by what is said of them', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  const { send, storage, refusals } = sender(vfs)

  for (let offered = 0; offered < 1_250; offered++) assert.equal(await send('..'), undefined)

  assert.equal(refusals.length, 1_000)
  assert.equal(storage.untold, 250)
})
