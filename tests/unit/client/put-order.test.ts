import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Line } from '../../../src/client/link.ts'
import { newPut, putFile } from '../../../src/client/put-file.ts'
import { remoteHashes } from '../../../src/client/remote-hash.ts'
import { remoteFileSystem } from '../../../src/client/remote-vfs.ts'
import type { TransferParts, TransferWishes } from '../../../src/client/transfer.ts'
import type { Dialed } from '../../../src/ssh/dial.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { Builder } from '../../../src/wire/builder.ts'
import { Status } from '../../../src/wire/constants.ts'
import { OK, type Reply } from '../../../src/wire/replies.ts'
import { refusal, scriptedSession } from '../../support/scripted-session.ts'

/*
 * What may be under way at once when a small file is sent. A server may do several things at a time, as rclone's
 * does: then a FSETSTAT or a hash that is asked for before the WRITE is answered can come before its bytes.
 */

const CONTENT = Buffer.from('what is in it')
const TARGET = virtualPath('/there/f')

interface Wishes {
  readonly wishes?: TransferWishes
  readonly extensions?: readonly string[]
  readonly isOurs?: boolean
}

/** Sends a file to a server that holds its answer to the WRITE, and to the hash, until it is told to give them. */
async function sending({ wishes = {}, extensions = [], isOurs = false }: Wishes) {
  const held = new Map<string, () => void>()
  const md5 = createHash('md5').update(CONTENT).digest()
  const replies: Readonly<Record<string, Reply>> = {
    open: { type: 'handle', handle: 'h' },
    extended: { type: 'extendedReply', body: new Builder().text('md5').raw(md5).done() },
  }
  const server = await scriptedSession((request, answer) => {
    const give = (reply: Reply = replies[request.type] ?? OK): void => answer(reply)
    if (request.type !== 'write' && request.type !== 'extended') return give()
    held.set(request.type, give)
  }, extensions)
  const vfs = memoryFileSystem()
  const file = await vfs.open(virtualPath('/f'), { write: true, create: true })
  await file.write([CONTENT], 0)
  await file.close()
  const hashes = remoteHashes({} as Dialed)
  const line = {
    vfs: remoteFileSystem(server.session),
    hashes: { ofSmall: async () => md5.toString('hex'), ofOpen: hashes.ofOpen },
    keepsExclusive: true,
    isOurs,
  } as unknown as Line
  const parts: TransferParts = {
    digests: undefined as never,
    signal: new AbortController().signal,
    onProgress() {},
    tell() {},
  }
  const source = { vfs, path: virtualPath('/f'), name: 'f' }
  const done = putFile(source, TARGET, { line, wishes, memory: newPut(), parts })
  done.catch(() => {})
  /** Time enough for all that would be asked without the answer. */
  const quiet = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  return { server, done, held, quiet }
}

test('sending a small file: its CLOSE leaves with its WRITE where nobody is asked for more', async () => {
  const { server, done, held } = await sending({})

  await server.came(3)
  held.get('write')!()

  assert.equal((await done).verified, true)
  assert.deepEqual(server.types(), ['open', 'write', 'close'])
})

test('sending a small file: its times are set once its bytes are written', async () => {
  const { server, done, held, quiet } = await sending({ wishes: { preserve: true } })
  await server.came(2)
  await quiet()
  assert.deepEqual(server.types(), ['open', 'write'])

  held.get('write')!()

  await done
  assert.deepEqual(server.types(), ['open', 'write', 'fsetstat', 'close'])
})

test('sending a small file: a server that hashes open files is asked once its bytes are written', async () => {
  const { server, done, held, quiet } = await sending({ extensions: ['check-file-handle'] })
  await server.came(2)
  await quiet()
  assert.deepEqual(server.types(), ['open', 'write'])

  held.get('write')!()
  await server.came(3)
  await quiet()
  assert.deepEqual(server.types(), ['open', 'write', 'extended'], 'its CLOSE waits for the hash')
  held.get('extended')!()

  assert.equal((await done).verified, true)
  assert.deepEqual(server.types(), ['open', 'write', 'extended', 'close'])
})

test('sending a small file: a server of our kind is asked for the hash at once, and hears CLOSE last', async () => {
  const { server, done, held, quiet } = await sending({ extensions: ['check-file-handle'], isOurs: true })
  await server.came(3)
  await quiet()
  assert.deepEqual(server.types(), ['open', 'write', 'extended'])
  held.get('extended')!()
  await quiet()
  assert.deepEqual(server.types(), ['open', 'write', 'extended'], 'its CLOSE waits for the WRITE')

  held.get('write')!()

  assert.equal((await done).verified, true)
  assert.deepEqual(server.types(), ['open', 'write', 'extended', 'close'])
})

for (const isOurs of [true, false])
  test(`sending a small file: a WRITE that ${isOurs ? 'our' : 'another'} server refuses is told once`, async () => {
    const { server, done, held } = await sending({ isOurs })
    await server.came(isOurs ? 2 : 3)

    ;(held.get('write') as unknown as (reply: Reply) => void)(refusal(Status.permissionDenied, 'Not yours'))

    await assert.rejects(done, { code: 'EACCES' })
    // Only a server that knows parts must not hear that it is whole.
    assert.equal(server.types().includes('close'), !isOurs)
  })
