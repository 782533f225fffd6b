import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Line } from '../../../src/client/link.ts'
import { ownMark } from '../../../src/client/own-mark.ts'
import { newPut, putFile } from '../../../src/client/put-file.ts'
import { remoteFileSystem } from '../../../src/client/remote-vfs.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath as p } from '../../../src/vfs/path.ts'
import { Status } from '../../../src/wire/constants.ts'
import { OK } from '../../../src/wire/replies.ts'
import type { Request } from '../../../src/wire/requests.ts'
import { refusal, scriptedSession, statOf } from '../../support/scripted-session.ts'

const PART = `/d/.f.miniftp-part-${ownMark()}`
const OLD = { ...statOf(3), uid: 7, gid: 8, mode: 0o100640 }

/** A server of another kind with an `old` file `/d/f`, which refuses what `refuses` tells; `part`: what lies beside it, `tries` of one run. */
async function replaced(
  refuses: (request: Request) => number | undefined = () => undefined,
  {
    old = 'old',
    part,
    tries = 1,
  }: { readonly old?: string; readonly part?: string; readonly tries?: number } = {},
) {
  const files = new Map([['/d/f', old]])
  if (part !== undefined) files.set(PART, part)
  const stats = new Map([['/d/f', OLD]])
  const { session, types } = await scriptedSession(
    (request, answer) => {
      const refused = refuses(request)
      if (refused !== undefined) return answer(refusal(refused))
      switch (request.type) {
        case 'open':
          if (request.flags.exclusive) return answer(refusal())
          if (request.flags.truncate) files.set(request.path, '')
          return answer({ type: 'handle', handle: request.path })
        case 'stat':
        case 'lstat':
        case 'fstat': {
          const path = 'path' in request ? request.path : request.handle
          if (path === '/d') return answer({ type: 'attrs', stat: { ...statOf(0), mode: 0o40755 } })
          const text = files.get(path)
          if (text === undefined) return answer(refusal(Status.noSuchFile))
          return answer({ type: 'attrs', stat: { ...(stats.get(path) ?? statOf(0)), size: text.length } })
        }
        case 'fsetstat':
          stats.set(request.handle, { ...(stats.get(request.handle) ?? statOf(0)), ...request.attrs })
          return answer(OK)
        case 'write': {
          const text = files.get(request.handle)!
          files.set(
            request.handle,
            text.slice(0, request.offset) + Buffer.concat([request.data].flat()).toString(),
          )
          return answer(OK)
        }
        case 'extended': {
          const [from, to] = [PART, '/d/f']
          files.set(to, files.get(from)!)
          files.delete(from)
          stats.set(to, stats.get(from)!)
          return answer(OK)
        }
        case 'remove':
          files.delete(request.path)
          return answer(OK)
        default:
          return answer(OK)
      }
    },
    ['posix-rename@openssh.com'],
  )
  const sum = (path: string, bytes?: number): string =>
    createHash('md5')
      .update((files.get(path) ?? '').slice(0, bytes))
      .digest('hex')
  const line = {
    vfs: remoteFileSystem(session),
    hashes: {
      ofOpen: async () => undefined,
      ofSmall: async (path: string) => sum(path),
      md5: async (path: string, bytes?: number) => sum(path, bytes),
    },
    isOurs: false,
    keepsExclusive: true,
  } as unknown as Line
  const vfs = memoryFileSystem()
  const file = await vfs.open(p('/f'), { write: true, create: true })
  await file.write([Buffer.from('new content')], 0)
  const memory = newPut()
  const told: string[] = []
  const attempt = () =>
    putFile({ vfs, path: p('/f'), name: 'f' }, p('/d/f'), {
      line,
      wishes: { force: true },
      memory,
      parts: {
        digests: undefined as never,
        signal: new AbortController().signal,
        onProgress() {},
        tell: (text) => void told.push(text),
      },
    }).catch((error: unknown) => error as Error)
  let outcome = await attempt()
  while (--tries > 0) outcome = await attempt()
  return { files: Object.fromEntries(files), stat: stats.get('/d/f'), types: types(), outcome, memory, told }
}

test('a replacement elsewhere: is made beside the old file, with its owner and permissions', async () => {
  const { files, stat, types } = await replaced()

  assert.deepEqual(files, { '/d/f': 'new content' })
  assert.deepEqual([stat?.uid, stat?.gid, (stat?.mode ?? 0) & 0o777], [7, 8, 0o640])
  assert.ok(types.indexOf('close') < types.indexOf('extended'))
})

test('a replacement elsewhere: goes on with what an earlier try left, and not with other content', async () => {
  const same = await replaced(undefined, { part: 'new con' })
  const other = await replaced(undefined, { part: 'other' })

  assert.deepEqual([same.files, other.files], [{ '/d/f': 'new content' }, { '/d/f': 'new content' }])
  const moved = [same, other].map(({ outcome }) => 'moved' in outcome && outcome.moved)
  assert.deepEqual(moved, [4, 11])
})

const givesOwner = (asked: Request): boolean => asked.type === 'fsetstat' && asked.attrs.uid !== undefined

for (const [what, refuses, code = Status.permissionDenied] of [
  ['a new file in that folder', (asked) => asked.type === 'open' && asked.path === PART],
  ['its owner', givesOwner],
  ['its owner for no reason that it tells', givesOwner, Status.failure],
  ['the rename', (asked) => asked.type === 'extended'],
] as readonly (readonly [string, (asked: Request) => boolean, number?])[])
  test(`a replacement elsewhere: where ${what} is refused it is made in place, and nothing is left beside it`, async () => {
    const { files, stat } = await replaced((asked) => (refuses(asked) ? code : undefined))

    assert.deepEqual(files, { '/d/f': 'new content' })
    assert.deepEqual([stat?.uid, (stat?.mode ?? 0) & 0o777], [7, 0o640])
  })

test('a replacement elsewhere: where its bytes are refused the old file stays, and what came is told', async () => {
  const { files, outcome, told } = await replaced((asked) =>
    asked.type === 'write' ? Status.failure : undefined,
  )

  assert.ok(outcome instanceof Error)
  assert.deepEqual(files, { '/d/f': 'old', [PART]: '' })
  assert.deepEqual(told, [
    `What came of "f" is kept at the server as "${PART}": put it again to go on, or remove it`,
  ])
})

test('a replacement elsewhere: where the server lets nobody go on it is begun again', async () => {
  const { outcome, memory } = await replaced(
    (asked) => (asked.type === 'write' && asked.offset > 0 ? Status.failure : undefined),
    { part: 'new con' },
  )

  assert.ok(outcome instanceof Error && 'code' in outcome)
  assert.deepEqual([outcome.code, memory.cannotGoOn, memory.beside], ['ECONNRESET', true, PART])
})

for (const [what, old] of [
  ['longer than', 'the old content of the file'],
  ['as long as', 'old content'],
  ['shorter than', 'old'],
] as const)
  test(`a replacement elsewhere: an old file ${what} it is replaced, though the connection was lost at the rename`, async () => {
    let asked = 0
    const { files, outcome } = await replaced(
      ({ type }) => (type === 'extended' && asked++ === 0 ? Status.connectionLost : undefined),
      { old, tries: 2 },
    )

    assert.ok('did' in outcome, String(outcome))
    assert.deepEqual([outcome.did, files], ['moved', { '/d/f': 'new content' }])
  })

test('a replacement elsewhere: one that was refused its place, and fails in place, is not said to be kept beside', async () => {
  const { files, told } = await replaced((asked) => {
    if (asked.type === 'extended') return Status.permissionDenied
    return asked.type === 'write' && asked.handle === '/d/f' ? Status.failure : undefined
  })

  assert.deepEqual([files, told], [{ '/d/f': '' }, []])
})
