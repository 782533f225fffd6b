import assert from 'node:assert/strict'
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { systemClock } from '../../../src/base/clock.ts'
import { alone } from '../../../src/base/siblings.ts'
import { openBooks } from '../../../src/quota/books.ts'
import { openDatabase } from '../../../src/store/database.ts'
import { sqlLedger } from '../../../src/store/sql-ledger.ts'
import { sqlUploads } from '../../../src/store/sql-uploads.ts'
import { digests } from '../../../src/transfer/digest.ts'
import { openHomes } from '../../../src/vfs/home.ts'
import { onTheSpot } from '../../../src/vfs/in-folder.ts'
import { ENTER } from '../../../src/vfs/jail.ts'
import { openLocal } from '../../../src/vfs/local.ts'
import type { FileHandle, VirtualPath } from '../../../src/vfs/vfs.ts'
import { lent } from '../../support/lent.ts'

const noThread = (): boolean => false
const MANY = '/many' as VirtualPath

/** A tree whose `/many` has so many files; the process is in a folder of its own until the test ends. */
function away(t: TestContext, files: number) {
  const was = process.cwd()
  const at = realpathSync(mkdtempSync(join(tmpdir(), 'in-folder-')))
  t.after(() => {
    process.chdir(was)
    rmSync(at, { recursive: true, force: true })
  })
  const here = join(at, 'here')
  mkdirSync(here)
  mkdirSync(join(at, 'home/many'), { recursive: true })
  for (let i = 0; i < files; i++) writeFileSync(join(at, 'home/many', `${i}`), '')
  process.chdir(here)
  return { here, home: join(at, 'home') }
}

test('in folder: a listing leaves the process where it was, whatever comes of it', async (t) => {
  const { here, home } = away(t, 3)
  await using local = openLocal(home, undefined, undefined, onTheSpot(process.chdir, noThread))
  const folder = local.openDirectory(MANY)

  assert.equal((await (await folder).read(10)).length, 3)
  assert.equal(process.cwd(), here)

  rmSync(join(home, 'many'), { recursive: true })
  const gone = await local.openDirectory('/' as VirtualPath)
  assert.deepEqual(await gone.read(10), [])
  assert.deepEqual(await (await folder).read(10), [])
  assert.equal(process.cwd(), here)
})

test('in folder: work that throws leaves the process where it was, also when that folder was moved', async (t) => {
  const { here, home } = away(t, 3)
  const inFolder = onTheSpot(process.chdir, noThread)
  const folder = openSync(join(home, 'many'), ENTER)
  t.after(() => closeSync(folder))
  const failing = (): never => {
    assert.equal(process.cwd(), join(home, 'many'))
    throw new Error('the work itself')
  }

  assert.throws(() => inFolder(folder, failing), /^Error: the work itself$/)
  assert.equal(process.cwd(), here)

  const moved = join(home, '../moved')
  renameSync(here, moved)
  assert.throws(() => inFolder(folder, failing), /^Error: the work itself$/)
  assert.equal(process.cwd(), moved)
})

test('in folder: who cannot come back is told once, is in no user’s folder, and goes on from afar', (t) => {
  const { here, home } = away(t, 1)
  let closed = false
  const inFolder = onTheSpot((to) => {
    if (closed && realpathSync(to) === here) throw Object.assign(new Error('EACCES'), { code: 'EACCES' })
    process.chdir(to)
  }, noThread)
  const folder = openSync(join(home, 'many'), ENTER)
  t.after(() => closeSync(folder))
  const look = () => inFolder(folder, (place) => lstatSync(place('0')).isFile() && process.cwd())
  assert.equal(look(), join(home, 'many'))

  closed = true
  assert.throws(look, /The folder in which the server was started cannot be entered any more/)
  assert.equal(process.cwd(), '/')
  assert.equal(look(), '/')
})

test('in folder: a server that was started where its user may not be lists from afar', {
  skip: process.getuid?.() !== 0 && 'it takes root to become somebody else',
}, (t) => {
  const { here, home } = away(t, 1)
  const folder = openSync(join(home, 'many'), ENTER)
  t.after(() => closeSync(folder))
  chmodSync(here, 0o700)
  process.seteuid?.(65_534)
  t.after(() => process.seteuid?.(0))

  const inFolder = onTheSpot(process.chdir, noThread)

  process.seteuid?.(0)
  assert.equal(
    inFolder(folder, (place) => lstatSync(place('0')).isFile() && process.cwd()),
    here,
  )
})

test('in folder: one that is so deep that nobody can say where it is does not keep a hash’s thread from starting', async (t) => {
  const { home } = away(t, 0)
  const half = Array(12).fill('n'.repeat(200)).join('/')
  const deepest = join('/proc/self/cwd', half)
  process.chdir(home)
  mkdirSync(half, { recursive: true })
  symlinkSync(half, 'a')
  process.chdir(half)
  mkdirSync(half, { recursive: true })
  symlinkSync(half, 'b')
  for (let i = 0; i < 1000; i++) writeFileSync(join(deepest, `${i}`), '')
  process.chdir(home)
  const descriptor = openSync('a/b/0', 'r')
  t.after(() => closeSync(descriptor))

  let over = false
  let hash = digests({ threads: 1 })
  await using local = openLocal(
    home,
    undefined,
    undefined,
    onTheSpot(process.chdir, () => hash.threadStarts),
  )
  const listing = (async () => {
    let listed = 0
    while (!over) {
      const folder = await local.openDirectory('/a/b' as VirtualPath)
      for (let names = 1; names > 0 && !over; listed += names) {
        names = (await folder.read(128)).length
        await setImmediate()
      }
      await folder.close()
    }
    return listed
  })()
  const file = { descriptor: () => lent(descriptor) } as unknown as FileHandle
  for (let thread = 0; thread < 5; thread++) {
    const bytes = await hash.of('one', file, { algorithm: 'md5', offset: 0 })
    assert.equal(Buffer.from(bytes).toString('hex'), 'd41d8cd98f00b204e9800998ecf8427e')
    assert.equal(hash.threadStarts, false)
    await hash[Symbol.asyncDispose]()
    hash = digests({ threads: 1 })
  }
  over = true
  assert.ok((await listing) > 0)
})

test('in folder: homes of a VAR that is given relative are made where it is, beside a listing', async (t) => {
  const { here, home } = away(t, 4_000)
  await using local = openLocal(home, undefined, undefined, onTheSpot(process.chdir, noThread))
  const database = openDatabase(':memory:')
  t.after(() => database.close())
  const books = openBooks({
    ledger: sqlLedger({ database, self: { pid: 1, start: '1', boot: '' }, isAlive: () => true }),
    siblings: alone,
    clock: systemClock,
    measure: async () => ({ bytes: 0, files: 0 }),
    limitsOf: async () => undefined,
  })
  using homes = await openHomes({
    folder: 'var',
    openBook: books.open,
    clock: systemClock,
    uploads: sqlUploads(database),
    process: 'test',
    lives: () => true,
    rules: { overwrite: 'staged', durable: 'never', keepMs: 0, partMs: 0 },
  })

  const opening = Array.from({ length: 200 }, (_, i) =>
    homes.open(`account${i}`, { session: '1', address: '127.0.0.1' }),
  )
  for (let turn = 0; turn < 20; turn++) {
    const folder = await local.openDirectory(MANY)
    while ((await folder.read(4_000)).length > 0);
    await folder.close()
    await setImmediate()
  }
  for (const opened of opening) {
    await using _ = await opened
  }

  assert.equal(readdirSync(join(here, 'var/home')).length, 200)
  assert.equal(readdirSync(join(home, 'many')).length, 4_000)
})
