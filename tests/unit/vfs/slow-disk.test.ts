import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { isOpError, OpError } from '../../../src/base/error.ts'
import { measure } from '../../../src/vfs/measure.ts'
import type { Pace } from '../../../src/vfs/pace.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import type { FileHandle, VirtualFileSystem } from '../../../src/vfs/vfs.ts'
import { type StagedAccount, stagedAccount } from '../../support/staged-account.ts'

/** What is written and read waits until `go`; and what comes then. */
function heldDisk(): Pace & { go(): void } {
  const held = Promise.withResolvers<void>()
  return {
    quick: false,
    now: (work) => work(),
    later: (work) => held.promise.then(work),
    go: () => held.resolve(),
  }
}

const A = virtualPath('/a')
const bytes = (count: number): readonly Uint8Array[] => [Buffer.alloc(count, 'x')]
const code = (wanted: string) => (error: unknown) => isOpError(error) && error.code === wanted

/** Ada with 10,000 bytes of quota and a file of 4,000; what she opens is on a disk that waits. */
async function withFile(
  use: (ada: StagedAccount, disk: { go(): void }, open: () => Promise<VirtualFileSystem>) => Promise<void>,
): Promise<void> {
  const disk = heldDisk()
  const folder = await stagedAccount({ bytes: 10_000, paces: { of: () => disk } })
  await using ada = folder
  writeFileSync(join(ada.home, 'a'), Buffer.alloc(4000))
  // As if it had been uploaded.
  ada.book.take(4000, '/a')
  ada.book.takeFile('/a')
  await use(ada, disk, () => ada.session())
}

const equalsDisk = async ({ book, home }: StagedAccount): Promise<void> =>
  assert.deepEqual({ bytes: book.usage.used, files: book.usage.files }, await measure(home))

test('slow disk: what another session cuts off while a write is on its way is cut behind it', async () => {
  await withFile(async (ada, disk, session) => {
    const writer = await (await session()).open(A, { write: true })
    const cutter = await (await session()).open(A, { write: true })

    const within = writer.write(bytes(1000), 3000)
    const cut = cutter.truncate(0)
    const beyond = writer.write(bytes(1000), 5000)
    disk.go()
    await Promise.all([within, cut, beyond])

    assert.ok(within instanceof Promise && cut instanceof Promise)
    assert.equal(readFileSync(join(ada.home, 'a')).indexOf('x'), 5000)
    await equalsDisk(ada)
  })
})

test('slow disk: a size set by name waits for the write that is on its way', async () => {
  await withFile(async (ada, disk, session) => {
    const writer = await (await session()).open(A, { write: true })
    const other = await session()

    const within = writer.write(bytes(1000), 5000)
    const sized = other.setstat(A, { size: 100 })
    assert.equal(ada.book.usage.used, 6000)
    disk.go()
    await Promise.all([within, sized])

    assert.equal((await other.stat(A)).size, 100)
    await equalsDisk(ada)
  })
})

test('slow disk: an OPEN with TRUNC in place waits for the write that is on its way', async () => {
  const disk = heldDisk()
  await using ada = await stagedAccount({ bytes: 10_000, overwrite: 'in-place', paces: { of: () => disk } })
  writeFileSync(join(ada.home, 'a'), Buffer.alloc(4000))
  ada.book.take(4000, '/a')
  ada.book.takeFile('/a')
  const writer = await (await ada.session()).open(A, { write: true })

  const written = writer.write(bytes(1000), 5000)
  const opened = (await ada.session()).open(A, { write: true, truncate: true })
  disk.go()
  await Promise.all([written, opened])

  assert.equal(ada.book.usage.used, 0)
  await equalsDisk(ada)
})

test('slow disk: two sessions that append write one after the other', async () => {
  await withFile(async (ada, disk, session) => {
    const [one, two] = [
      await (await session()).open(A, { write: true, append: true }),
      await (await session()).open(A, { write: true, append: true }),
    ]

    const both = [one.write(bytes(1000), 0), two.write(bytes(500), 0)]
    disk.go()
    await Promise.all(both)

    assert.equal((await one.stat()).size, 5500)
    await equalsDisk(ada)
  })
})

test('slow disk: a file that loses its name while it is written is paid for until its handle is closed', async () => {
  await withFile(async (ada, disk, session) => {
    const vfs = await session()
    const writer = await vfs.open(A, { write: true })

    const written = writer.write(bytes(1000), 5000)
    await vfs.unlink(A)
    const closed = writer.close()
    assert.equal(ada.book.usage.used, 6000)
    disk.go()
    await Promise.all([written, closed])

    await equalsDisk(ada)
  })
})

function numberOf(file: FileHandle): number | undefined {
  using lent = file.descriptor?.()
  return lent?.number
}

test('slow disk: what is being read keeps its descriptor when it is closed meanwhile', async () => {
  await withFile(async (ada, disk, session) => {
    const vfs = await session()
    const reader = await vfs.open(A, { read: true })
    const into = Buffer.alloc(10, 'y')

    const number = numberOf(reader)
    const read = reader.read([into], 0)
    const closed = reader.abandon()
    const made: FileHandle[] = []
    for (let i = 0; i < 8; i++)
      made.push(await vfs.open(virtualPath(`/new${i}`), { write: true, create: true }))
    assert.notEqual(number, undefined)
    assert.ok(!made.some((file) => numberOf(file) === number))
    disk.go()

    assert.equal(await read, 10)
    await closed
    assert.deepEqual(into, Buffer.alloc(10))
    assert.equal(reader.descriptor?.(), undefined)
    await equalsDisk(ada)
  })
})

test('slow disk: a WRITE that the disk will refuse, for the file is open to be read, takes nothing', async () => {
  await withFile(async (ada, _disk, session) => {
    const reader = await (await session()).open(A, { read: true })

    assert.throws(() => reader.write(bytes(1000), 5000), code('EBADF'))
    assert.throws(() => reader.truncate(9000), code('EBADF'))
    assert.throws(() => reader.setstat({ size: 9000 }), code('EBADF'))

    assert.equal(ada.book.usage.used, 4000)
  })
})

test('slow disk: after a CLOSE nothing is written, read or taken', async () => {
  await withFile(async (ada, disk, session) => {
    const file = await (await session()).open(A, { read: true, write: true })
    const written = file.write(bytes(1000), 3000)
    const closed = file.close()

    assert.throws(() => file.write(bytes(1000), 5000), code('EBADF'))
    assert.throws(() => file.read([Buffer.alloc(1)], 0), code('EBADF'))
    disk.go()
    await Promise.all([written, assert.rejects(async () => closed, code('EIO'))])

    assert.throws(() => file.write(bytes(1000), 5000), code('EBADF'))
    await equalsDisk(ada)
  })
})

test('slow disk: a write that fails gives back what it has not written, and nothing of the next one', async () => {
  const held = Promise.withResolvers<void>()
  let fails = 0
  const disk: Pace = {
    quick: false,
    now: (work) => work(),
    async later(work) {
      await held.promise
      if (++fails === 1) throw new OpError('ENOSPC', 'The disk is full')
      return work()
    },
  }
  await using ada = await stagedAccount({ bytes: 10_000, paces: { of: () => disk } })
  const file = await (await ada.session()).open(A, { write: true, create: true })

  const failing = file.write(bytes(3000), 0)
  const next = file.write(bytes(1000), 3000)
  held.resolve()

  await assert.rejects(async () => failing, code('ENOSPC'))
  await next
  await equalsDisk(ada)
  fails = 0
  await assert.rejects(async () => file.write(bytes(3000), 5000), code('ENOSPC'))
  assert.equal(ada.book.usage.used, 4000)
})

test('slow disk: what waits for the write before it keeps bytes of its own', async () => {
  await withFile(async (ada, disk, session) => {
    const file = await (await session()).open(A, { write: true })

    const first = file.write(bytes(10), 100)
    // Lent, as all that these sessions are given to write.
    const second = file.write([Buffer.from('kept')], 110)
    disk.go()
    await Promise.all([first, second])

    assert.equal(readFileSync(join(ada.home, 'a'), 'latin1').slice(110, 114), 'kept')
  })
})

test('slow disk: a handle that is closed twice leaves the file to the others once', async () => {
  await withFile(async (ada, _disk, session) => {
    const vfs = await session()
    const [one, two] = [await vfs.open(A, { read: true }), await vfs.open(A, { read: true })]
    await vfs.unlink(A)

    await one.close()
    await one.abandon()
    assert.equal(ada.book.usage.used, 4000)
    await two.close()

    assert.equal(ada.book.usage.used, 0)
  })
})

test('a size that cannot be set takes nothing', async () => {
  await using ada = await stagedAccount({ bytes: 100_000 })
  const vfs = await ada.session()
  await vfs.mkdir(A)

  assert.throws(() => vfs.setstat(A, { size: 90_000 }), code('EISDIR'))

  assert.equal(ada.book.usage.used, 0)
})

test('in place: one file that two sessions have open and truncate is charged once, as it is', async () => {
  await using ada = await stagedAccount({ bytes: 10_000, overwrite: 'in-place' })
  const open = async (truncate: boolean): Promise<FileHandle> =>
    await (await ada.session()).open(A, { write: true, create: true, truncate })
  const one = await open(true)
  await one.write(bytes(6000), 0)
  await one.close()

  const [two, three] = [await open(false), await open(true)]
  assert.equal(ada.book.usage.used, 0)
  await two.write(bytes(4000), 4000)
  await three.write(bytes(100), 0)
  const four = await open(true)
  await four.write(bytes(10), 0)
  await two.truncate(9000)
  await assert.rejects(async () => four.write(bytes(2), 9999), code('EDQUOT'))
  for (const file of [two, three, four]) await file.abandon()

  await equalsDisk(ada)
})

test('slow disk: a size set by name is that of the file that bears the name when its turn comes', async () => {
  await withFile(async (ada, disk, session) => {
    const B = virtualPath('/b')
    writeFileSync(join(ada.home, 'b'), Buffer.alloc(2000))
    ada.book.take(2000, '/b')
    ada.book.takeFile('/b')
    const vfs = await session()
    const writer = await vfs.open(A, { write: true })

    const written = writer.write(bytes(1000), 5000)
    const sized = vfs.setstat(A, { size: 100 })
    await vfs.rename(B, A, { replace: true })
    disk.go()
    await Promise.all([written, sized])
    await writer.abandon()

    assert.equal((await vfs.stat(A)).size, 100)
    await equalsDisk(ada)
  })
})

test('slow disk: what replaces a file is read and written off the loop, one thing after the other', async () => {
  await withFile(async (ada, disk, session) => {
    const file = await (await session()).open(A, { read: true, write: true, truncate: true })
    const into = Buffer.alloc(5)

    const first = file.write([Buffer.from('first')], 0)
    const second = file.write([Buffer.from('second')], 5)
    const closed = file.close()
    assert.equal(ada.book.usage.reserved, 0)
    disk.go()
    await Promise.all([first, second, closed])
    const other = await (await session()).open(A, { read: true, write: true, truncate: true })
    await other.write([Buffer.from('third')], 0)
    const read = other.read([into], 0)

    assert.ok(first instanceof Promise && read instanceof Promise)
    assert.equal(readFileSync(join(ada.home, 'a'), 'latin1'), 'firstsecond')
    assert.equal(await read, 5)
    assert.equal(into.toString(), 'third')
    await other.abandon()
    await equalsDisk(ada)
  })
})

test('slow disk: an overwrite whose client goes away while it is written becomes a part of all that was', async () => {
  await withFile(async (ada, disk, session) => {
    const vfs = await session()
    const file = await vfs.open(A, { write: true, truncate: true })

    const written = file.write(bytes(3000), 0)
    const ended = file.abandon()
    disk.go()
    await Promise.all([written, ended])

    assert.deepEqual(
      vfs.shelved?.().map(({ kind, size }) => ({ kind, size })),
      [{ kind: 'part', size: 3000 }],
    )
    assert.equal(ada.book.usage.reserved, 3000)
    await equalsDisk(ada)
  })
})

test('slow disk: a write that is on its way when its file is taken over leaves nothing in it', async () => {
  await withFile(async (ada, disk, session) => {
    const B = virtualPath('/b')
    const earlier = await (await session()).open(B, { write: true, create: true })
    const late = earlier.write([Buffer.from('older')], 0)
    const resumed = await (await session()).resume!(B, 0)

    const first = resumed.write([Buffer.from('new')], 0)
    disk.go()
    await Promise.all([late, first])
    await resumed.abandon()

    assert.equal(readFileSync(join(ada.home, 'b'), 'latin1'), 'new')
    await assert.rejects(async () => earlier.close(), code('ESTALE'))
    await equalsDisk(ada)
  })
})

/** Of libuv's threads, which logins need too. */
const THREADS = 4

test('slow disk: leaves a thread to logins, however many files are read and written', async () => {
  const underWay: (() => void)[] = []
  const disk: Pace = {
    quick: false,
    now: (work) => work(),
    later: (work) => new Promise<void>((begin) => underWay.push(begin)).then(work),
  }
  await using ada = await stagedAccount({ paces: { of: () => disk } })
  const vfs = await ada.session()
  const works: Promise<unknown>[] = []
  for (let i = 0; i < THREADS; i++) {
    const file = await vfs.open(virtualPath(`/f${i}`), { read: true, write: true, create: true })
    works.push(Promise.resolve(file.write(bytes(10), 0)), Promise.resolve(file.read([Buffer.alloc(1)], 0)))
  }

  let over = false
  const all = Promise.all(works).finally(() => {
    over = true
  })

  let most = 0
  for (await turn(); !over; await turn()) {
    most = Math.max(most, underWay.length)
    underWay.shift()?.()
  }

  await all
  assert.ok(most > 1 && most < THREADS, `${most} at once`)
})
