import assert from 'node:assert/strict'
import { link, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sqlUploads } from '../../../src/store/sql-uploads.ts'
import { openUploadsIn } from '../../../src/vfs/home.ts'
import { leftOpen, uploadFiles } from '../../../src/vfs/open-uploads.ts'
import { settle } from '../../../src/vfs/settle.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { type StagedAccount, stagedAccount } from '../../support/staged-account.ts'
import {
  balanced,
  bytes,
  interrupted,
  isPartial,
  NEW,
  onDisk,
  p,
  put,
  refuses,
  UNTRUNCATED,
} from '../../support/staged-files.ts'

/** A file on the shelf as a kill in the middle of a replacement leaves it: held, and not yet called kept. */
async function held(ada: StagedAccount, make: (path: string) => Promise<void>): Promise<void> {
  await make(join(ada.staging, 'held'))
  const until = Date.now() + 60_000
  const row = { id: 'held', kind: 'kept', path: p('/a'), size: 0, until, owner: 'a process' } as const
  sqlUploads(ada.database).putShelved('ada', row)
}

test('after a kill before the new file was in place: what was held is the old file still, and is let go', async () => {
  await using killed = await stagedAccount()
  await put(await killed.session(), '/a', 'the old')
  await held(killed, (path) => link(join(killed.home, 'a'), path))

  await using ada = await stagedAccount({ after: killed })

  const vfs = await ada.session()
  assert.deepEqual(vfs.shelved(), [])
  assert.equal((await vfs.stat(p('/a'))).nlink, 1)
  await balanced(ada)
})

test('after a kill when the new file was in place: what was replaced is kept with its bytes', async () => {
  await using killed = await stagedAccount()
  await put(await killed.session(), '/a', 'the new')
  await held(killed, (path) => writeFile(path, 'the old one'))

  await using ada = await stagedAccount({ after: killed, keepMs: 3_600_000 })

  const vfs = await ada.session()
  const [kept, ...others] = vfs.shelved()
  assert.deepEqual([kept?.kind, kept?.size, others.length], ['kept', 11, 0])
  assert.ok(kept!.until > Date.now() + 3_000_000)
  await balanced(ada)
  await vfs.restore(p('/a'))
  assert.equal(await onDisk(ada, 'a'), 'the old one')
  await balanced(ada)
})

test('after a kill: a part is only kept if it fits and parts are wanted', async () => {
  for (const options of [{ partMs: 0 }, { bytes: 15 }]) {
    await using killed = await stagedAccount()
    const before = await killed.session()
    await put(before, '/a', '1234567890')
    const file = await before.open(p('/a'), NEW)
    await file.write(bytes('abcdef'), 0)

    await using ada = await stagedAccount({ after: killed, ...options })

    const vfs = await ada.session()
    assert.deepEqual(vfs.shelved(), [])
    assert.deepEqual(await readdir(ada.staging), [])
    await balanced(ada)
  }
})

test('after a kill: an overwrite without a byte is no part, nor is any when none are wanted', async () => {
  for (const [text, partMs] of [
    ['', 3_600_000],
    ['abc', 0],
  ] as const) {
    await using killed = await stagedAccount()
    const before = await killed.session()
    await put(before, '/a', '1234567890')
    const file = await before.open(p('/a'), NEW)
    await file.write(bytes(text), 0)

    await using ada = await stagedAccount({ after: killed, partMs })

    assert.deepEqual(await readdir(ada.staging), [])
    assert.deepEqual(sqlUploads(ada.database).shelved('ada'), [])
  }
})

test('after a kill: nothing is cut below what fsync has confirmed, of a new file or an overwrite', async () => {
  await using killed = await stagedAccount()
  const before = await killed.session()
  await put(before, '/a', 'the old')
  for (const path of ['/a', '/new']) {
    const file = await before.open(p(path), NEW)
    await file.write(bytes('12345'), 0)
    await file.write(bytes('xyz'), 8)
    await file.sync()
    await file.write(bytes('more'), 20)
  }

  await using ada = await stagedAccount({ after: killed })

  const vfs = await ada.session()
  assert.equal((await vfs.stat(p('/new'))).size, 11)
  assert.equal(vfs.shelved()[0]?.size, 11)
  await balanced(ada)
})

test('after a kill: what nothing is written down about is swept from the shelf', async () => {
  await using killed = await stagedAccount()
  await interrupted(await killed.session(), '/new', 'a new file leaves nothing there')
  await put(await killed.session(), '/a', 'the old')
  await interrupted(await killed.session(), '/a', 'the new')
  await writeFile(join(killed.staging, 'unknown'), 'of a database that was put back')

  await using ada = await stagedAccount({ after: killed })

  await ada.session()
  assert.equal((await readdir(ada.staging)).length, 1)
  await balanced(ada)
})

// A server that starts before the disk of the homes is mounted took beginnings for whole files from then on, and removed
// what overwrites had replaced; one that met a home of another owner did not start at all.
test('a start: of a home that is not there, or cannot be opened, nothing is forgotten, and others are settled', async () => {
  for (const [away, settled] of [
    ['gone', false],
    ['a link', false],
    ['a file', false],
    // It comes back while the server runs.
    ['gone', true],
  ] as const) {
    await using killed = await stagedAccount()
    const before = await killed.session()
    await put(before, '/over', 'the old')
    await put(before, '/over', 'the new')
    await interrupted(before, '/a', 'a beginning')
    await put(before, '/replaced', 'the old')
    for (const name of ['/open', '/replaced']) {
      const open = await before.open(p(name), NEW)
      await open.write(bytes('open'), 0)
      await open.write(bytes('behind a hole'), 7)
    }
    const elsewhere = join(killed.folder, 'elsewhere')
    await rename(killed.home, elsewhere)
    if (away === 'a link') await symlink('/nowhere', killed.home)
    if (away === 'a file') await writeFile(killed.home, '')
    const others = join(killed.folder, 'home/grace')
    await mkdir(others)
    const store = sqlUploads(killed.database)
    const shelved = { id: 'x', kind: 'open', path: p('/x'), size: 0, until: 0, owner: 'a process' } as const
    store.putShelved('grace', shelved)
    const heard: string[] = []

    await settle({
      folder: killed.folder,
      open: join(killed.folder, 'data/open-uploads'),
      left: join(killed.folder, 'data/left-uploads'),
      store,
      now: Date.now,
      rules: { keepMs: 3_600_000, partMs: 3_600_000 },
      lives: () => false,
      notOpened: (account) => heard.push(account),
    })

    assert.deepEqual(heard, ['ada'], away)
    assert.deepEqual(store.shelved('grace'), [])
    await rm(killed.home, { force: true })
    await rename(elsewhere, killed.home)
    await using ada = await stagedAccount({ after: killed, settled })
    const vfs = await ada.session()
    assert.equal(await onDisk(ada, 'open'), 'open', away)
    assert.deepEqual(
      vfs.shelved().map(({ kind, path, size }) => ({ kind, path, size })),
      [
        { kind: 'kept', path: '/over', size: 7 },
        { kind: 'part', path: '/replaced', size: 4 },
      ],
    )
    assert.deepEqual(uploadFiles(join(killed.folder, 'data/left-uploads')), [])
    for (const name of ['/a', '/open']) assert.ok(await isPartial(vfs, name), `${away}: ${name}`)
    assert.ok(!(await isPartial(vfs, '/over')))
    await vfs.restore(p('/over'))
    assert.equal(await onDisk(ada, 'over'), 'the old')
    await balanced(ada)
  }
})

test('a start beside a process that lives leaves alone what that one has open', async () => {
  await using living = await stagedAccount()
  const first = await living.session()
  await put(first, '/a', 'the old')
  const fresh = await first.open(p('/fresh'), NEW)
  await fresh.write(bytes('12345'), 0)
  await fresh.write(bytes('789'), 6)
  const over = await first.open(p('/a'), NEW)
  await over.write(bytes('the new'), 0)
  await writeFile(join(living.staging, 'being-made'), 'its row is not there yet')

  await using ada = await stagedAccount({ beside: living })

  assert.ok((await readdir(ada.staging)).includes('being-made'))
  assert.equal((await (await ada.session()).stat(p('/fresh'))).size, 9)
  await fresh.write(bytes('6'), 5)
  await fresh.close()
  await over.close()
  assert.equal(await onDisk(ada, 'fresh'), '123456789')
  assert.equal(await onDisk(ada, 'a'), 'the new')
  assert.ok(!(await isPartial(first, '/fresh')))
})

test('a start: what was to be kept until before it is given up', async () => {
  await using killed = await stagedAccount()
  const before = await killed.session()
  await put(before, '/a', 'the old')
  await put(before, '/a', 'the new')

  await using ada = await stagedAccount({ after: killed, clock: fakeClock(Date.now() + 7_200_000) })

  await ada.session()
  assert.deepEqual(await readdir(ada.staging), [])
  await balanced(ada)
})

test('a start beside a process that lives leaves it what it has reserved', async () => {
  await using living = await stagedAccount()
  const first = await living.session()
  await put(first, '/a', 'the old')
  await put(first, '/a', 'the new')
  const rows = () => sqlUploads(living.database).shelved('ada')
  const before = rows()

  await using ada = await stagedAccount({ beside: living })

  await ada.session()
  assert.deepEqual(rows(), before)
})

test('two processes: the bytes of a file are lent to the overwrite of one of them', async () => {
  await using living = await stagedAccount({ bytes: 10 })
  const first = await living.session()
  await put(first, '/a', '1234567890')
  const file = await first.open(p('/a'), NEW)
  await file.write(bytes('abcdefghij'), 0)
  await using ada = await stagedAccount({ bytes: 10, beside: living })
  const second = await (await ada.session()).open(p('/a'), NEW)

  await refuses('EDQUOT', () => second.write(bytes('x'), 0))

  await second.abandon()
  await file.close()
  assert.equal(await onDisk(ada, 'a'), 'abcdefghij')
})

test('after a kill: new files are partial, holes are cut off, overwrites are parts', async () => {
  await using killed = await stagedAccount()
  const before = await killed.session()
  await put(before, '/whole', 'whole')
  await put(before, '/over', 'the old')
  const fresh = await before.open(p('/fresh'), NEW)
  await fresh.write(bytes('fresh'), 0)
  const holed = await before.open(p('/holed'), NEW)
  await holed.write(bytes('12345'), 0)
  await holed.write(bytes('789'), 6)
  await before.mkdir(p('/d'), 0o755)
  await before.mkdir(p('/d/e'), 0o755)
  await before.rename(p('/holed'), p('/d/e/elsewhere'), { replace: false })
  const filled = await before.open(p('/filled'), NEW)
  await filled.write(bytes('789'), 6)
  await filled.write(bytes('123456'), 0)
  const over = await before.open(p('/over'), NEW)
  await over.write(bytes('the new'), 0)
  await over.write(bytes('xx'), 9)

  await using ada = await stagedAccount({ after: killed })

  const vfs = await ada.session()
  assert.ok(!(await isPartial(vfs, '/whole')))
  for (const name of ['/fresh', '/d/e/elsewhere', '/filled']) assert.ok(await isPartial(vfs, name), name)
  assert.equal(await onDisk(ada, 'fresh'), 'fresh')
  assert.equal(await onDisk(ada, 'd/e/elsewhere'), '12345')
  assert.equal(await onDisk(ada, 'filled'), '123456789')
  assert.equal(await onDisk(ada, 'over'), 'the old')
  assert.deepEqual(
    vfs.shelved().map(({ kind, path, size }) => ({ kind, path, size })),
    [{ kind: 'part', path: '/over', size: 7 }],
  )
  await balanced(ada)
  const again = await vfs.resume(p('/over'), 7)
  await again.close()
  assert.ok(!(await isPartial(vfs, '/over')))
})

test('after a kill: nothing is cut below the size that the client has set, though there was a hole before', async () => {
  await using killed = await stagedAccount()
  const before = await killed.session()
  for (const path of ['/handle', '/name']) {
    const file = await before.open(p(path), NEW)
    await file.write(bytes('12345'), 0)
    await file.write(bytes('xyz'), 8)
    if (path === '/name') await before.setstat(p(path), { size: 20 })
    else await file.truncate(20)
  }

  await using ada = await stagedAccount({ after: killed })

  const vfs = await ada.session()
  for (const path of ['/handle', '/name']) assert.equal((await vfs.stat(p(path))).size, 20)
  await balanced(ada)
})

test('what is over, however it ended, is no longer written down as open', async () => {
  await using ada = await stagedAccount({ bytes: 100 })
  const [vfs, other] = [await ada.session(), await ada.session()]
  const open = openUploadsIn(ada.folder)
  const [name] = uploadFiles(open)
  await put(vfs, '/a', 'the old')
  await put(vfs, '/a', 'the new one')
  await interrupted(vfs, '/a', 'the third')
  await interrupted(vfs, '/b', 'a new file')
  const refused = await vfs.open(p('/a'), NEW)
  await refuses('EDQUOT', () => refused.write(bytes('x'), 1000))
  await vfs.unlink(p('/a'))
  const taken = await vfs.open(p('/c'), NEW)
  const taker = await other.open(p('/c'), UNTRUNCATED)
  await taker.close()

  assert.deepEqual(leftOpen(open, name!), [])

  await taken.abandon()
})

test('after a kill: what was closed is whole', async () => {
  await using killed = await stagedAccount()
  const before = await killed.session()
  const holed = await before.open(p('/a'), NEW)
  await holed.write(bytes('xyz'), 5)
  await holed.close()
  await put(before, '/a', 'a second time')

  await using ada = await stagedAccount({ after: killed })

  const vfs = await ada.session()
  assert.ok(!(await isPartial(vfs, '/a')))
  assert.equal(await onDisk(ada, 'a'), 'a second time')
  assert.deepEqual(
    vfs.shelved().map(({ kind }) => kind),
    ['kept'],
  )
  await balanced(ada)
})

test('after a kill: nothing is marked that had lost its last name', async () => {
  await using killed = await stagedAccount()
  const [vfs, other] = [await killed.session(), await killed.session()]
  const lose: Readonly<Record<string, () => unknown>> = {
    '/removed': () => vfs.unlink(p('/removed')),
    '/renamed over': async () => {
      await put(other, '/x', 'x')
      await other.rename(p('/x'), p('/renamed over'), { replace: true })
    },
    // A TRUNC beside another session's upload is staged.
    '/replaced': () => put(other, '/replaced', 'x'),
  }
  for (const [name, last] of Object.entries(lose)) {
    const file = await vfs.open(p(name), NEW)
    await file.write(bytes('some'), 0)
    await last()
  }

  await using ada = await stagedAccount({ after: killed })

  assert.deepEqual(ada.database.prepare('SELECT * FROM partial_file').all(), [])
})
