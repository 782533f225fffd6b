import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import { fetchBytes, sendBytes } from '../../../src/client/move-bytes.ts'
import { remoteFile } from '../../../src/client/remote-file.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import type { FileHandle } from '../../../src/vfs/vfs.ts'
import { EOF, OK } from '../../../src/wire/replies.ts'
import { refusal, type ScriptedSession, scriptedSession } from '../../support/scripted-session.ts'
import { noise } from '../../support/trees.ts'

const SIZE = 100_000
const CHUNK = 30_000
const CONTENT = noise(SIZE, 5)
const options = { from: 0, to: SIZE, chunk: CHUNK, window: 4 * CHUNK, signal: new AbortController().signal }

const open = ({ session }: ScriptedSession) => remoteFile(session, 'h', '/f', true, false)

async function fileHere(content: Uint8Array): Promise<FileHandle> {
  const file = await memoryFileSystem().open(virtualPath('/f'), { read: true, write: true, create: true })
  if (content.length > 0) await file.write([content], 0)
  return file
}

async function contentOf(file: FileHandle): Promise<Buffer> {
  const place = Buffer.alloc((await file.stat()).size)
  if (place.length > 0) await file.read([place], 0)
  return place
}

/** What the WRITEs that came put into a file. */
function written({ asked }: ScriptedSession, size = SIZE): Buffer {
  const all = Buffer.alloc(size)
  let end = 0
  for (const request of asked)
    if (request.type === 'write' && request.handle === 'h') {
      const data = Buffer.concat(request.data)
      all.set(data, request.offset)
      end = Math.max(end, request.offset + data.length)
    }
  return all.subarray(0, end)
}

/** Reads at most `most` bytes a call; at once, or in a later turn. */
function slow(file: FileHandle, most: number, quick: boolean): FileHandle {
  const read: FileHandle['read'] = ([into], at) => file.read([into!.subarray(0, most)], at)
  return {
    ...file,
    quick: () => quick,
    read: quick
      ? read
      : async (into, at) => {
          await new Promise((resolve) => setImmediate(resolve))
          return read(into, at)
        },
  }
}

for (const quick of [true, false]) {
  const kind = quick ? 'at once' : 'later'
  test(`sending: a file that answers ${kind}, a little at a time, arrives whole`, async () => {
    const server = await scriptedSession((_, answer) => answer(OK))

    const end = await sendBytes(slow(await fileHere(CONTENT), 7_000, quick), open(server), options)

    assert.equal(end, SIZE)
    assert.deepEqual(written(server), Buffer.from(CONTENT))
  })

  test(`sending: of a file that answers ${kind} and became shorter, what there is is sent and nothing more`, async () => {
    const server = await scriptedSession((_, answer) => answer(OK))
    const half = CONTENT.subarray(0, 40_001)

    const end = await sendBytes(slow(await fileHere(half), 7_000, quick), open(server), options)

    assert.equal(end, half.length)
    assert.deepEqual(written(server), Buffer.from(half))
    await server.session.ask('status', { type: 'fsetstat', handle: 'h', attrs: {} })
    assert.equal(server.types().at(-1), 'fsetstat', 'what follows is whole')
  })

  test(`sending: a file that answers ${kind} and cannot be read is told once, when no WRITE is under way`, async () => {
    const answers: (() => void)[] = []
    const server = await scriptedSession((_, answer) => void answers.push(() => answer(OK)))
    const file = await fileHere(CONTENT)
    const bad = slow(file, CHUNK, quick)
    const broken: FileHandle = {
      ...bad,
      quick: () => quick,
      read: (into, at) => {
        if (at < 2 * CHUNK) return bad.read(into, at)
        const error = new OpError('EIO', 'The disk is broken')
        if (quick) throw error
        return Promise.reject(error)
      },
    }
    let over = 0
    const sending = sendBytes(broken, open(server), options)
    const counted = sending.finally(() => over++)
    counted.catch(() => {})

    await server.came(2)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(over, 0, 'it ended before what it began')
    for (const give of answers) give()

    await assert.rejects(sending, { code: 'EIO', message: 'The disk is broken' })
  })
}

test('sending: a WRITE that is refused is told once, and the others are waited for', async () => {
  const last: (() => void)[] = []
  const server = await scriptedSession((request, answer) => {
    if (request.type === 'write' && request.offset === CHUNK) answer(refusal())
    else last.push(() => answer(OK))
  })
  let over = 0
  const sending = sendBytes(await fileHere(CONTENT), open(server), options)
  const counted = sending.finally(() => over++)
  counted.catch(() => {})

  await server.came(4)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(over, 0)
  for (const give of last) give()

  await assert.rejects(sending, { code: 'EIO' })
  assert.ok(server.session.alive())
})

test('sending: goes on when the channel has room again, and a CLOSE behind it stays behind it', async () => {
  const large = noise(6_000_000, 6)
  const server = await scriptedSession((_, answer) => answer(OK))
  server.channel.reads = false
  const other = remoteFile(server.session, 'other', '/g', true, false)

  const sending = sendBytes(await fileHere(large), open(server), {
    ...options,
    to: large.length,
    window: 8_000_000,
  })
  await new Promise((resolve) => setImmediate(resolve))
  const behind = other.write([new Uint8Array(10)], 0)
  const closing = other.close()
  server.channel.reads = true
  server.channel.read()

  assert.equal(await sending, large.length)
  await Promise.all([behind, closing])
  const own = server.asked.filter((request) => 'handle' in request && request.handle === 'other')
  assert.deepEqual(
    own.map(({ type }) => type),
    ['write', 'close'],
  )
  assert.deepEqual(written(server, large.length), Buffer.from(large))
})

/** Serves READs of CONTENT, at most `most` bytes each; answers in the order that `give` says. */
async function reads(most: number, give: (answers: (() => void)[]) => void, each = 1) {
  const answers: (() => void)[] = []
  return scriptedSession((request, answer) => {
    if (request.type !== 'read') return answer(OK)
    const { offset, length } = request
    const data = CONTENT.subarray(offset, offset + Math.min(length, most))
    answers.push(() => answer(data.length === 0 ? EOF : { type: 'data', data }))
    if (answers.length >= each || offset + length >= SIZE) give(answers)
  })
}
const inOrder = (answers: (() => void)[]): void => {
  for (const answer of answers.splice(0)) answer()
}

test('fetching: answers that are shorter than what was asked for are gone on with', async () => {
  const server = await reads(7_000, inOrder)
  const target = await fileHere(new Uint8Array(0))

  assert.equal(await fetchBytes(open(server), target, options), SIZE)

  assert.deepEqual(await contentOf(target), Buffer.from(CONTENT))
})

test('fetching: answers in any order land in their places, and progress never runs ahead of them', async () => {
  const server = await reads(SIZE, (answers) => inOrder(answers.reverse()), 4)
  const target = await fileHere(new Uint8Array(0))
  const seen: [number, number][] = []

  const end = await fetchBytes(open(server), target, {
    ...options,
    onProgress: (done) => seen.push([done, (target.stat() as { size: number }).size]),
  })

  assert.equal(end, SIZE)
  assert.deepEqual(await contentOf(target), Buffer.from(CONTENT))
  assert.ok(seen.every(([done, size]) => done <= size))
})

test('fetching: a file that became shorter ends where it ends', async () => {
  const server = await reads(SIZE, inOrder)
  const target = await fileHere(new Uint8Array(0))

  assert.equal(await fetchBytes(open(server), target, { ...options, to: SIZE + 5 * CHUNK }), SIZE)

  assert.deepEqual(await contentOf(target), Buffer.from(CONTENT))
})

for (const quick of [true, false])
  test(`fetching: a disk here that refuses ${quick ? 'at once' : 'later'} is told once, after all answers`, async () => {
    const server = await reads(SIZE, inOrder, 4)
    const file = await fileHere(new Uint8Array(0))
    let writes = 0
    const full: FileHandle = {
      ...file,
      write() {
        writes++
        const error = new OpError('ENOSPC', 'full')
        if (quick) throw error
        return Promise.reject(error)
      },
    }

    await assert.rejects(fetchBytes(open(server), full, options), { code: 'ENOSPC' })

    assert.equal(writes, 4, 'all that was under way is in, one way or the other')
    assert.ok(server.session.alive())
  })

test('fetching: a READ that is refused is told once', async () => {
  const server = await scriptedSession((request, answer) =>
    answer(
      request.type === 'read' && request.offset > 0
        ? refusal()
        : { type: 'data', data: CONTENT.subarray(0, CHUNK) },
    ),
  )

  await assert.rejects(fetchBytes(open(server), await fileHere(new Uint8Array(0)), options), { code: 'EIO' })
})

for (const way of ['sending', 'fetching'])
  test(`${way}: whoever is told of the progress and throws ends that one with what was thrown`, async () => {
    const server =
      way === 'sending' ? await scriptedSession((_, answer) => answer(OK)) : await reads(SIZE, inOrder)
    const file = await fileHere(CONTENT)
    const thrown = new Error('from outside')
    const told = {
      ...options,
      onProgress() {
        throw thrown
      },
    }

    const moving =
      way === 'sending' ? sendBytes(file, open(server), told) : fetchBytes(open(server), file, told)

    await assert.rejects(moving, thrown)
    assert.ok(server.session.alive(), 'the session has no part in it')
  })
