// Mallory has an account and wants what is beside her home. She makes links that lead out, names that climb, folders
// that she swaps for links while we walk, and things that are not files at all. Nothing outside may be read, written,
// made, changed or even told of.
import assert from 'node:assert/strict'
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import fc from 'fast-check'
import { isPromise } from '../../src/base/awaitable.ts'
import { isOpError } from '../../src/base/error.ts'
import type { DiskCalls } from '../../src/vfs/disk-calls.ts'
import { openJail } from '../../src/vfs/jail.ts'
import { type LocalFileSystem, openLocal } from '../../src/vfs/local.ts'
import type { Pace } from '../../src/vfs/pace.ts'
import { pacedBy } from '../../src/vfs/paced-file.ts'
import { virtualPath } from '../../src/vfs/path.ts'
import type { FileHandle } from '../../src/vfs/vfs.ts'
import { builtCalls } from '../support/built-calls.ts'
import { descriptorsIn } from '../support/descriptors.ts'

const SECRET = 'the secret of somebody else'
const RACE_SECONDS = Number(process.env.JAIL_RACE_SECONDS ?? 4)
let folder: string
let home: string
let vfs: LocalFileSystem
let calls: DiskCalls | undefined
const p = (text: string) => virtualPath(text)
const NEW = { write: true, create: true, truncate: true }

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'jail-'))
  home = join(folder, 'home')
  fs.mkdirSync(join(home, 'd'), { recursive: true })
  fs.mkdirSync(join(folder, 'outside'))
  fs.writeFileSync(join(folder, 'outside', 'secret'), SECRET)
})
afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true })
})

const opened = (): LocalFileSystem =>
  openLocal(home, Number.POSITIVE_INFINITY, pacedBy({ of: () => QUICK }), calls)

/** Name by name, and by calls of the kernel where they do. */
function both(does: string, work: () => void | Promise<void>): void {
  for (const [how, used] of [
    ['name by name', undefined],
    ['by calls of the kernel', builtCalls()],
  ] as const)
    test(`${does}, ${how}`, { timeout: 30_000 + RACE_SECONDS * 1000 }, async () => {
      calls = used
      vfs = opened()
      try {
        await work()
      } finally {
        await vfs[Symbol.asyncDispose]()
      }
    })
}

/** Everything outside, with contents, modes and times. */
function outside(): string {
  return execFileSync(
    'find',
    [join(folder, 'outside'), '-printf', '%p %m %n %s %T@ %l\n', '-type', 'f', '-exec', 'cat', '{}', ';'],
    { encoding: 'latin1' },
  )
}

function attempt(act: () => unknown): string {
  try {
    const done = act()
    if (typeof done === 'object' && done !== null && 'close' in done) (done as { close(): void }).close()
    return 'done'
  } catch (error) {
    if (!isOpError(error)) throw error
    assert.ok(!error.message.includes(folder) && !error.message.includes('/proc/self/fd'), error.message)
    return error.code
  }
}

/** What can be read there; undefined when it cannot be opened. */
function read(name: string): string | undefined {
  const place = Buffer.alloc(100)
  let text: string | undefined
  attempt(() => {
    const file = vfs.open(p(name), { read: true })
    text = place.toString('latin1', 0, readNow(file, place))
    return file
  })
  return text
}

/** Fails when anything that is told by this name lies outside. */
function tellsNothing(name: string): void {
  const [text = ''] = [read(name)]
  assert.ok(text !== SECRET && !text.includes('root:'), `${name} reads what is outside`)
  attempt(() => {
    const list = vfs.openDirectory(p(name))
    assert.ok(!isPromise(list))
    const entries = list.read(100)
    assert.ok(!isPromise(entries))
    for (const { name } of entries) assert.notEqual(name, 'secret')
    return list
  })
  const known = new Set(OUTSIDE.map((path) => fs.statSync(join(folder, path)).ino))
  attempt(() => assert.equal(known.has((vfs.stat(p(name)) as { ino: number }).ino), false, name))
  attempt(() =>
    assert.equal(known.has((vfs.stat(p(name), { follow: false }) as { ino: number }).ino), false, name),
  )
}
const OUTSIDE = ['.', 'outside', 'outside/secret']

const ways = (name: string): readonly (readonly [string, () => unknown])[] => [
  ['read', () => vfs.open(p(name), { read: true })],
  ['write', () => vfs.open(p(name), NEW)],
  ['append', () => vfs.open(p(name), { append: true, write: true, create: true })],
  ['exclusive', () => vfs.open(p(name), { ...NEW, exclusive: true })],
  ['list', () => vfs.openDirectory(p(name))],
  ['stat', () => vfs.stat(p(name))],
  ['chmod', () => vfs.setstat(p(name), { mode: 0o777 })],
  ['truncate', () => vfs.setstat(p(name), { size: 0 })],
  ['utimes', () => vfs.setstat(p(name), { atime: 1, mtime: 1 })],
  ['mkdir', () => vfs.mkdir(p(name))],
  ['rename onto', () => vfs.rename(p('/d'), p(name), { replace: true })],
  ['rename from', () => vfs.rename(p(name), p('/stolen'), { replace: true })],
  ['link', () => vfs.link(p(name), p('/linked'))],
  ['unlink', () => vfs.unlink(p(name))],
  ['rmdir', () => vfs.rmdir(p(name))],
  ['realpath', () => vfs.realpath(p(name))],
  ['space', () => vfs.space(p(name))],
]

both('jail: links that lead out, in any way and to any depth, reach nothing outside', () => {
  const targets = [
    join(folder, 'outside', 'secret'),
    join(folder, 'outside'),
    '../outside/secret',
    '../outside',
    '../../../../../../../../etc/passwd',
    '/etc/passwd',
    '/proc/self/root/etc/passwd',
    '/proc/1/root',
    'd/../../outside/secret',
  ]
  const before = outside()
  for (const [index, target] of targets.entries()) {
    const link = `l${index}`
    for (const name of [
      `/${link}`,
      `/${link}/secret`,
      `/${link}/../outside/secret`,
      `/${link}/new`,
      `/d/../${link}/x/y`,
    ]) {
      for (const [, act] of ways(name)) {
        fs.rmSync(home, { recursive: true, force: true })
        fs.mkdirSync(join(home, 'd'), { recursive: true })
        vfs = opened()
        fs.symlinkSync(target, join(home, link))
        tellsNothing(name)
        attempt(act)
        tellsNothing(name)
        vfs.jail[Symbol.dispose]()
      }
    }
  }
  vfs = opened()
  assert.equal(outside(), before)
})

both('jail: an absolute link is read from the root of the home', () => {
  fs.mkdirSync(join(home, 'etc'))
  fs.writeFileSync(join(home, 'etc', 'passwd'), 'mine')
  fs.symlinkSync('/etc/passwd', join(home, 'l'))
  const place = Buffer.alloc(10)
  const file = vfs.open(p('/l'), { read: true })
  assert.equal(place.toString('latin1', 0, readNow(file, place)), 'mine')
  file.close()
})

both('jail: a dangling link that leads out makes nothing outside', () => {
  fs.symlinkSync(join(folder, 'outside', 'made'), join(home, 'l'))
  fs.symlinkSync('../outside/made', join(home, 'm'))

  attempt(() => vfs.open(p('/l'), NEW))
  attempt(() => vfs.open(p('/m'), NEW))
  attempt(() => vfs.mkdir(p('/l/x')))

  assert.deepEqual(fs.readdirSync(join(folder, 'outside')), ['secret'])
})

both('jail: a FIFO, a socket and a device are refused at once, and so are links to them', () => {
  execFileSync('mkfifo', [join(home, 'fifo')])
  fs.symlinkSync('fifo', join(home, 'l'))
  if (process.getuid?.() === 0) execFileSync('mknod', [join(home, 'null'), 'c', '1', '3'])
  for (const name of ['/fifo', '/l', ...(process.getuid?.() === 0 ? ['/null'] : [])]) {
    assert.equal(
      attempt(() => vfs.open(p(name), { read: true })),
      'EACCES',
    )
    assert.equal(
      attempt(() => vfs.open(p(name), { write: true })),
      'EACCES',
    )
    assert.equal(
      attempt(() => vfs.openDirectory(p(name))),
      'ENOTDIR',
    )
  }
})

test('jail: one that was closed goes nowhere, and closes nothing of others when it is closed again', () => {
  const jail = openJail(home)
  jail[Symbol.dispose]()
  // Its number is another folder's now.
  using other = openJail(home)

  assert.throws(() => jail.walk(p('/f'), true, ({ path }) => path), { code: 'ECANCELED' })
  assert.throws(() => jail.below(p('/f'), () => 0), { code: 'ECANCELED' })
  jail[Symbol.dispose]()

  assert.equal(
    other.walk(p('/none'), true, ({ path }) => path),
    '/none',
  )
})

both('jail: 200 calls that fail leave no descriptor open', () => {
  fs.symlinkSync('loop', join(home, 'loop'))
  fs.writeFileSync(join(home, 'f'), 'x')
  const before = descriptorsIn(home).length
  for (let turn = 0; turn < 200; turn++) {
    for (const name of ['/loop', '/none/x', '/f/x', '/d', '/loop/a/b', '/d/none']) {
      attempt(() => vfs.open(p(name), { read: true }))
      attempt(() => vfs.openDirectory(p(`${name}/none`)))
      attempt(() => vfs.rename(p(name), p('/none/x'), { replace: true }))
    }
  }
  assert.equal(descriptorsIn(home).length, before)
})

// Forty links, each of hundreds of 'd/..', would have the loop walk for a quarter of a second at every STAT.
both('jail: a maze of links is given up early, and leaves no descriptor open', () => {
  for (let i = 0; i < 39; i++) fs.symlinkSync(`${'d/../'.repeat(700)}m${i + 1}`, join(home, `m${i}`))
  fs.symlinkSync(`${'d/'.repeat(600)}${'/'.repeat(2_000)}`, join(home, 'slashes'))
  fs.symlinkSync(`${'./'.repeat(1_500)}d`, join(home, 'm39'))
  const before = descriptorsIn(home).length

  assert.equal(
    attempt(() => vfs.stat(p('/m0'))),
    'ELOOP',
  )
  assert.equal(
    attempt(() => vfs.stat(p('/slashes'))),
    'ENOENT',
  )
  assert.equal(vfs.stat(p('/m39')).kind, 'directory')
  assert.equal(descriptorsIn(home).length, before)
})

both('jail: a path of any names stays in the home', () => {
  const name = fc.oneof(
    fc.constantFrom('..', '.', '', 'd', 'up', 'out', '...', '..d'),
    fc.string({ maxLength: 6 }),
  )
  fs.symlinkSync('..', join(home, 'd', 'up'))
  fs.symlinkSync('../..', join(home, 'out'))
  const inside = fs.statSync(home)
  fc.assert(
    fc.property(fc.array(name, { maxLength: 8 }), (names) => {
      const text = names
        .join('/')
        .replaceAll('\0', '')
        .replace(/[^\x01-\xff]/g, '_')
      const path = p(text)
      assert.ok(path.startsWith('/') && !path.split('/').includes('..'))
      try {
        const real = vfs.realpath(path)
        assert.ok((real as string).startsWith('/'))
        const found = vfs.stat(path)
        assert.equal(found.dev, inside.dev)
        assert.notEqual(found.ino, fs.statSync(folder).ino)
      } catch (error) {
        if (!isOpError(error)) throw error
      }
    }),
    { numRuns: 500 },
  )
})

/** Swaps a folder, or a file, with a link that leads out, and has a name be a link for a moment, until its time is over. */
const SWAPPER = `import fs from 'node:fs'
const [home, outside, seconds, what] = process.argv.slice(2)
const until = Date.now() + Number(seconds) * 1000
const swap = (a, b, c) => { try { fs.renameSync(a, c); fs.renameSync(b, a); fs.renameSync(c, b) } catch {} }
const blink = () => { try { fs.symlinkSync(outside + '/made', home + '/new') } catch {} try { fs.unlinkSync(home + '/new') } catch {} }
const turn = what === 'folders'
  ? () => swap(home + '/real', home + '/link', home + '/t')
  : () => { swap(home + '/file', home + '/filelink', home + '/u'); blink() }
process.send('go')
while (Date.now() < until) for (let i = 0; i < 50; i++) turn()
`

// 60 s of it: JAIL_RACE_SECONDS=60.
both(
  'jail: two processes that swap folders and links get no foreign byte and make nothing outside',
  async () => {
    const swapper = join(folder, 'swap.mjs')
    fs.writeFileSync(swapper, SWAPPER)
    fs.mkdirSync(join(home, 'real'))
    fs.writeFileSync(join(home, 'real', 'secret'), 'my own')
    fs.symlinkSync(join(folder, 'outside'), join(home, 'link'))
    fs.writeFileSync(join(home, 'file'), 'my own')
    fs.symlinkSync('../outside/secret', join(home, 'filelink'))
    const children = ['folders', 'files'].map((what) =>
      fork(swapper, [home, join(folder, 'outside'), String(RACE_SECONDS), what], { execArgv: [] }),
    )
    await Promise.all(children.map((child) => once(child, 'message')))
    let over = false
    const ended = Promise.all(children.map((child) => once(child, 'exit'))).then(() => {
      over = true
    })
    const place = Buffer.alloc(100)
    let mine = 0
    let turn = 0
    while (!over) {
      for (let batch = 0; batch < 200; batch++) {
        turn += 1
        attempt(() => {
          const file = vfs.open(p('/real/secret'), { read: true })
          const text = place.toString('latin1', 0, readNow(file, place))
          file.close()
          assert.notEqual(text, SECRET)
          if (text === 'my own') mine += 1
        })
        attempt(() => {
          const file = vfs.open(p('/file'), { read: true })
          const text = place.toString('latin1', 0, readNow(file, place))
          file.close()
          assert.notEqual(text, SECRET)
        })
        attempt(() => vfs.setstat(p('/file'), { mode: 0o666 }))
        attempt(() => vfs.setstat(p('/file'), { size: 3 }))
        attempt(() => vfs.open(p('/new'), { write: true, create: true }))
        attempt(() => vfs.open(p(`/real/new${turn % 50}`), NEW))
        attempt(() => vfs.mkdir(p(`/link/dir${turn % 50}`)))
        attempt(() => vfs.setstat(p('/real/secret'), { mode: 0o644 }))
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    await ended
    assert.ok(mine > 0, 'the race was never run')
    assert.deepEqual(fs.readdirSync(join(folder, 'outside')), ['secret'])
    assert.equal(fs.readFileSync(join(folder, 'outside', 'secret'), 'utf8'), SECRET)
    assert.equal(fs.statSync(join(folder, 'outside', 'secret')).mode & 0o777, 0o644)
  },
)

/** However busy the machine is while the race runs. */
const QUICK: Pace = { quick: true, now: (work) => work(), later: (work) => work() }

function readNow(file: FileHandle, into: Uint8Array): number {
  const count = file.read([into], 0)
  assert.ok(typeof count === 'number', 'the disk here is quick')
  return count
}
