import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
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
import { openHomes } from '../../../src/vfs/home.ts'
import { onTheSpot } from '../../../src/vfs/in-folder.ts'
import { openLocal } from '../../../src/vfs/local.ts'
import type { VirtualPath } from '../../../src/vfs/vfs.ts'

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
  await using local = openLocal(home, undefined, undefined, onTheSpot(process.chdir))
  const folder = local.openDirectory(MANY)

  assert.equal((await (await folder).read(10)).length, 3)
  assert.equal(process.cwd(), here)

  rmSync(join(home, 'many'), { recursive: true })
  const gone = await local.openDirectory('/' as VirtualPath)
  assert.deepEqual(await gone.read(10), [])
  assert.deepEqual(await (await folder).read(10), [])
  assert.equal(process.cwd(), here)
})

test('in folder: homes of a VAR that is given relative are made where it is, beside a listing', async (t) => {
  const { here, home } = away(t, 4_000)
  await using local = openLocal(home, undefined, undefined, onTheSpot(process.chdir))
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
