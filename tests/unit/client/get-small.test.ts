import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { getSmall } from '../../../src/client/get-small.ts'
import type { Line } from '../../../src/client/link.ts'
import { remoteFileSystem } from '../../../src/client/remote-vfs.ts'
import type { TransferParts, TransferWishes } from '../../../src/client/transfer.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import type { VirtualFileSystem } from '../../../src/vfs/vfs.ts'
import { Status } from '../../../src/wire/constants.ts'
import { OK, type Reply } from '../../../src/wire/replies.ts'
import {
  type Answer,
  refusal,
  type ScriptedSession,
  scriptedSession,
  statOf,
} from '../../support/scripted-session.ts'

const CONTENT = Buffer.from('what is in it')
const SOURCE = virtualPath('/there/f')
const HERE = virtualPath('/f')
const PART = virtualPath('/f.part')
const TOLD = statOf(CONTENT.length)
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

type Served = Parameters<Parameters<typeof scriptedSession>[0]>[0]

/** What a server with the file answers, but for what a test says of one kind of request. */
function fileThere(other: Readonly<Record<string, Reply>> = {}) {
  const usual: Readonly<Record<string, Reply>> = {
    open: { type: 'handle', handle: 'h' },
    read: { type: 'data', data: CONTENT },
    fstat: { type: 'attrs', stat: TOLD },
    close: OK,
    ...other,
  }
  return (request: Served, answer: Answer): void => {
    // Asked about a name that could not be opened.
    if (request.type === 'lstat')
      answer({
        type: 'attrs',
        stat: request.path === SOURCE ? TOLD : { ...TOLD, kind: 'directory', mode: 0o40755 },
      })
    else answer(usual[request.type] ?? refusal(Status.noSuchFile))
  }
}

async function fetched(
  server: ScriptedSession,
  {
    vfs = memoryFileSystem(),
    hash = md5(CONTENT) as string | 'none',
    wishes = {} as TransferWishes,
    told = TOLD,
  } = {},
) {
  const line = {
    vfs: remoteFileSystem(server.session),
    hashes: { ofSmall: async () => (hash === 'none' ? undefined : hash), ofOpen: async () => undefined },
  } as unknown as Line
  const done: number[] = []
  const parts: TransferParts = {
    digests: undefined as never,
    signal: new AbortController().signal,
    onProgress: (bytes) => void done.push(bytes),
    tell() {},
  }
  const target = { vfs, path: HERE, name: 'f', part: PART, partName: 'f.part' }
  const outcome = await getSmall(SOURCE, told, target, { line, wishes, parts })
  return { outcome, vfs, done }
}

async function contentOf(vfs: VirtualFileSystem, path = HERE): Promise<string | undefined> {
  try {
    const { size } = await vfs.stat(path)
    const file = await vfs.open(path, { read: true })
    const place = Buffer.alloc(size)
    if (size > 0) await file.read([place], 0)
    await file.close()
    return place.toString()
  } catch {
    return undefined
  }
}

async function lay(vfs: VirtualFileSystem, path: typeof HERE, text: string): Promise<void> {
  const file = await vfs.open(path, { write: true, create: true })
  await file.write([Buffer.from(text)], 0)
  await file.close()
}

test('a small file: all that is asked of it leaves before the first of it is answered', async () => {
  const held: (() => void)[] = []
  const serve = fileThere()
  const server = await scriptedSession((request, answer) => {
    if (request.type === 'open') serve(request, answer)
    else held.push(() => serve(request, answer))
  })

  const whole = fetched(server)
  await server.came(4)
  for (const give of held) give()
  const { outcome, vfs, done } = await whole

  assert.deepEqual(server.types(), ['open', 'read', 'fstat', 'close'])
  assert.equal(outcome?.verified, true)
  assert.equal(await contentOf(vfs), CONTENT.toString())
  assert.equal(await contentOf(vfs, PART), undefined)
  assert.deepEqual(done, [CONTENT.length])
})

test('a small file: one of no bytes is not read, and one of more than a packet not begun', async () => {
  const empty = await scriptedSession(fileThere({ fstat: { type: 'attrs', stat: statOf(0) } }))
  const { outcome, vfs } = await fetched(empty, { told: statOf(0), hash: md5(Buffer.alloc(0)) })
  assert.deepEqual(empty.types(), ['open', 'fstat', 'close'])
  assert.equal(outcome?.verified, true)
  assert.equal(await contentOf(vfs), '')

  const large = await scriptedSession(fileThere())
  assert.equal((await fetched(large, { told: statOf(32 * 1024 + 1) })).outcome, undefined)
  assert.deepEqual(large.types(), [])
})

for (const [what, other] of Object.entries<Readonly<Record<string, Reply>>>({
  'it is shorter now': { read: { type: 'data', data: CONTENT.subarray(1) } },
  'nothing is left of it': { read: refusal(Status.eof) },
  'its size is another': { fstat: { type: 'attrs', stat: statOf(CONTENT.length + 1) } },
  'it was written meanwhile': { fstat: { type: 'attrs', stat: statOf(CONTENT.length, 1_001) } },
}))
  test(`a small file: when ${what}, it is left to the usual way and nothing is here`, async () => {
    const { outcome, vfs, done } = await fetched(await scriptedSession(fileThere(other)))

    assert.equal(outcome, undefined)
    assert.equal(await contentOf(vfs), undefined)
    assert.equal(await contentOf(vfs, PART), undefined)
    assert.deepEqual(done, [])
  })

test('a small file: a part that is here already is left to the usual way as it is', async () => {
  const vfs = memoryFileSystem()
  await lay(vfs, PART, 'of before')

  const { outcome } = await fetched(await scriptedSession(fileThere()), { vfs })

  assert.equal(outcome, undefined)
  assert.equal(await contentOf(vfs, PART), 'of before')
  assert.equal(await contentOf(vfs), undefined)
})

test('a small file: a name that was taken here meanwhile keeps its file', async () => {
  const vfs = memoryFileSystem()
  await lay(vfs, HERE, 'mine')

  const { outcome, done } = await fetched(await scriptedSession(fileThere()), { vfs })

  assert.equal(outcome, undefined)
  assert.equal(await contentOf(vfs), 'mine')
  assert.deepEqual(done, [])
})

for (const type of ['open', 'read', 'fstat', 'close'])
  test(`a small file: a ${type.toUpperCase()} that is refused is told once, and nothing is here`, async () => {
    const server = await scriptedSession(fileThere({ [type]: refusal(Status.permissionDenied, 'Not yours') }))
    const vfs = memoryFileSystem()

    await assert.rejects(fetched(server, { vfs }), { code: 'EACCES' })

    assert.equal(await contentOf(vfs), undefined)
    assert.equal(await contentOf(vfs, PART), undefined)
    assert.ok(server.session.alive())
  })

test('a small file: bytes that are not those at the server get no name here', async () => {
  const vfs = memoryFileSystem()

  await assert.rejects(
    fetched(await scriptedSession(fileThere()), { vfs, hash: md5(Buffer.from('other')) }),
    {
      code: 'EIO',
      message: /did not arrive as it was sent/,
    },
  )

  assert.equal(await contentOf(vfs), undefined)
  assert.equal(await contentOf(vfs, PART), undefined)
})

test('a small file: says what it could not verify, or was not to', async () => {
  const mute = await fetched(await scriptedSession(fileThere()), { hash: 'none' })
  const unasked = await fetched(await scriptedSession(fileThere()), { wishes: { verify: false } })

  assert.deepEqual([mute.outcome?.verified, mute.outcome?.unverified], [false, 'the server cannot tell MD5s'])
  assert.deepEqual([unasked.outcome?.verified, unasked.outcome?.unverified], [false, 'not asked for'])
})
