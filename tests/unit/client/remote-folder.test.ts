import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remoteFolder } from '../../../src/client/remote-folder.ts'
import { remoteFileSystem } from '../../../src/client/remote-vfs.ts'
import type { SftpSession } from '../../../src/client/sftp-session.ts'
import { entriesOf } from '../../../src/commands/patterns.ts'
import { virtualPath as p } from '../../../src/vfs/path.ts'
import { EOF, OK, type Reply } from '../../../src/wire/replies.ts'
import { scriptedSession, statOf } from '../../support/scripted-session.ts'

/** All names of a folder whose READDIRs are answered with `replies`, the last of them for ever. */
async function listed(...replies: readonly (Reply | readonly string[])[]): Promise<readonly string[]> {
  let at = 0
  const { session } = await scriptedSession((request, answer) => {
    if (request.type === 'opendir') return answer({ type: 'handle', handle: 'h' })
    if (request.type !== 'readdir') return answer(OK)
    const reply = replies[Math.min(at++, replies.length - 1)]!
    if ('type' in reply) answer(reply)
    else answer({ type: 'name', names: reply.map((name) => ({ name, longname: '', stat: statOf(1) })) })
  })
  const found: string[] = []
  for await (const { name } of entriesOf(remoteFileSystem(session), p('/d'))) found.push(name)
  return found
}

test('a list of a folder: ends with EOF, and with no names', async () => {
  assert.deepEqual(await listed(['.', 'a'], ['b'], EOF), ['a', 'b'])
  assert.deepEqual(await listed(['.', 'a'], []), ['a'])
  assert.deepEqual(await listed([]), [])
})

test('a list of a folder: one that begins again for ever is an error, also where it has no name that counts', async () => {
  const told = { code: 'EPROTO', message: 'The server lists the same names of "/d" again and again' }

  await assert.rejects(listed(['a', 'b']), told)
  await assert.rejects(listed(['.', '..']), told)
})

test('a list of a folder: one name more than once, as where files come and go meanwhile, is no error', async () => {
  assert.deepEqual(await listed(['a', 'b'], ['b', 'c'], EOF), ['a', 'b', 'b', 'c'])
})

test('a list of a folder: one that never ends is an error', async () => {
  let next = 0
  const session = {
    readdir: async () => Array.from({ length: 50_000 }, () => ({ name: String(next++), longname: '' })),
  } as unknown as SftpSession
  const folder = remoteFolder(session, 'h', p('/d'), assert.fail)

  await assert.rejects(async () => folder.read(1), {
    code: 'EPROTO',
    message: 'The server lists more than 2000000 names in "/d"',
  })
})
