import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getFile, newGet } from '../../../src/client/get-file.ts'
import type { Line } from '../../../src/client/link.ts'
import { remoteFileSystem } from '../../../src/client/remote-vfs.ts'
import type { TransferParts } from '../../../src/client/transfer.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { OK, type Reply } from '../../../src/wire/replies.ts'
import { refusal, scriptedSession, statOf } from '../../support/scripted-session.ts'

const MIB = 1024 * 1024
/** What every server takes in one READ. */
const READ = 32 * 1024
const FAR_TOO_LARGE = statOf(100 * MIB)

/** How many bytes are asked for of a server so far away that has answered none of it. */
async function askedAtOnce(roundTripMs: number): Promise<number> {
  const replies: Readonly<Record<string, Reply>> = {
    open: { type: 'handle', handle: 'h' },
    stat: { type: 'attrs', stat: FAR_TOO_LARGE },
    fstat: { type: 'attrs', stat: FAR_TOO_LARGE },
    close: OK,
  }
  const held: (() => void)[] = []
  const { session, came } = await scriptedSession((request, answer) => {
    if (request.type === 'read') held.push(() => answer(refusal()))
    else answer(replies[request.type] ?? refusal())
  })
  const line = {
    vfs: remoteFileSystem({ ...session, roundTripMs: () => roundTripMs }),
    isOurs: false,
    hashes: {},
  } as unknown as Line
  const parts: TransferParts = {
    digests: undefined as never,
    signal: new AbortController().signal,
    onProgress() {},
    tell() {},
  }
  const target = { vfs: memoryFileSystem(), path: virtualPath('/f'), name: 'f' }
  const done = getFile(virtualPath('/there/f'), target, line, { verify: false }, newGet(), parts)
  done.catch(() => {})

  await came(4)
  // Time enough for all that would be asked without an answer.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  const bytes = held.length * READ
  for (const give of held) give()
  await assert.rejects(done)
  return bytes
}

test('fetching: a near server is asked for 4 MiB at a time, a far one for 8', async () => {
  assert.equal(await askedAtOnce(0.2), 4 * MIB)
  assert.equal(await askedAtOnce(6), 6 * MIB)
  assert.equal(await askedAtOnce(40), 8 * MIB)
  assert.equal(await askedAtOnce(Number.POSITIVE_INFINITY), 8 * MIB)
})

test('a session: knows how far its server is by what it answers alone', async () => {
  const held: (() => void)[] = []
  const { session, came } = await scriptedSession((_, answer) => {
    held.push(() => answer({ type: 'attrs', stat: FAR_TOO_LARGE }))
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
