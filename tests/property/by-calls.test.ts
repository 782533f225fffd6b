// The kernel's own walk is a shorter way, not another one: whatever is asked of a tree, and in whatever order, the answers,
// the errors with their sentences and what is on the disk afterwards are those of the walk name by name.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isOpError } from '../../src/base/error.ts'
import { type LocalFileSystem, openLocal } from '../../src/vfs/local.ts'
import type { Pace } from '../../src/vfs/pace.ts'
import { pacedBy } from '../../src/vfs/paced-file.ts'
import { virtualPath as p } from '../../src/vfs/path.ts'
import type { DirectoryHandle, Entry, FileHandle, NewAttrs, Stat } from '../../src/vfs/vfs.ts'
import { builtCalls } from '../support/built-calls.ts'
import { descriptorsIn } from '../support/descriptors.ts'
import { anyFlags } from '../support/sftp-requests.ts'

const RUNS = Number(process.env.BY_CALLS_RUNS ?? 100)
const NOBODY = 65534
const QUICK: Pace = { quick: true, now: (work) => work(), later: (work) => work() }

/** A home, as it is served in one of the two ways; by the other it is only looked at. */
interface Served {
  readonly home: string
  readonly tree: LocalFileSystem
  readonly other: LocalFileSystem
  readonly files: FileHandle[]
  readonly folders: DirectoryHandle[]
}

interface Step {
  readonly says: string
  readonly does: (on: Served) => unknown
}

/** What may be told of a file in one home and be true in another. */
const told = ({ kind, size, mode, uid, gid, nlink }: Stat) => ({ kind, size, mode, uid, gid, nlink })

/** `work` of both ways on the same home tells wholly the same. */
async function bothOn<T>({ tree, other }: Served, work: (of: LocalFileSystem) => T): Promise<Awaited<T>> {
  assert.deepEqual(await outcome(() => work(tree)), await outcome(() => work(other)))
  return await work(tree)
}

async function outcome(work: () => unknown): Promise<unknown> {
  try {
    return (await work()) ?? 'done'
  } catch (error) {
    return wordsOf(error)
  }
}

/** What a client hears of it. */
function wordsOf(error: unknown): unknown {
  if (error instanceof assert.AssertionError) throw error
  if (isOpError(error)) return { code: error.code, message: error.message, path: error.path }
  return { code: (error as NodeJS.ErrnoException).code }
}

const LONG = `${'n'.repeat(254)}\xe4`
const name = fc.oneof(
  { weight: 16, arbitrary: fc.constantFrom('a', 'd', 'e', 'l', 'm') },
  { weight: 3, arbitrary: fc.constantFrom('\xe4\xff', 'new\nline', LONG, 'fifo', 'null', 'void', 'none') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('.miniftp-staged-1', '.miniftp-staged-', '.miniftp', '..', '.', ''),
  },
)
const path = fc
  .tuple(
    fc.constantFrom('', '', '', '/d', '/d', '/l', '/d/e', '/m', '/d/l/d'),
    fc.option(name, { freq: 12, nil: '' }),
  )
  .map((parts) => parts.join('/'))
const target = fc.oneof(
  path,
  fc
    .tuple(
      fc.constantFrom('', '', './', '../', '../../', 'd/../', 'l/'),
      name,
      fc.constantFrom('', '', '/', '/.', '/..'),
    )
    .map((parts) => parts.join('')),
  fc.constantFrom(
    '/',
    '.',
    '..',
    '',
    '/etc/passwd',
    '../../../etc',
    '/dev/null',
    '/proc/self/root/etc',
    'd//e',
  ),
)
const mode = fc.constantFrom(
  0o777,
  0o755,
  0o700,
  0o644,
  0o600,
  0o555,
  0o444,
  0o311,
  0o100,
  0o000,
  0o4755,
  0o1777,
)
const attrs = fc.record(
  {
    mode,
    size: fc.constantFrom(0, 1, 5, 5_000_000_000),
    atime: fc.constantFrom(-1.5, 0, 1_700_000_000.25, 4_000_000_000),
    mtime: fc.constantFrom(-1.5, 0, 1_700_000_000.25, 4_000_000_000),
    uid: fc.constantFrom(NOBODY, 0),
  },
  { requiredKeys: [] },
)
const which = fc.nat(5)
const follow = fc.boolean()

function step<Given extends unknown[]>(
  word: string,
  given: [...{ [at in keyof Given]: fc.Arbitrary<Given[at]> }],
  does: (on: Served, ...given: Given) => unknown,
): fc.Arbitrary<Step> {
  return fc.tuple<Given>(...given).map((values) => ({
    says: `${word} ${JSON.stringify(values)}`,
    does: (on) => does(on, ...values),
  }))
}

const listing = async (list: DirectoryHandle, most: number): Promise<Entry[]> => {
  const all: Entry[] = []
  for (;;) {
    const some = await list.read(most)
    if (some.length === 0) return all
    assert.ok(some.length <= most)
    all.push(...some)
  }
}

const steps: readonly [weight: number, arbitrary: fc.Arbitrary<Step>][] = [
  [
    10,
    step('open', [path, anyFlags, fc.option(mode, { nil: undefined })], async (on, at, how, bits) => {
      const made = bits === undefined ? undefined : { mode: bits }
      const file = on.tree.open(p(at), how, made)
      const found = told(await file.stat())
      if (on.files.length < 3) on.files.push(file)
      else await file.close()
      return { found, known: file.found && told(file.found), appends: file.appends }
    }),
  ],
  [
    6,
    step(
      'write',
      [which, fc.nat(20), fc.uint8Array({ maxLength: 8 })] as const,
      async (on, at, offset, data) => {
        await on.files[at]?.write([data], offset)
        const found = await on.files[at]?.stat()
        return found && told(found)
      },
    ),
  ],
  [
    4,
    step('read', [which, fc.nat(20)], async (on, at, offset) => {
      const bytes = Buffer.alloc(16)
      const count = await on.files[at]?.read([bytes], offset)
      return { count, bytes: bytes.toString('latin1', 0, count ?? 0) }
    }),
  ],
  [2, step('truncate', [which, fc.nat(9)], (on, at, size) => on.files[at]?.truncate(size))],
  [3, step('close', [which], (on, at) => on.files.splice(at, 1)[0]?.close())],
  [
    8,
    step('stat', [path, follow], async (on, at, does) =>
      told(await bothOn(on, (tree) => tree.stat(p(at), { follow: does }))),
    ),
  ],
  [
    8,
    step('list', [path, fc.integer({ min: 1, max: 40 })], async (on, at, most) => {
      const all = await bothOn(on, async (tree) => {
        const list = await tree.openDirectory(p(at))
        try {
          return await listing(list, most)
        } finally {
          await list.close()
        }
      })
      return all.map((entry) => ({ name: entry.name, stat: told(entry.stat) })).sort(byName)
    }),
  ],
  // Amid which anything may happen.
  [
    2,
    step('begin to list', [path], async (on, at) => {
      if (on.folders.length < 2) on.folders.push(await on.tree.openDirectory(p(at)))
    }),
  ],
  [
    2,
    step('list to the end', [], async (on) => {
      const list = on.folders.pop()
      if (list === undefined) return
      try {
        return (await listing(list, 7))
          .map(({ name: one, stat }) => ({ name: one, stat: told(stat) }))
          .sort(byName)
      } finally {
        await list.close()
      }
    }),
  ],
  [6, step('symlink', [target, path], (on, to, at) => on.tree.symlink(to, p(at)))],
  [3, step('link', [path, path], (on, from, to) => on.tree.link(p(from), p(to)))],
  [
    6,
    step('rename', [path, path, fc.boolean()], (on, from, to, replace) =>
      on.tree.rename(p(from), p(to), { replace }),
    ),
  ],
  [4, step('unlink', [path], (on, at) => on.tree.unlink(p(at)))],
  [8, step('mkdir', [path, mode], (on, at, bits) => on.tree.mkdir(p(at), bits))],
  [3, step('rmdir', [path], (on, at) => on.tree.rmdir(p(at)))],
  [
    5,
    step('setstat', [path, attrs, follow], (on, at, to, does) =>
      on.tree.setstat(p(at), to as NewAttrs, { follow: does }),
    ),
  ],
  [2, step('readlink', [path], (on, at) => on.tree.readlink(p(at)))],
  [3, step('realpath', [path], (on, at) => on.tree.realpath(p(at)))],
  [1, step('umask', [fc.constantFrom(0, 0o022, 0o077, 0o777)], (_, bits) => void process.umask(bits))],
]
const sequence = fc.array(fc.oneof(...steps.map(([weight, arbitrary]) => ({ weight, arbitrary }))), {
  minLength: 1,
  maxLength: 60,
  size: 'max',
})

function byName(one: { readonly name: string }, two: { readonly name: string }): number {
  return one.name < two.name ? -1 : one.name > two.name ? 1 : 0
}

const asRoot = process.getuid?.() === 0

/** The same in each of the two. */
function homesIn(folder: string): readonly [plain: string, calls: string] {
  const homes = [join(folder, 'plain'), join(folder, 'calls')] as const
  for (const home of homes) {
    fs.mkdirSync(join(home, 'd/e'), { recursive: true })
    fs.writeFileSync(join(home, 'd/a'), 'of d')
    fs.writeFileSync(join(home, 'a'), 'of it')
    fs.symlinkSync('d', join(home, 'l'))
    fs.symlinkSync('nowhere', join(home, 'void'))
  }
  const device = asRoot
    ? `mknod -m 666 plain/null c 1 3; mknod -m 666 calls/null c 1 3; chown -hR ${NOBODY} .`
    : ''
  execFileSync('sh', ['-ec', `mkfifo plain/fifo calls/fifo; ${device}`], { cwd: folder })
  return homes
}

function served(home: string, byCalls: boolean): Served {
  const opened = (calls: boolean): LocalFileSystem =>
    openLocal(home, undefined, pacedBy({ of: () => QUICK }), calls ? builtCalls() : undefined)
  return { home, tree: opened(byCalls), other: opened(!byCalls), files: [], folders: [] }
}

async function closed({ tree, other, files, folders }: Served): Promise<void> {
  for (const file of files) await file.close()
  for (const folder of folders) await folder.close()
  await tree[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
}

/** Each name with what it is and holds, as the disk has it. */
function treeOf(home: string): string[] {
  const all: string[] = []
  const walk = (at: Buffer): void => {
    for (const entry of fs.readdirSync(at, { encoding: 'buffer' })) {
      const place = Buffer.concat([at, Buffer.from('/'), entry])
      const found = fs.lstatSync(place)
      const holds = found.isSymbolicLink()
        ? fs.readlinkSync(place, 'latin1')
        : found.isFile() && found.size < 1000
          ? fs.readFileSync(place, 'latin1')
          : ''
      const { mode: bits, size, nlink, uid } = found
      all.push(
        `${place.toString('latin1').slice(home.length)} ${bits.toString(8)} ${size} ${nlink} ${uid} ${holds}`,
      )
      if (found.isDirectory()) walk(place)
    }
  }
  walk(Buffer.from(home))
  return all.sort()
}

/** `work` in a pair of homes, as somebody to whom the rights of files are some; then both must be the same. */
async function inBoth(work: (plain: Served, calls: Served) => Promise<void>): Promise<void> {
  const umask = process.umask(0o022)
  const folder = fs.mkdtempSync(join(tmpdir(), 'by-calls-'))
  try {
    const homes = homesIn(folder)
    if (asRoot) process.seteuid?.(NOBODY)
    const [plain, calls] = [served(homes[0], false), served(homes[1], true)]
    try {
      await work(plain, calls)
    } finally {
      await closed(plain)
      await closed(calls)
      if (asRoot) process.seteuid?.(0)
      else execFileSync('chmod', ['-R', 'u+rwX', folder])
    }
    assert.deepEqual(homes.map(descriptorsIn), [[], []])
    assert.deepEqual(treeOf(homes[1]), treeOf(homes[0]))
  } finally {
    process.umask(umask)
    fs.rmSync(folder, { recursive: true })
  }
}

test('by calls of the kernel: any steps are answered as name by name, and leave the same', async () => {
  const run = (taken: readonly Step[]): Promise<void> =>
    inBoth(async (plain, calls) => {
      for (const { says, does } of taken)
        assert.deepEqual(await outcome(() => does(calls)), await outcome(() => does(plain)), says)
    })
  await fc.assert(fc.asyncProperty(sequence, run), { numRuns: RUNS })
})

test('by calls of the kernel: who may not go into a folder is told so when it is opened, whatever lies in it', () =>
  inBoth(async (...both) => {
    for (const { tree } of both)
      for (const [at, bits] of [
        ['/e', 0o644],
        ['/d', 0o644],
        ['/d', 0o311],
        ['/d', 0],
      ] as const) {
        if (at === '/e') tree.mkdir(p(at))
        tree.setstat(p(at), { mode: bits })
        assert.throws(() => tree.openDirectory(p(at)), { code: 'EACCES' })
      }
  }))

test('by calls of the kernel: a path is as long for them as it may be', () =>
  inBoth(async (...both) => {
    for (const { tree, other } of both) {
      const folders = Array.from({ length: 15 }, (_, deep) => `/${'n'.repeat(255)}`.repeat(deep + 1))
      for (const folder of folders) tree.mkdir(p(folder))
      for (const length of [4094, 4095, 4096]) {
        const path = `${folders.at(-1)}/`.padEnd(length, 'f')
        assert.throws(() => other.stat(p(path)), { code: 'ENOENT' })
        await tree.open(p(path), { write: true, create: true }).close()
        assert.deepEqual(tree.stat(p(path)), other.stat(p(path)))
        await tree.open(p(path), { read: true }).close()
        tree.unlink(p(path))
      }
      assert.throws(() => tree.stat(p(`${folders.at(-1)}/`.padEnd(4097, 'f'))), { code: 'ENAMETOOLONG' })
      for (const folder of folders.reverse()) tree.rmdir(p(folder))
    }
  }))
