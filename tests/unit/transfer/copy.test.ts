import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OpError } from '../../../src/base/error.ts'
import { copy } from '../../../src/transfer/copy.ts'
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

test('copy: the bytes arrive, whichever side waits, in whatever pieces it reads, and the window is kept', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(300),
      fc.nat(300),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 6 }),
      fc.constantFrom('source', 'target', 'both', 'none'),
      async (size, from, chunk, chunks, waits) => {
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
        )

        assert.equal(end, size)
        assert.deepEqual(await contentOf(target), content)
        assert.deepEqual(
          ends,
          [...ends].sort((a, b) => a - b),
        )
        assert.equal(ends.at(-1) ?? size, size)
        assert.ok(seen.most <= chunk * (chunks + 2), `${seen.most} bytes were under way`)
      },
    ),
    { numRuns: 60 },
  )
})

test('copy: a source that ends sooner ends it, and an error waits for what was given out', async () => {
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

test('copy: stops when it is told to', async () => {
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
