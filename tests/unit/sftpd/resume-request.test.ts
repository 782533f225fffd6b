import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { PRESETS, showRights } from '../../../src/accounts/rules.ts'
import { type Fields, type Log, silentLog } from '../../../src/base/log.ts'
import type { Fresh } from '../../../src/vfs/fresh.ts'
import { permitted } from '../../../src/vfs/permitted.ts'
import type { StagedFileSystem } from '../../../src/vfs/staged.ts'
import { Builder } from '../../../src/wire/builder.ts'
import { Status } from '../../../src/wire/constants.ts'
import type { Request } from '../../../src/wire/requests.ts'
import { type RunningSftp, startSftp, startSftpOver, writeOf } from '../../support/running-sftp.ts'
import { type AccountOptions, type StagedAccount, stagedAccount } from '../../support/staged-account.ts'
import { balanced, interrupted, onDisk, put } from '../../support/staged-files.ts'

const md5 = (text: string): Buffer => createHash('md5').update(text).digest()

/** A resume of so many bytes, which the client says are these. */
const resume = (path: string, text: string, proof: Uint8Array = md5(text)): Request => ({
  type: 'extended',
  id: 1,
  name: 'resume@miniftp',
  body: new Builder().text(path).uint64(text.length).bytes(proof).done(),
})

const close = (handle: string): Request => ({ type: 'close', id: 3, handle })
const parts = (vfs: StagedFileSystem): readonly number[] =>
  vfs.shelved().flatMap(({ kind, size }) => (kind === 'part' ? [size] : []))

/** "/a" holds "the old one", and 7 bytes of its interrupted replacement are kept. */
async function withPart(
  work: (running: RunningSftp<StagedFileSystem>, ada: StagedAccount) => Promise<void>,
  options: AccountOptions = {},
  parts: Parameters<typeof startSftpOver>[1] = {},
): Promise<void> {
  await using ada = await stagedAccount(options)
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one')
  await interrupted(vfs, '/a', 'the new')
  await work(await startSftpOver(vfs, parts), ada)
}

test('resume: a part is gone on with, and the old file is there until its CLOSE', () =>
  withPart(async (running, ada) => {
    const { handle } = await running.answer('handle', resume('/a', 'the new'))
    await running.answer('status', writeOf(2, handle, 7, ' one, longer'))
    const before = await onDisk(ada, 'a')
    const closed = await running.answer('status', close(handle))

    assert.equal(before, 'the old one')
    assert.equal(closed.code, Status.ok)
    assert.equal(await onDisk(ada, 'a'), 'the new one, longer')
    await balanced(ada)
  }))

test('resume: a part that begins otherwise is refused with both MD5s, logged, and kept as it is', async () => {
  const logged: unknown[] = []
  const log: Log = { ...silentLog, warn: (event, fields?: Fields) => void logged.push([event, fields]) }
  const [ours, theirs] = [md5('the new').toString('hex'), md5('THE NEW').toString('hex')]
  const work: Parameters<typeof withPart>[0] = async (running, ada) => {
    const refused = await running.answer('status', resume('/a', 'THE NEW'))

    assert.equal(refused.code, Status.badMessage)
    assert.equal(
      refused.message,
      `Same name, different content: the first 7 bytes of "/a" have MD5 ${ours} here and ${theirs} at your side; nothing was changed`,
    )
    assert.deepEqual(logged, [['resume refused', { path: '/a', theirs, ours }]])
    assert.deepEqual(parts(running.vfs), [7])
    assert.equal(await onDisk(ada, 'a'), 'the old one')
    await balanced(ada)
  }

  await withPart(work, {}, { log })
})

test('resume: an offset that nothing there has is refused with the sizes that are', () =>
  withPart(async (running) => {
    const beyond = await running.answer('status', resume('/a', 'the new one, longer'))
    const nothing = await running.answer('status', resume('/none', 'x'))

    assert.deepEqual([beyond.code, nothing.code], [Status.badMessage, Status.badMessage])
    assert.match(beyond.message, /^"\/a" has 11 bytes here and 7 of its interrupted replacement, not 19/)
    assert.match(nothing.message, /^"\/none" is not there/)
    assert.deepEqual(parts(running.vfs), [7])
  }))

test('resume: without a part it is the file that is gone on with', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the begin')
  const running = await startSftpOver(vfs)

  const { handle } = await running.answer('handle', resume('/a', 'the begin'))
  await running.answer('status', writeOf(2, handle, 9, 'ning'))
  await running.answer('status', close(handle))

  assert.equal(await onDisk(ada, 'a'), 'the beginning')
})

test('resume: an account that may only read is refused, and the part stays', async () => {
  await using ada = await stagedAccount()
  const vfs = await ada.session()
  await put(vfs, '/a', 'the old one')
  await interrupted(vfs, '/a', 'the new')
  const fresh = { has: () => false } as unknown as Fresh
  const rights = () => PRESETS['read-only']!
  const running = await startSftpOver(permitted(vfs, { rights, describe: showRights, fresh }))

  const refused = await running.answer('status', resume('/a', 'the new'))

  assert.equal(refused.code, Status.permissionDenied)
  assert.equal(refused.message, 'Not allowed to change "/a": this account is read-only')
  assert.deepEqual(parts(vfs), [7])
})

test('resume: in a full account the old file lends its bytes, and not one more is taken', () =>
  withPart(
    async (running, ada) => {
      const { handle } = await running.answer('handle', resume('/a', 'the new'))
      const fits = await running.answer('status', writeOf(2, handle, 7, ' one, long'))
      const one = await running.answer('status', writeOf(2, handle, 17, 'er'))

      assert.equal(fits.code, Status.ok)
      assert.equal(one.code, Status.failure)
      assert.match(one.message, /[Qq]uota/)
      assert.equal(await onDisk(ada, 'a'), 'the old one')
      await running.answer('status', close(handle))
      await balanced(ada)
    },
    { bytes: 18, keepMs: 0 },
  ))

test('resume: an MD5 that is none, and fields cut short, are bad messages that open nothing', () =>
  withPart(async (running) => {
    const short = await running.answer('status', resume('/a', 'the new', md5('the new').subarray(0, 15)))
    const cut = await running.answer('status', {
      type: 'extended',
      id: 1,
      name: 'resume@miniftp',
      body: new Builder().text('/a').uint64(7).done(),
    })

    assert.deepEqual([short.code, cut.code], [Status.badMessage, Status.badMessage])
    assert.match(short.message, /An MD5 has 16 bytes/)
    assert.deepEqual(parts(running.vfs), [7])
  }))

test('resume: a session with all its handles in use opens nothing', () =>
  withPart(
    async (running) => {
      const { handle } = await running.answer('handle', resume('/a', 'the new'))

      const refused = await running.answer('status', resume('/a', 'the new'))

      assert.match(refused.message, /^At most 1 files can be open at once/)
      await running.answer('status', close(handle))
    },
    {},
    { maxHandles: () => 1 },
  ))

test('resume: what came before the connection went is the part, for the next time', () =>
  withPart(async (running) => {
    const { handle } = await running.answer('handle', resume('/a', 'the new'))
    await running.answer('status', writeOf(2, handle, 7, ' one'))

    running.abort()
    await running.ended

    assert.deepEqual(parts(running.vfs), [11])
  }))

test('resume: a tree that keeps nothing says so', async () => {
  const running = await startSftp()
  running.vfs.put('/a', 'x')

  const refused = await running.answer('status', resume('/a', 'x'))

  assert.equal(refused.code, Status.unsupported)
  assert.match(refused.message, /Nothing can be gone on with here/)
})
