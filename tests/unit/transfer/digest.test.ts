import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isOpError, OpError } from '../../../src/base/error.ts'
import { type Digests, digests } from '../../../src/transfer/digest.ts'
import type { FileHandle, VirtualPath } from '../../../src/vfs/vfs.ts'
import { lent } from '../../support/lent.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

const content = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 7919) >> 3))
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

let folder: string
let hash: Digests

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digest-'))
  await writeFile(join(folder, 'file'), content)
  hash = digests({ threads: 2 })
})
after(async () => {
  await hash[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

/** The same bytes, with a descriptor and without. */
async function both(work: (file: FileHandle) => Promise<void>): Promise<void> {
  const vfs = new TinyVfs()
  vfs.put('/file', content)
  const inMemory = vfs.open('/file' as VirtualPath, { read: true })
  await work(inMemory)
  await using real = await open(join(folder, 'file'))
  await work({ ...inMemory, descriptor: () => lent(real.fd) })
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('digest: a whole file, a range, and a range past its end', () =>
  both(async (file) => {
    assert.equal(hex(await hash.of('ada', file, { algorithm: 'md5', offset: 0 })), md5(content))
    const range = { algorithm: 'md5', offset: 1000, length: 300_000 } as const
    assert.equal(hex(await hash.of('ada', file, range)), md5(content.subarray(1000, 301_000)))
    const past = { algorithm: 'md5', offset: 699_999, length: 5000 } as const
    assert.equal(hex(await hash.of('ada', file, past)), md5(content.subarray(699_999)))
    assert.equal(hex(await hash.of('ada', file, { algorithm: 'md5', offset: 800_000 })), md5(Buffer.alloc(0)))
  }))

test('digest: blocks are hashed each, the last one as far as it goes', () =>
  both(async (file) => {
    const blocks = await hash.of('ada', file, { algorithm: 'md5', offset: 0, block: 300_000 })

    const parts = [
      content.subarray(0, 300_000),
      content.subarray(300_000, 600_000),
      content.subarray(600_000),
    ]
    assert.equal(hex(blocks), parts.map(md5).join(''))
    const even = await hash.of('ada', file, { algorithm: 'md5', offset: 0, block: 350_000 })
    assert.equal(even.length, 32)
  }))

test('digest: a descriptor that cannot be read is EBADF', async () => {
  await using file = await open(join(folder, 'write-only'), 'w')
  const handle = {
    ...new TinyVfs().open('/x' as VirtualPath, { create: true, write: true }),
    descriptor: () => lent(file.fd),
  }

  await assert.rejects(hash.of('ada', handle, { algorithm: 'md5', offset: 0 }), (error) =>
    isOpError(error, 'EBADF'),
  )
})

test('digest: what is closed meanwhile is not hashed to its end', async () => {
  await using file = await open(join(folder, 'file'))
  const closing = new AbortController()
  const handle = {
    ...new TinyVfs().open('/x' as VirtualPath, { create: true, write: true }),
    descriptor: () => lent(file.fd, closing.signal),
  }

  const answer = hash.of('ada', handle, { algorithm: 'md5', offset: 0 })
  closing.abort(new OpError('ESTALE', 'Replaced meanwhile'))

  await assert.rejects(answer, (error) => isOpError(error, 'ESTALE'))
})

test('digest: one account has one hash at a time, another does not wait for it', async () => {
  const order: string[] = []
  const slow = Promise.withResolvers<number>()
  const file = (read: () => number | Promise<number>): FileHandle => ({
    ...new TinyVfs().open('/x' as VirtualPath, { create: true, read: true }),
    read,
  })
  const ask = async (account: string, name: string, read: () => number | Promise<number>): Promise<void> => {
    await hash.of(account, file(read), { algorithm: 'md5', offset: 0 })
    order.push(name)
  }

  const first = ask('ada', 'ada 1', () => slow.promise)
  const second = ask('ada', 'ada 2', () => 0)
  await ask('mallory', 'mallory', () => 0)
  slow.resolve(0)
  await Promise.all([first, second])

  assert.deepEqual(order, ['mallory', 'ada 1', 'ada 2'])
})

test('digest: what nobody waits for any more is ended', async () => {
  const gone = new AbortController()
  gone.abort()

  await both((file) =>
    assert.rejects(hash.of('ada', file, { algorithm: 'md5', offset: 0 }, gone.signal), (error) =>
      isOpError(error, 'ECANCELED'),
    ),
  )
})

test('digest: one that takes for ever holds up no other account, however few threads there are', async () => {
  await using one = digests({ threads: 1 })
  await using vast = await open(join(folder, 'vast'), 'w+')
  await vast.truncate(2 ** 40)
  await using real = await open(join(folder, 'file'))
  const handle = new TinyVfs().open('/x' as VirtualPath, { create: true, read: true })
  const gone = new AbortController()
  const whole = { algorithm: 'md5', offset: 0 } as const
  const endless = one.of('mallory', { ...handle, descriptor: () => lent(vast.fd) }, whole, gone.signal)
  // Behind it, of the same account.
  const second = one.of('mallory', { ...handle, descriptor: () => lent(vast.fd) }, whole, gone.signal)

  const hashes = await one.of('ada', { ...handle, descriptor: () => lent(real.fd) }, whole)

  assert.equal(hex(hashes), md5(content))
  gone.abort()
  for (const ended of [endless, second]) await assert.rejects(ended, (error) => isOpError(error, 'ECANCELED'))
})
