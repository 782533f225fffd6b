import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Line } from '../../../src/client/link.ts'
import { openPart } from '../../../src/client/put-part.ts'
import { remoteFileSystem } from '../../../src/client/remote-vfs.ts'
import { resumeFields } from '../../../src/sftpd/resume-request.ts'
import { digests } from '../../../src/transfer/digest.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { Status } from '../../../src/wire/constants.ts'
import { Cursor } from '../../../src/wire/cursor.ts'
import type { Reply } from '../../../src/wire/replies.ts'
import { refusal, scriptedSession } from '../../support/scripted-session.ts'
import { noise } from '../../support/trees.ts'

const SIZE = 1_500_000
const content = noise(SIZE)
const TARGET = virtualPath('/there/a name')

/** Asks a server that prints `told` of a file, and answers to a resume with `reply`, for what it kept. */
async function asking(told: string, { reply = { type: 'handle', handle: 'h' } as Reply, size = SIZE } = {}) {
  const server = await scriptedSession(
    (request, answer) =>
      answer(
        request.type === 'realpath' ? { type: 'name', names: [{ name: request.path, longname: '' }] } : reply,
      ),
    ['resume@miniftp'],
  )
  const commands: string[] = []
  const line = {
    vfs: remoteFileSystem(server.session),
    isOurs: true,
    exec: async (command: string) => {
      commands.push(command)
      return { status: 0, stdout: told }
    },
  } as unknown as Line
  const vfs = memoryFileSystem()
  const file = await vfs.open(virtualPath('/f'), { read: true, write: true, create: true })
  await file.write([content.subarray(0, size)], 0)
  await using hash = digests()
  const notes: string[] = []
  const parts = {
    digests: hash,
    signal: new AbortController().signal,
    onProgress() {},
    tell: (text: string) => void notes.push(text),
  }
  const part = await openPart({ file, stat: await file.stat(), name: 'f' }, TARGET, { line, parts })
  return { part, notes, commands, server }
}

const kept = (size: unknown): string =>
  JSON.stringify({
    name: 'x',
    size: 1,
    aside: [
      { kind: 'kept', size: 99 },
      { kind: 'part', size },
    ],
  })

test('an interrupted replacement: is asked for at its size, with the MD5 of what the file begins with', async () => {
  const { part, notes, commands, server } = await asking(kept(700_000))

  const [, request] = server.asked
  assert.ok(request?.type === 'extended')
  assert.deepEqual(resumeFields(new Cursor(request.body)), {
    path: TARGET,
    token: {
      offset: 700_000,
      md5: createHash('md5').update(content.subarray(0, 700_000)).digest('hex'),
    },
  })
  assert.deepEqual([part?.offset, part?.opened.handle], [700_000, 'h'])
  assert.deepEqual(commands, [`stat --json '${TARGET}'`])
  assert.deepEqual(notes, [])
})

test('an interrupted replacement: one of other content, or longer than the file, is told and not gone on with', async () => {
  const other = await asking(kept(700_000), { reply: refusal(Status.badMessage, 'Same name') })
  const longer = await asking(kept(SIZE + 1))

  assert.deepEqual([other.part, longer.part], [undefined, undefined])
  for (const { notes } of [other, longer]) assert.match(notes.join(), /^"f" is not what was being sent/)
  assert.deepEqual(longer.server.types(), ['realpath'], 'what cannot be proved is not asked for')
})

test('an interrupted replacement: a server that may not, or is lost, is an error and no new beginning', async () => {
  const reply = refusal(Status.permissionDenied, 'Not allowed')

  await assert.rejects(asking(kept(700_000), { reply }), { code: 'EACCES' })
})

test('an interrupted replacement: where none is kept, or nothing that can be read is said, it is sent from its start', async () => {
  for (const told of ['{}', 'no JSON', '[]', 'null', kept('7'), kept(-1), kept(1e300), '{"aside":{}}'])
    assert.equal((await asking(told)).part, undefined, told)
})

test('an interrupted replacement: a small file is not worth the question', async () => {
  const { part, commands } = await asking(kept(10), { size: 1000 })

  assert.deepEqual([part, commands], [undefined, []])
})
