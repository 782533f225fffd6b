import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { type Addon, callsOver } from '../../../src/vfs/disk-calls.ts'
import { ENTER } from '../../../src/vfs/jail.ts'
import { openLocal } from '../../../src/vfs/local.ts'
import { statOf } from '../../../src/vfs/local-stat.ts'
import { virtualPath as p } from '../../../src/vfs/path.ts'
import { builtCalls } from '../../support/built-calls.ts'
import { descriptorsIn } from '../../support/descriptors.ts'

const { O_RDONLY, O_WRONLY, O_DIRECTORY } = fs.constants
const ADDON = join(import.meta.dirname, '../../../native/build/Release/disk.node')
const calls = builtCalls()
let home: string
let root: number
before(() => {
  home = fs.mkdtempSync(join(tmpdir(), 'disk-calls-'))
  fs.mkdirSync(join(home, 'd/e'), { recursive: true })
  fs.writeFileSync(join(home, 'd/e/f'), 'of it')
  fs.symlinkSync('d', join(home, 'link'))
  fs.symlinkSync('f', join(home, 'd/e/last'))
  root = fs.openSync(home, ENTER)
})
after(() => {
  fs.closeSync(root)
  fs.rmSync(home, { recursive: true })
})

/** All names of the folder, by so many at a time, with what they are. */
function listed(folder: string, most: number) {
  const descriptor = fs.openSync(folder, O_RDONLY | O_DIRECTORY)
  try {
    const all = []
    for (;;) {
      const some = calls.list(descriptor, most)
      if (some.length === 0) return all
      assert.ok(some.length <= Math.max(most, 12))
      all.push(...some)
    }
  } finally {
    fs.closeSync(descriptor)
  }
}

test('disk calls: what they tell of anything is what Node tells', () => {
  const sparse = fs.openSync(join(home, 'sparse'), 'w')
  fs.ftruncateSync(sparse, 5_000_000_000)
  fs.closeSync(sparse)
  fs.utimesSync(join(home, 'sparse'), -1.5, 4_000_000_000.75)
  execFileSync('mkfifo', [join(home, 'fifo')])
  for (const name of ['d', 'd/e/f', 'link', 'd/e/last', 'sparse', 'fifo'])
    assert.deepEqual(calls.look(root, name), statOf(fs.lstatSync(join(home, name))), name)
  const all = listed(home, 128)
  assert.deepEqual(all.map(({ name }) => name).sort(), ['d', 'fifo', 'link', 'sparse'])
  for (const { name, stat } of all) assert.deepEqual(stat, statOf(fs.lstatSync(join(home, name))), name)
})

test('disk calls: a file is made once, with the rights that were asked for, and opened as what it is', () => {
  const made = calls.make(root, 'd/new', O_WRONLY, 0o640, 1000)
  assert.ok(made)
  fs.writeSync(made.descriptor, 'written')
  fs.closeSync(made.descriptor)
  assert.equal(calls.make(root, 'd/new', O_WRONLY, 0o640, 1000), undefined)
  const opened = calls.open(root, 'd/new', O_RDONLY)
  assert.ok(opened)
  assert.equal(fs.readFileSync(opened.descriptor, 'utf8'), 'written')
  fs.closeSync(opened.descriptor)
  assert.deepEqual(opened.stat, statOf(fs.statSync(join(home, 'd/new'))))
  assert.equal(opened.stat.mode & 0o777, 0o640 & ~process.umask())
  assert.deepEqual([made.stat.ino, made.stat.size], [opened.stat.ino, 0])
})

// To unmake it at the end of a deep path would take more descriptors than were left.
test('disk calls: nothing is made where its descriptor would be one of the reserve', () => {
  const lowest = fs.openSync('/', 'r')
  fs.closeSync(lowest)
  assert.equal(calls.make(root, 'd/reserved', O_WRONLY, 0o600, lowest), undefined)
  assert.equal(fs.existsSync(join(home, 'd/reserved')), false)
  const made = calls.make(root, 'd/reserved', O_WRONLY, 0o600, lowest + 1)
  assert.equal(made?.descriptor, lowest)
  fs.closeSync(lowest)
})

test('disk calls: no link is followed, no way leads out, and nothing but a file is opened', () => {
  fs.rmSync(join(home, 'fifo'), { force: true })
  execFileSync('mkfifo', [join(home, 'fifo')])
  const before = descriptorsIn(home).length
  for (const path of [
    'link/e/f',
    'd/e/last',
    'd/e',
    'fifo',
    '..',
    '../x',
    'd/../../x',
    '/etc/passwd',
    '',
    'd/e/f\0',
    `${'d/../'.repeat(1000)}d/e/f`,
    'n'.repeat(256),
  ])
    assert.equal(calls.open(root, path, O_RDONLY), undefined, path.slice(0, 40))
  for (const path of ['link/new', 'link', '../new', '/new', 'd/e/last', 'd/\0', `${'./'.repeat(3000)}new`])
    assert.equal(calls.make(root, path, O_WRONLY, 0o600, 1000), undefined, path.slice(0, 40))
  for (const path of ['link/e', '../x', '/', '', 'd\0']) assert.equal(calls.look(root, path), undefined, path)
  assert.equal(calls.look(root, 'd/none'), null)
  assert.equal(descriptorsIn(home).length, before)
})

test('disk calls: names of any bytes and lengths are listed once, however few are asked for', () => {
  const folder = join(home, 'names')
  fs.mkdirSync(folder)
  const name = fc.uint8Array({ minLength: 1, maxLength: 255 }).map((bytes) => {
    const text = Buffer.from(bytes).toString('latin1').replace(/[\0/]/g, '_')
    return text === '.' || text === '..' ? '_' : text
  })
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 60 }), fc.integer({ min: 1, max: 700 }), (names, most) => {
      for (const one of names) fs.writeFileSync(Buffer.from(join(folder, one), 'latin1'), '')
      try {
        const found = listed(folder, most).map((entry) => entry.name)
        assert.deepEqual(found.sort(), names.toSorted())
      } finally {
        for (const one of names) fs.unlinkSync(Buffer.from(join(folder, one), 'latin1'))
      }
    }),
    { numRuns: 60 },
  )
})

test('disk calls: a tree lists as many names as are asked for at most, and none of the server’s own', async () => {
  const folder = join(home, 'many')
  fs.mkdirSync(folder)
  for (let i = 0; i < 1000; i++) fs.writeFileSync(join(folder, `${i % 2 ? '.miniftp-staged-' : 'n'}${i}`), '')
  for (const most of [1, 20, 600]) assert.equal(listed(folder, most).length, 1000)
  await using tree = openLocal(home, undefined, undefined, calls)
  for (const most of [1, 5, 128, 2000]) {
    const list = await tree.openDirectory(p('/many'))
    const names = new Set<string>()
    for (;;) {
      const some = await list.read(most)
      if (some.length === 0) break
      assert.ok(some.length <= most)
      for (const { name } of some) names.add(name)
    }
    await list.close()
    assert.equal(names.size, 500, `${most}`)
    assert.throws(() => list.read(1), { code: 'EBADF' })
  }
  assert.equal(tree.stat(p('/many')).kind, 'directory')
  assert.throws(() => tree.stat(p('/many/.miniftp-staged-1')), { code: 'EACCES' })
  assert.throws(() => tree.open(p('/many/.miniftp-staged-1'), { read: true }), { code: 'EACCES' })
  assert.throws(() => tree.open(p('/many/.miniftp-staged-x/y'), { write: true, create: true }), {
    code: 'EACCES',
  })
})

test('disk calls: a folder that is removed while it is listed is at its end, as without them', async () => {
  for (const used of [undefined, calls]) {
    fs.mkdirSync(join(home, 'removed'))
    await using tree = openLocal(home, undefined, undefined, used)
    const list = await tree.openDirectory(p('/removed'))
    fs.rmdirSync(join(home, 'removed'))
    assert.deepEqual(await list.read(10), [])
    await list.close()
  }
})

test('disk calls: what cannot be listed says why in Node’s words', () => {
  const file = fs.openSync(join(home, 'd/e/f'), 'r')
  assert.throws(() => calls.list(file, 10), { code: 'ENOTDIR' })
  fs.closeSync(file)
  assert.throws(() => calls.list(file, 10), { code: 'EBADF' })
  assert.throws(() => calls.list(root, 10), { code: 'EBADF' })
})

test('disk calls: the addon takes arguments of any kind, and answers a number', () => {
  const addon = createRequire(import.meta.url)(ADDON) as Addon
  const before = descriptorsIn(home).length
  const anything = fc.oneof(
    fc.anything(),
    fc.constantFrom(
      'd',
      'd/e/f',
      'x'.repeat(4096),
      'x'.repeat(4095),
      '\0',
      '\u{1f600}',
      -1,
      2 ** 31,
      Number.NaN,
    ),
  )
  fc.assert(
    fc.property(
      fc.constantFrom('open', 'look', 'list', 'make'),
      fc.array(anything, { maxLength: 5 }),
      (name, given) => {
        const call = addon[name as 'open'] as (...given: unknown[]) => number
        // Nothing is made in the folder where the tests run.
        if (name === 'make' && typeof given[0] === 'number' && typeof given[1] === 'string') given[0] = root
        const answer = call(...given)
        assert.ok(Number.isInteger(answer))
        if ((name === 'open' || name === 'make') && answer >= 0) fs.closeSync(answer)
      },
    ),
    { numRuns: 2000 },
  )
  assert.equal(descriptorsIn(home).length, before)
})

test('disk calls: a thread has memory of its own', async () => {
  const text = `
    const { parentPort, workerData } = require('node:worker_threads')
    const fs = require('node:fs')
    const addon = require(workerData.addon)
    const root = fs.openSync(workerData.home, ${O_RDONLY})
    for (let i = 0; i < 2000; i++) addon.look(root, 'd')
    parentPort.postMessage(addon.numbers[0])`
  const worker = new Worker(text, { eval: true, workerData: { addon: ADDON, home } })
  const heard = Promise.withResolvers<number>()
  worker.once('message', heard.resolve)
  worker.once('error', heard.reject)
  let mine = 0
  const size = fs.statSync(join(home, 'd/e/f')).size
  while (mine < 20_000) {
    assert.equal(calls.look(root, 'd/e/f')?.size, size)
    mine += 1
  }
  assert.equal(await heard.promise, fs.statSync(join(home, 'd')).mode)
  await worker.terminate()
})

test('disk calls: why there are none is said', () => {
  const missing = callsOver(() => {
    throw Object.assign(new Error('no such file'), { code: 'MODULE_NOT_FOUND' })
  })
  assert.deepEqual(missing, { why: 'the addon in native/ was not built' })
  const torn = join(home, 'torn.node')
  fs.writeFileSync(torn, fs.readFileSync(ADDON).subarray(0, 100))
  assert.match(
    callsOver(() => createRequire(import.meta.url)(torn)).why ?? '',
    /^the addon in native\/ cannot be loaded: /,
  )
  for (const [answer, why] of [
    [-38, 'ENOSYS'],
    [0, 'it goes anywhere'],
  ] as const)
    assert.deepEqual(
      callsOver(() => ({ look: () => answer }) as unknown as Addon),
      { why: `openat2 is refused here (${why})` },
    )
})

// `cd; miniftpd serve` as root, for a VAR of somebody else.
test('disk calls: they are had where the working directory is closed to the server', () => {
  const locked = join(home, 'locked')
  fs.mkdirSync(locked, 0o700)
  const text = `
    const { callsOver } = await import(${JSON.stringify(import.meta.resolve('../../../src/vfs/disk-calls.ts'))})
    const { createRequire } = await import('node:module')
    const addon = createRequire(${JSON.stringify(ADDON)})(${JSON.stringify(ADDON)})
    process.chdir(${JSON.stringify(locked)})
    if (process.getuid() === 0) process.seteuid(65534)
    else (await import('node:fs')).chmodSync('.', 0)
    process.stdout.write(callsOver(() => addon).why ?? 'had')`
  const said = execFileSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', text], {
    encoding: 'utf8',
  })
  fs.chmodSync(locked, 0o700)
  assert.equal(said, 'had')
})
