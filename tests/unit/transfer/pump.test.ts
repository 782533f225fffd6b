import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OpError } from '../../../src/base/error.ts'
import { type PumpOptions, pump } from '../../../src/transfer/pump.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import type { FileHandle } from '../../../src/vfs/vfs.ts'
import { noise } from '../../support/trees.ts'

const quiet = new AbortController().signal
const vfs = memoryFileSystem()

async function fileOf(name: string, content: Uint8Array): Promise<FileHandle> {
  const file = await vfs.open(virtualPath(name), { read: true, write: true, create: true, truncate: true })
  if (content.length > 0) await file.write([content], 0)
  return file
}

/** Moves pieces between two files, and says no now and then: there is room again a little later. */
function copy(source: FileHandle, target: FileHandle, options: PumpOptions, noRoom = 0): Promise<number> {
  let asked = 0
  const move = async (at: number, length: number): Promise<number> => {
    const place = new Uint8Array(length)
    let count = 0
    for (let more = 1; more > 0 && count < length; count += more)
      more = await source.read([place.subarray(count)], at + count)
    if (count > 0) await target.write([place.subarray(0, count)], at)
    return count
  }
  return pump(
    options,
    (at, length, done) => {
      if (noRoom > 0 && ++asked % noRoom === 0) return false
      move(at, length).then(done, (error: unknown) => done(0, error))
      return true
    },
    (again) => void setImmediate(again),
  )
}

/** Answers later, and reads in pieces of at most `most`. */
function late(file: FileHandle, most: number, seen: { open: number; most: number }): FileHandle {
  const later = async <T>(bytes: number, work: () => T | Promise<T>): Promise<T> => {
    seen.open += bytes
    seen.most = Math.max(seen.most, seen.open)
    await new Promise((resolve) => setImmediate(resolve))
    seen.open -= bytes
    return work()
  }
  return {
    ...file,
    read: ([into], at) => later(into!.length, () => file.read([into!.subarray(0, most)], at)),
    write(data, at) {
      const own = data.map((one) => Uint8Array.from(one))
      return later(own[0]!.length, () => file.write(own, at))
    },
    stat: () => file.stat(),
  }
}

async function contentOf(file: FileHandle): Promise<Buffer> {
  const place = Buffer.alloc((await file.stat()).size)
  if (place.length > 0) await file.read([place], 0)
  return place
}

test('pump: the bytes arrive, whichever side waits, in whatever pieces it reads, and the window is kept', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(300),
      fc.nat(300),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 6 }),
      fc.constantFrom('source', 'target', 'both', 'none'),
      fc.nat(4),
      async (size, from, chunk, chunks, waits, noRoom) => {
        const content = noise(size, size + 1)
        const begin = Math.min(from, size)
        const seen = { open: 0, most: 0 }
        const source = await fileOf('/a', content)
        const target = await fileOf('/b', content.subarray(0, begin))
        const ends: number[] = []

        const end = await copy(
          waits === 'source' || waits === 'both' ? late(source, Math.max(1, chunk - 1), seen) : source,
          waits === 'target' || waits === 'both' ? late(target, chunk, seen) : target,
          {
            from: begin,
            to: size,
            chunk,
            window: chunk * chunks,
            signal: quiet,
            onProgress: (done) => ends.push(done),
          },
          noRoom === 1 ? 0 : noRoom,
        )

        assert.equal(end, size)
        assert.deepEqual(await contentOf(target), content)
        assert.deepEqual(
          ends,
          [...ends].sort((a, b) => a - b),
        )
        assert.equal(ends.at(-1) ?? size, size)
        assert.ok(seen.most <= chunk * chunks, `${seen.most} bytes were under way`)
      },
    ),
    { numRuns: 60 },
  )
})

test('pump: a source that ends sooner ends it, and an error waits for what was given out', async () => {
  const short = await fileOf('/short', noise(100))
  const seen = { open: 0, most: 0 }
  const target = await fileOf('/t', Buffer.alloc(0))
  const options = { from: 0, to: 500, chunk: 30, window: 120, signal: quiet }
  assert.equal(await copy(late(short, 30, seen), target, options), 100)

  const failing: FileHandle = {
    ...late(target, 30, seen),
    write: (data, at) =>
      at >= 60 ? Promise.reject(new OpError('ENOSPC', 'full')) : late(target, 30, seen).write(data, at),
  }

  await assert.rejects(async () => copy(short, failing, { ...options, to: 100 }), { code: 'ENOSPC' })
  assert.equal(seen.open, 0)
})

test('pump: stops when it is told to', async () => {
  const stop = new AbortController()
  const source = await fileOf('/s', noise(1000))
  const target = await fileOf('/u', Buffer.alloc(0))

  await assert.rejects(
    async () =>
      copy(late(source, 10, { open: 0, most: 0 }), target, {
        from: 0,
        to: 1000,
        chunk: 10,
        window: 20,
        signal: stop.signal,
        onProgress: () => stop.abort(),
      }),
    { code: 'ECANCELED' },
  )
  assert.ok((await target.stat()).size < 1000)
})

test('pump: pieces that are done at once, and in any order, end it once', async () => {
  const later: (() => void)[] = []
  const ends: number[] = []
  const options = { from: 0, to: 100, chunk: 10, window: 40, signal: quiet }

  const end = pump(
    { ...options, onProgress: (done) => ends.push(done) },
    (at, length, done) => {
      if (at % 20 === 0) done(length)
      else later.unshift(() => done(length))
      return true
    },
    () => {},
  )
  for (let next = later.shift(); next !== undefined; next = later.shift()) next()

  assert.equal(await end, 100)
  assert.equal(ends.at(-1), 100)
})

test('pump: a move that throws ends it with that, once what was begun is over', async () => {
  const later: (() => void)[] = []
  const options = { from: 0, to: 100, chunk: 10, window: 40, signal: quiet }
  let over = false

  const end = pump(
    options,
    (at, length, done) => {
      if (at === 20) throw new OpError('EBADF', 'closed')
      later.push(() => done(length))
      return true
    },
    () => {},
  )
  end.catch(() => {
    over = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(over, false)
  for (const next of later) next()

  await assert.rejects(end, { code: 'EBADF' })
  assert.equal(later.length, 2)
})
