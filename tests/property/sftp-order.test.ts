import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sftp } from '../../src/sftpd/subsystem.ts'
import type { VirtualFileSystem } from '../../src/vfs/vfs.ts'
import { encodeRequest, type Request } from '../../src/wire/requests.ts'
import { lateVfs, type When } from '../support/late-vfs.ts'
import { memorySession } from '../support/memory-channel.ts'
import { anyRequest } from '../support/sftp-requests.ts'
import { TinyVfs } from '../support/tiny-vfs.ts'

/** A tree with something to meet in it. */
function tree(): TinyVfs {
  const vfs = new TinyVfs()
  vfs.put('/a', 'some text to read')
  vfs.mkdir('/d' as never)
  vfs.put('/d/c', 'c')
  vfs.symlink('a', '/link' as never)
  vfs.limit = 5000
  return vfs
}

/** Sends the stream in turns cut at `cuts`, and gives the answers as they came. */
async function answers(
  vfs: VirtualFileSystem,
  requests: readonly Request[],
  cuts: readonly number[],
): Promise<Buffer[]> {
  const harness = memorySession()
  const ended = sftp({ open: () => vfs, clock: { now: () => 0, elapsed: () => 0, sleep: async () => {} } })(
    harness.session,
  )
  await Promise.resolve()
  harness.ask({ type: 'init', version: 3 })
  await harness.version()
  const stream = Buffer.concat(requests.map(encodeRequest))
  for (let at = 0, i = 0; at < stream.length; i++) {
    const size = cuts[i % cuts.length]!
    harness.channel.send(stream.subarray(at, at + size))
    at += size
  }
  const all: Buffer[] = []
  for (const _ of requests) all.push(Buffer.from(await harness.channel.packet()))
  harness.channel.sendEof()
  assert.equal(await ended, 0)
  assert.equal(harness.channel.untaken, 0, 'more answers than requests')
  return all
}

const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 })
/** Two files are open from the beginning, so that handles mean something. */
const begin: readonly Request[] = ['/a', '/new'].map((path, id) => ({
  type: 'open',
  id,
  path,
  flags: { read: true, write: true, create: true },
  attrs: {},
}))
const sessions = fc
  .array(anyRequest, { minLength: 1, maxLength: 60 })
  .map((requests): readonly Request[] => [...begin, ...requests])

test('sftp: each of many requests, whatever they ask, is answered once, in order', async () => {
  await fc.assert(
    fc.asyncProperty(sessions, cuts, async (requests, cuts) => {
      const replies = await answers(tree(), requests, cuts)
      const ids = replies.map((reply) => reply.readUInt32BE(1))
      assert.deepEqual(
        ids,
        requests.map((request) => ('id' in request ? request.id : undefined)),
      )
    }),
    { numRuns: 200 },
  )
})

test('sftp: a file system that answers late gives the answers and the files of one that answers at once', async () => {
  const moments = fc.array(fc.constantFrom<When>('now', 'soon', 'later'), { minLength: 1, maxLength: 20 })

  await fc.assert(
    fc.asyncProperty(sessions, cuts, moments, async (requests, cuts, moments) => {
      const serial = tree()
      const late = tree()
      let asked = 0
      const when = (): When => moments[asked++ % moments.length]!

      // One turn for each request: nothing can go in runs.
      const expected: Buffer[] = await oneByOne(serial, requests)
      const got = await answers(lateVfs(late, when), requests, cuts)

      assert.deepEqual(got, expected)
      assert.deepEqual(contents(late), contents(serial))
    }),
    { numRuns: 200 },
  )
})

test('sftp: runs of READs and WRITEs give the answers and the files of single ones', async () => {
  const handle = '\0\0\0\x01'
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constant('go on' as const), fc.nat(70)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('jump' as const), fc.nat(70)) },
  )
  const run = fc.tuple(fc.boolean(), fc.array(step, { minLength: 1, maxLength: 12 }))
  const all = fc.array(run, { minLength: 1, maxLength: 6 })

  await fc.assert(
    fc.asyncProperty(
      all,
      cuts,
      fc.boolean(),
      fc.integer({ min: 30, max: 600 }),
      async (runs, cuts, quick, limit) => {
        const flags = { read: true, write: true, create: true }
        const requests: Request[] = [{ type: 'open', id: 0, path: '/new', flags, attrs: {} }]
        for (const [writes, steps] of runs) {
          let offset = 0
          for (const [how, length] of steps) {
            if (how === 'jump') offset = (offset * 7) % 300
            const id = requests.length
            const data = [Buffer.alloc(length, 65 + (id % 26))]
            if (writes) requests.push({ type: 'write', id, handle, offset, data, length })
            else requests.push({ type: 'read', id, handle, offset, length })
            offset += length
          }
        }
        const [alone, together] = [tree(), tree()]
        for (const vfs of [alone, together]) vfs.limit = limit
        together.quick = quick

        const expected = await oneByOne(alone, requests)
        const got = await answers(together, requests, cuts)

        assert.deepEqual(got, expected)
        assert.deepEqual(contents(together), contents(alone))
      },
    ),
    { numRuns: 500 },
  )
})

/** Each request is sent when the one before was answered. */
async function oneByOne(vfs: TinyVfs, requests: readonly Request[]): Promise<Buffer[]> {
  const harness = memorySession()
  const ended = sftp({ open: () => vfs, clock: { now: () => 0, elapsed: () => 0, sleep: async () => {} } })(
    harness.session,
  )
  await Promise.resolve()
  harness.ask({ type: 'init', version: 3 })
  await harness.version()
  const all: Buffer[] = []
  for (const request of requests) {
    harness.ask(request)
    all.push(Buffer.from(await harness.channel.packet()))
  }
  harness.channel.sendEof()
  await ended
  return all
}

function contents(vfs: TinyVfs): string[] {
  return [...vfs.nodes]
    .map(([path, { kind, data, mode }]) => `${path} ${kind} ${mode} ${data.toString('hex')}`)
    .sort()
}
