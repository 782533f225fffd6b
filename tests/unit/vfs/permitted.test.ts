import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { Rights } from '../../../src/accounts/account.ts'
import { PRESETS, showRights } from '../../../src/accounts/rules.ts'
import { isOpError } from '../../../src/base/error.ts'
import { sqlFresh } from '../../../src/store/sql-fresh.ts'
import { Fresh, settleFresh } from '../../../src/vfs/fresh.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath as p } from '../../../src/vfs/path.ts'
import { permitted } from '../../../src/vfs/permitted.ts'
import type { FileHandle, OpenFlags, VirtualFileSystem } from '../../../src/vfs/vfs.ts'
import { lent } from '../../support/lent.ts'

const NEW: OpenFlags = { write: true, create: true, truncate: true }
const MINUTE = 60_000

/** A tree with one old file, and who looks at it with rights that can be changed. */
async function tree(
  preset: string | Rights,
  also: (memory: VirtualFileSystem) => Partial<VirtualFileSystem> = () => ({}),
) {
  const memory = memoryFileSystem()
  const below: VirtualFileSystem = { ...memory, ...also(memory) }
  await put(below, '/old.txt', 'old')
  await below.mkdir(p('/folder'))
  await below.symlink('/old.txt', p('/link'))
  const time = { now: 0 }
  const may = { rights: typeof preset === 'string' ? PRESETS[preset]! : preset }
  const store = sqlFresh(new DatabaseSync(':memory:'))
  const fresh = new Fresh('ada', { store, clock: { now: () => time.now }, process: 'here' })
  const vfs = permitted(below, { rights: () => may.rights, describe: showRights, fresh })
  /** The same tree after a restart, or in another process. */
  const elsewhere = (process: string): VirtualFileSystem =>
    permitted(below, {
      rights: () => may.rights,
      describe: showRights,
      fresh: new Fresh('ada', { store, clock: { now: () => time.now }, process }),
    })
  return { below, vfs, time, may, store, elsewhere }
}

async function put(vfs: VirtualFileSystem, path: string, text: string): Promise<void> {
  const file = await vfs.open(p(path), NEW)
  await file.write([Buffer.from(text)], 0)
  await file.close()
}

async function text(file: FileHandle): Promise<string> {
  const place = Buffer.alloc(100)
  return place.toString('utf8', 0, await file.read([place], 0))
}

const content = async (vfs: VirtualFileSystem, path: string): Promise<string> =>
  text(await vfs.open(p(path), { read: true }))

const refuses = (act: () => unknown, code = 'EACCES') =>
  assert.rejects(
    async () => act(),
    (error) => isOpError(error) && error.code === code,
  )

/** Everything that a tree can be asked to do, by the right that it needs. */
const ACTS: Readonly<Record<string, (vfs: VirtualFileSystem) => unknown>> = {
  read: (vfs) => content(vfs, '/old.txt'),
  write: (vfs) => put(vfs, '/new.txt', 'new'),
  overwrite: (vfs) => put(vfs, '/old.txt', 'other'),
  append: (vfs) => vfs.open(p('/old.txt'), { write: true, append: true }),
  'set a mode': (vfs) => vfs.setstat(p('/old.txt'), { mode: 0o600 }),
  'set a size': (vfs) => vfs.setstat(p('/old.txt'), { size: 0 }),
  delete: (vfs) => vfs.unlink(p('/old.txt')),
  'delete a folder': (vfs) => vfs.rmdir(p('/folder')),
  rename: (vfs) => vfs.rename(p('/old.txt'), p('/moved.txt'), { replace: false }),
  list: (vfs) => vfs.openDirectory(p('/')),
  mkdir: (vfs) => vfs.mkdir(p('/made')),
  symlink: (vfs) => vfs.symlink('/old.txt', p('/other-link')),
  link: (vfs) => vfs.link(p('/old.txt'), p('/second')),
  readlink: (vfs) => vfs.readlink(p('/link')),
  stat: (vfs) => vfs.stat(p('/old.txt')),
  'write through a link': (vfs) => vfs.open(p('/link'), { write: true }),
}

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  full: Object.keys(ACTS),
  'read-only': ['read', 'list', 'readlink', 'stat'],
  'drop-box': ['write'],
}

for (const [preset, allowed] of Object.entries(ALLOWED)) {
  test(`permitted: ${preset} may ${allowed.join(', ')}, and nothing else`, async () => {
    for (const [name, act] of Object.entries(ACTS)) {
      const { vfs } = await tree(preset)
      if (allowed.includes(name)) await act(vfs)
      else await refuses(() => act(vfs))
    }
  })
}

const none: Rights = {
  read: false,
  write: false,
  overwrite: false,
  delete: false,
  list: false,
  mkdir: false,
}

test('permitted: each right alone allows its own acts', async () => {
  const acts = { read: 'read', write: 'write', delete: 'delete', list: 'list', mkdir: 'mkdir' } as const
  for (const [right, act] of Object.entries(acts)) {
    const { vfs } = await tree({ ...none, [right]: true })
    await ACTS[act]!(vfs)
    for (const other of Object.values(acts)) if (other !== act) await refuses(() => ACTS[other]!(vfs))
  }
})

test('permitted: a file opened for reading cannot be changed by its handle', async () => {
  const { vfs, below } = await tree('read-only')
  const file = await vfs.open(p('/old.txt'), { read: true })

  await refuses(() => file.setstat({ mode: 0o777, mtime: 1 }))
  await refuses(() => file.truncate(0))
  assert.equal((await below.stat(p('/old.txt'))).size, 3)
})

test('permitted: a drop-box goes on with, dates, renames, looks at and hashes what it is making', async () => {
  const { vfs, below } = await tree('drop-box')
  await put(vfs, '/a.filepart', 'one')
  const more = await vfs.open(p('/a.filepart'), { write: true })
  await more.write([Buffer.from('two')], 3)
  await more.setstat({ mode: 0o640 })
  await more.close()
  await vfs.setstat(p('/a.filepart'), { mtime: 1_000_000 })
  await vfs.rename(p('/a.filepart'), p('/a'), { replace: true })
  await vfs.setstat(p('/a'), { mode: 0o600 })

  assert.equal(await content(below, '/a'), 'onetwo')
  assert.equal((await vfs.stat(p('/a'))).mtime, 1_000_000)
  await vfs.open(p('/a'), { read: true, hash: true })
})

test('permitted: a drop-box reads nothing, not even what it is making', async () => {
  const { vfs } = await tree('drop-box')
  await put(vfs, '/a', 'mine')
  const both = await vfs.open(p('/b'), { read: true, write: true, create: true })
  const hashed = await vfs.open(p('/a'), { read: true, hash: true })

  await refuses(() => vfs.open(p('/a'), { read: true }))
  await refuses(() => text(both))
  await refuses(() => text(hashed))
  await refuses(() => vfs.open(p('/old.txt'), { read: true, hash: true }))
})

test('permitted: a drop-box replaces nothing, by no way', async () => {
  const { vfs, below } = await tree('drop-box')
  await put(vfs, '/a', 'mine')

  await refuses(() => vfs.rename(p('/a'), p('/old.txt'), { replace: true }), 'EEXIST')
  await refuses(() => vfs.open(p('/a'), NEW))
  await refuses(() => vfs.open(p('/link'), { write: true, create: true }))
  assert.equal(await content(below, '/old.txt'), 'old')
  assert.equal(await content(below, '/a'), 'mine')
})

test('permitted: ten minutes after its last close a drop-box has let go of a file', async () => {
  const { vfs, time } = await tree('drop-box')
  await put(vfs, '/a', 'mine')
  time.now = 9 * MINUTE
  const again = await vfs.open(p('/a'), { write: true })
  time.now = 30 * MINUTE
  await vfs.stat(p('/a'))
  await again.abandon()
  time.now = 39 * MINUTE
  await vfs.stat(p('/a'))
  time.now = 41 * MINUTE

  await refuses(() => vfs.stat(p('/a')))
  await refuses(() => vfs.open(p('/a'), { write: true }))
  await refuses(() => vfs.rename(p('/a'), p('/b'), { replace: false }))
  await refuses(() => vfs.setstat(p('/a'), { mtime: 1 }))
})

test('permitted: changed rights hold at the next request', async () => {
  const { vfs, may } = await tree('full')
  await put(vfs, '/a', 'one')
  may.rights = PRESETS['read-only']!

  await refuses(() => put(vfs, '/b', 'two'))
  assert.equal(await content(vfs, '/a'), 'one')
})

test('permitted: who may write and see, but not overwrite, adds files only', async () => {
  const { vfs } = await tree({ ...PRESETS.full!, overwrite: false, delete: false })
  await put(vfs, '/new', 'new')

  assert.equal(await content(vfs, '/old.txt'), 'old')
  await refuses(() => put(vfs, '/old.txt', 'other'))
  await refuses(() => vfs.rename(p('/old.txt'), p('/moved'), { replace: false }))
  await vfs.mkdir(p('/made'))
  await vfs.setstat(p('/made'), { mtime: 1 })
})

test('permitted: what a drop-box is making it goes on with in another process, and after the end of this one', async () => {
  const { vfs, time, store, elsewhere } = await tree('drop-box')
  await put(vfs, '/closed', 'mine')
  await vfs.open(p('/open'), NEW)
  const other = elsewhere('there')

  await other.setstat(p('/closed'), { mtime: 1 })
  await (await other.open(p('/open'), { write: true })).close()
  await vfs.open(p('/open'), { write: true })
  time.now = 30 * MINUTE
  await refuses(() => other.stat(p('/closed')))
  await other.stat(p('/open'))

  settleFresh(store, (process) => process !== 'here', { now: () => time.now })
  time.now = 39 * MINUTE
  await other.stat(p('/open'))
  time.now = 41 * MINUTE
  await refuses(() => other.stat(p('/open')))
})

test('permitted: who may write and not read reads nothing by a file that is open for both', async () => {
  const { vfs } = await tree({ ...none, write: true, overwrite: true })
  const file = await vfs.open(p('/old.txt'), { read: true, write: true })
  await file.write([Buffer.from('new')], 0)

  await refuses(() => text(file))
})

test('permitted: a file that is open to be hashed cannot be changed by its handle', async () => {
  const { vfs, below } = await tree('drop-box')
  await put(vfs, '/a', 'mine')
  const file = await vfs.open(p('/a'), { read: true, hash: true })

  await refuses(() => file.setstat({ mode: 0o777 }))
  await refuses(() => file.truncate(0))
  assert.equal(await content(below, '/a'), 'mine')
})

test('permitted: what comes into being while a drop-box adds a file is not replaced', async () => {
  const { vfs, below } = await tree('drop-box', (memory) => ({
    async stat(path, options) {
      try {
        return await memory.stat(path, options)
      } finally {
        if (path === p('/late')) await put(memory, '/late', 'of another')
      }
    },
  }))

  await refuses(() => put(vfs, '/late', 'mine'), 'EEXIST')
  assert.equal(await content(below, '/late'), 'of another')
})

test('permitted: times of folders are set by who may make some, or change what is there', async () => {
  const date = (vfs: VirtualFileSystem, path: string) => vfs.setstat(p(path), { mtime: 1 })
  for (const rights of [
    { ...none, mkdir: true },
    { ...none, write: true, overwrite: true },
  ]) {
    const { vfs } = await tree(rights)
    await date(vfs, '/folder')
  }
  for (const rights of [
    { ...none, write: true },
    { ...none, overwrite: true },
    { ...none, read: true, list: true, delete: true },
  ]) {
    const { vfs } = await tree(rights)
    await refuses(() => date(vfs, '/folder'))
  }
  const { vfs } = await tree({ ...none, mkdir: true, write: true })
  await refuses(() => date(vfs, '/old.txt'))
})

test('permitted: who may delete and not write renames nothing', async () => {
  const { vfs, below } = await tree({ ...PRESETS.full!, write: false })

  await refuses(() => vfs.rename(p('/old.txt'), p('/moved'), { replace: true }))
  assert.equal(await content(below, '/old.txt'), 'old')
})

const withResume = (memory: VirtualFileSystem): Partial<VirtualFileSystem> => ({
  resume: (path) => memory.open(path, { read: true, write: true }),
})

test('permitted: who may change files goes on with any, and reads it when it may read', async () => {
  const { vfs } = await tree('full', withResume)
  const blind = await tree({ ...none, write: true, overwrite: true }, withResume)

  assert.equal(await text(await vfs.resume!(p('/old.txt'), 3)), 'old')
  const file = await blind.vfs.resume!(p('/old.txt'), 3)
  await file.write([Buffer.from('er')], 3)
  await refuses(() => text(file))
})

test('permitted: a drop-box goes on with its own files only, and reads none of them', async () => {
  const { vfs, time, may } = await tree('drop-box', withResume)
  await put(vfs, '/a', 'mine')

  await refuses(() => vfs.resume!(p('/old.txt'), 3))
  await refuses(() => vfs.resume!(p('/nothing'), 0))
  const file = await vfs.resume!(p('/a'), 4)
  await file.write([Buffer.from('more')], 4)
  await refuses(() => text(file))
  time.now = 30 * MINUTE
  assert.equal((await vfs.stat(p('/a'))).size, 8)
  may.rights = { ...none, read: true }
  await refuses(() => vfs.resume!(p('/a'), 8))
  await file.close()
})

test('permitted: a drop-box replaces nothing of what it has made and closed, and goes on behind it', async () => {
  const { vfs, below } = await tree('drop-box', withResume)
  await put(vfs, '/a', 'mine')

  for (const open of [
    () => vfs.open(p('/a'), { write: true, create: true }),
    () => vfs.open(p('/a'), { write: true }),
    () => vfs.resume!(p('/a'), 4),
  ]) {
    const file = await open()
    await refuses(() => file.write([Buffer.from('junk')], 0))
    await refuses(() => file.write([Buffer.from('x')], 3))
    await refuses(() => file.truncate(0))
    await refuses(() => file.setstat({ size: 3 }))
    await file.setstat({ atime: 1, mtime: 1 })
    await file.close()
  }
  await refuses(() => vfs.setstat(p('/a'), { size: 0 }))
  assert.equal(await content(below, '/a'), 'mine')
  const file = await vfs.open(p('/a'), { write: true })
  await file.write([Buffer.from(', all')], 4)
  await file.close()
  assert.equal(await content(below, '/a'), 'mine, all')
})

test('permitted: who may write and not read has no descriptor to hash but of what it writes anew', async () => {
  const { vfs } = await tree({ ...none, write: true, overwrite: true }, (memory) => ({
    open: async (path, flags, attrs) => ({
      ...(await memory.open(path, flags, attrs)),
      descriptor: () => lent(7),
    }),
  }))

  const old = await vfs.open(p('/old.txt'), { read: true, write: true })
  const anew = await vfs.open(p('/new.txt'), { ...NEW, read: true })

  assert.deepEqual([old.descriptor?.()?.number, anew.descriptor?.()?.number], [undefined, 7])
})

test('permitted: who may add and read goes on with its own files and reads them meanwhile', async () => {
  const { vfs } = await tree({ ...none, read: true, write: true }, withResume)
  await put(vfs, '/a', 'mine')

  assert.equal(await text(await vfs.resume!(p('/a'), 4)), 'mine')
})

test('permitted: where a link leads is told only to who sees what is there', async () => {
  for (const [preset, path] of [
    ['full', '/old.txt'],
    ['read-only', '/old.txt'],
    ['drop-box', '/link'],
  ] as const) {
    const { vfs } = await tree(preset)
    assert.equal(await vfs.realpath(p('/link')), p(path), preset)
  }
})

test('permitted: what was replaced is restored by who may replace', async () => {
  for (const [preset, allowed] of [
    ['full', true],
    ['read-only', false],
    ['drop-box', false],
  ] as const) {
    const restored: string[] = []
    const { vfs } = await tree(preset, () => ({ restore: async (path) => void restored.push(path) }))
    if (allowed) await vfs.restore!(p('/old.txt'))
    else await refuses(() => vfs.restore!(p('/old.txt')))

    assert.deepEqual(restored, allowed ? [p('/old.txt')] : [], preset)
  }
})

test('permitted: what a living process has open stays in the making, however long and whatever else is closed', async () => {
  const { vfs, time, store, elsewhere } = await tree('drop-box')
  const living = elsewhere('there')
  await living.open(p('/long'), NEW)
  await put(vfs, '/a', 'mine')
  settleFresh(store, (process) => process === 'there', { now: () => time.now })
  time.now = 60 * MINUTE
  await put(vfs, '/b', 'mine')

  await vfs.stat(p('/long'))
  await vfs.open(p('/long'), { write: true })
})

test('permitted: of an account that is gone the next one of its name has nothing in the making', async () => {
  const { vfs, store, elsewhere } = await tree('drop-box')
  await put(vfs, '/a', 'mine')
  store.forget('ada')

  await refuses(() => elsewhere('there').stat(p('/a')))
})

test('permitted: whether a file may be put somewhere is said without opening anything', async () => {
  for (const [preset, atNew, atOld] of [
    ['full', true, true],
    ['read-only', false, false],
    ['drop-box', true, false],
  ] as const) {
    const { vfs } = await tree(preset)
    for (const [path, may] of [
      ['/', atNew],
      ['/folder', atNew],
      ['/new.txt', atNew],
      ['/old.txt', atOld],
    ] as const) {
      const asked = async (): Promise<void> => vfs.mayPut!(p(path))
      await (may ? asked() : refuses(asked))
    }
  }
  const { vfs } = await tree('drop-box')
  const own = await vfs.open(p('/mine'), NEW)
  await vfs.mayPut!(p('/mine'))
  await own.close()
})

test('permitted: what a file was when it was opened to be read is passed on', async () => {
  const { below, vfs } = await tree('full', (memory) => ({
    open: async (path, flags) => {
      const file = await memory.open(path, flags)
      return { ...file, found: await file.stat() }
    },
  }))

  const file = await vfs.open(p('/old.txt'), { read: true })

  assert.equal(file.found?.size, 3)
  assert.deepEqual(file.found, await below.stat(p('/old.txt')))
})
