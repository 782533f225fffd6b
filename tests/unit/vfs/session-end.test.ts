// A session ends while its disk or the database fails: what can be kept is, and nothing stays open or reserved.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { OpError } from '../../../src/base/error.ts'
import { openedFile } from '../../../src/vfs/local-file.ts'
import type { UploadStore } from '../../../src/vfs/uploads.ts'
import { type StagedAccount, stagedAccount } from '../../support/staged-account.ts'
import { balanced, bytes, NEW, onDisk, p, put } from '../../support/staged-files.ts'

const broken = (): Error => Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })

/** Files and folders of the account that this process has open. */
function openOf({ home, staging }: StagedAccount): readonly string[] {
  return fs
    .readdirSync('/proc/self/fd')
    .map((name) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${name}`)
      } catch {
        // The one of this listing is gone.
        return ''
      }
    })
    .filter((path) => path.startsWith(home) || path.startsWith(staging))
}

test('abandon: a close that the disk fails is no error, now or when work off the loop is over', async (t) => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'abandon-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const close = fs.closeSync
  const opened = () => openedFile(fs.openSync(join(folder, 'f'), 'w'), p('/f'), false)
  const [one, used] = [opened(), opened()]
  t.mock.method(fs, 'closeSync', (descriptor: number) => {
    close(descriptor)
    throw broken()
  })

  await one.abandon()
  const work = used.later(async () => setImmediate())
  const abandoned = used.abandon()
  await work
  await abandoned

  assert.throws(() => one.stat(), { code: 'EBADF' })
  assert.throws(() => opened().close(), { code: 'EIO' })
})

/** Three overwrites of a session, with a hole in the first. */
async function threeOpen(ada: StagedAccount) {
  const vfs = await ada.session()
  for (const path of ['/a', '/b', '/c']) {
    await put(vfs, path, 'the old')
    const file = await vfs.open(p(path), NEW)
    await file.write(bytes('new'), 0)
    if (path === '/a') await file.write(bytes('x'), 10)
  }
  return vfs
}

const partsOf = (vfs: { shelved(): readonly { path: string }[] }): readonly string[] =>
  vfs
    .shelved()
    .map(({ path }) => path)
    .toSorted()

test('session end: an overwrite whose hole cannot be cut off is given up, the others become parts', async (t: TestContext) => {
  await using ada = await stagedAccount({ keepMs: 0 })
  const vfs = await threeOpen(ada)
  const cut = t.mock.method(fs, 'ftruncateSync', () => {
    throw broken()
  })

  await vfs[Symbol.asyncDispose]()

  cut.mock.restore()
  assert.deepEqual(openOf(ada), [])
  const other = await ada.session()
  assert.deepEqual(partsOf(other), ['/b', '/c'])
  assert.equal(await onDisk(ada, 'a'), 'the old')
  await balanced(ada)
  await other[Symbol.asyncDispose]()
})

test('session end: where one cannot be written down that is said, and the others become parts', async () => {
  const failsFor = (store: UploadStore): UploadStore => ({
    ...store,
    putShelved(account, file) {
      if (file.kind === 'part' && file.path === '/a') throw new OpError('EIO', 'The database failed')
      store.putShelved(account, file)
    },
  })
  await using ada = await stagedAccount({ keepMs: 0, uploads: failsFor })
  const vfs = await threeOpen(ada)

  await assert.rejects(async () => vfs[Symbol.asyncDispose](), /The database failed/)

  assert.deepEqual(openOf(ada), [])
  const other = await ada.session()
  assert.deepEqual(partsOf(other), ['/b', '/c'])
  await other[Symbol.asyncDispose]()
})
