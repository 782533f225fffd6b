import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getFile, newGet } from '../../../src/client/get-file.ts'
import type { Line } from '../../../src/client/link.ts'
import { newPut, putFile } from '../../../src/client/put-file.ts'
import { remoteFileSystem } from '../../../src/client/remote-vfs.ts'
import type { TransferParts } from '../../../src/client/transfer.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { OK, type Reply } from '../../../src/wire/replies.ts'
import { refusal, scriptedSession, statOf } from '../../support/scripted-session.ts'

const MIB = 1024 * 1024
const SIZE = 10 * MIB
const THERE = virtualPath('/there/f')
const HERE = virtualPath('/f')

/** How many bytes one file's READs or WRITEs have under way at a server so far away that has answered none of them. */
async function underWay(verb: 'get' | 'put', roundTripMs: number): Promise<number> {
  const replies: Readonly<Record<string, Reply>> = {
    open: { type: 'handle', handle: 'h' },
    stat: { type: 'attrs', stat: statOf(SIZE) },
    fstat: { type: 'attrs', stat: statOf(SIZE) },
  }
  const held: { readonly length: number; readonly refuse: () => void }[] = []
  const { session, came } = await scriptedSession((request, answer) => {
    const refuse = (): void => answer(refusal())
    if (request.type === 'read') held.push({ length: request.length, refuse })
    else if (request.type === 'write') held.push({ length: Buffer.concat(request.data).length, refuse })
    else answer(replies[request.type] ?? OK)
  })
  const line = {
    vfs: remoteFileSystem({ ...session, roundTripMs: () => roundTripMs }),
    isOurs: false,
    keepsExclusive: true,
    hashes: {},
  } as unknown as Line
  const parts: TransferParts = {
    digests: undefined as never,
    signal: new AbortController().signal,
    onProgress() {},
    tell() {},
  }
  const here = { vfs: memoryFileSystem(), path: HERE, name: 'f' }
  if (verb === 'put') {
    const file = await here.vfs.open(HERE, { write: true, create: true })
    await file.write([new Uint8Array(SIZE)], 0)
  }
  const wishes = { verify: false }
  const done =
    verb === 'put'
      ? putFile(here, THERE, { line, wishes, memory: newPut(), parts })
      : getFile(
          THERE,
          { ...here, part: virtualPath(`${HERE}.part`), partName: 'f.part' },
          { line, wishes, memory: newGet(), parts },
        )
  done.catch(() => {})

  await came(4)
  // Time enough for all that would be asked without an answer.
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
  const bytes = held.reduce((sum, { length }) => sum + length, 0)
  for (const { refuse } of held) refuse()
  await assert.rejects(done)
  return bytes
}

test('fetching: a near server is asked for 4 MiB at a time, a far one for 8', async () => {
  assert.equal(await underWay('get', 0.2), 4 * MIB)
  assert.equal(await underWay('get', 6), 6 * MIB)
  assert.equal(await underWay('get', 40), 8 * MIB)
  assert.equal(await underWay('get', Number.POSITIVE_INFINITY), 8 * MIB)
})

test('sending: to a near server 1 MiB is under way at a time, to a far one 8', async () => {
  assert.equal(await underWay('put', 0.2), MIB)
  assert.equal(await underWay('put', 6), 6 * MIB)
  assert.equal(await underWay('put', 40), 8 * MIB)
})

test('a session: knows how far its server is by what it answers alone', async () => {
  const held: (() => void)[] = []
  const { session, came } = await scriptedSession((_, answer) => {
    held.push(() => answer({ type: 'attrs', stat: statOf(SIZE) }))
  })
  assert.equal(session.roundTripMs(), Number.POSITIVE_INFINITY)

  const first = session.ask('attrs', { type: 'stat', path: '/f' })
  const second = session.ask('attrs', { type: 'stat', path: '/f' })
  await came(2)
  held[1]!()
  await second
  assert.equal(session.roundTripMs(), Number.POSITIVE_INFINITY)

  held[0]!()
  await first
  assert.ok(session.roundTripMs() < Number.POSITIVE_INFINITY)
})
