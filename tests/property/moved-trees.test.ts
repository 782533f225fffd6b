// Two sessions upload, one file at a time each, while a third renames, removes and links the folders and files that they
// upload into; and now and then the process is killed. A CLOSE that says OK is of bytes that are under a name; what has
// had none is partial, wherever it is by then; and the book is what is on the disk.
import assert from 'node:assert/strict'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isOpError } from '../../src/base/error.ts'
import type { StagedFileSystem } from '../../src/vfs/staged.ts'
import type { FileHandle, Stat } from '../../src/vfs/vfs.ts'
import { randomFrom } from '../support/random.ts'
import {
  type AccountOptions,
  type StagedAccount,
  slowDisks,
  stagedAccount,
} from '../support/staged-account.ts'
import { balanced, bytes, isPartial, NEW, p } from '../support/staged-files.ts'

const RUNS = Number(process.env.TREE_SEEDS ?? 30)
const FIRST = Number(process.env.TREE_FIRST ?? 1)
const STEPS = 150
const FOLDERS = ['/a', '/b', '/a/s', '/b/s', '/a/s/t', '/c']
const WAYS: readonly AccountOptions[] = [
  {},
  { bytes: 30_000 },
  { bytes: 300_000, keepMs: 0 },
  { paces: slowDisks },
  { overwrite: 'in-place' },
  { durable: 'always' },
]

interface Upload {
  readonly file: FileHandle
  content: string
  /** A write was refused. */
  broken: boolean
}

/** Every file below `folder`, by its path there. */
function filesIn(folder: string, at = ''): string[] {
  return readdirSync(join(folder, at), { withFileTypes: true }).flatMap((entry) => {
    const path = `${at}/${entry.name}`
    return entry.isDirectory() ? filesIn(folder, path) : entry.isFile() ? [path] : []
  })
}

async function movedTrees(seed: number): Promise<void> {
  const below = randomFrom(seed)
  const one = <T>(of: readonly T[]): T => of[below(of.length)]!
  const options = one(WAYS)
  await using first = await stagedAccount(options)
  let ada: StagedAccount = first
  let uploaders = [await ada.session(), await ada.session()]
  let mover = await ada.session()
  const uploads = new Map<StagedFileSystem, Upload>()
  /** Of what had a CLOSE, perhaps by the one who took it over. */
  const closed = new Set<number>()
  for (const folder of FOLDERS) await mover.mkdir(p(folder))
  const file = (): ReturnType<typeof p> => p(`${one(['', '/link', ...FOLDERS])}/${one(['f', 'g'])}`)
  const folder = (): ReturnType<typeof p> => p(one(FOLDERS))

  const move = async (): Promise<void> => {
    const replace = below(2) === 0
    switch (below(8)) {
      case 0:
        return mover.mkdir(folder())
      case 1:
        return mover.rmdir(folder())
      case 2:
        return mover.unlink(file())
      case 3:
        return mover.link(file(), file())
      case 4:
        return mover.symlink(one(['a', 'b/s']), p('/link'))
      case 5:
        return mover.rename(file(), file(), { replace })
      case 6:
        return mover.restore(file())
      default:
        return mover.rename(folder(), folder(), { replace })
    }
  }
  const begin = async (vfs: StagedFileSystem): Promise<Upload> => {
    const left = below(3) === 0 ? await unfinished(vfs) : undefined
    if (left === undefined) return { file: await vfs.open(file(), NEW), content: '', broken: false }
    const opened = await vfs.resume(left.path, left.size)
    const there = Buffer.alloc(left.size)
    await opened.read([there], 0)
    return { file: opened, content: there.toString('latin1'), broken: false }
  }
  /** What an upload has left, to be gone on with: a part, or a partial file. */
  const unfinished = async (vfs: StagedFileSystem) => {
    const parts = vfs.shelved().filter(({ kind }) => kind === 'part')
    if (parts.length > 0 && below(2) === 0) return one(parts)
    const path = file()
    const { partial, size } = await vfs.stat(path)
    return partial ? { path, size } : undefined
  }
  const upload = async (vfs: StagedFileSystem): Promise<void> => {
    const under = uploads.get(vfs)
    if (under === undefined) return void uploads.set(vfs, await begin(vfs))
    if (below(3) > 0) {
      const more = `${seed} ${below(1e6)} `.repeat(1 + below(200))
      under.broken = true
      await under.file.write(bytes(more), under.content.length)
      under.broken = false
      under.content += more
      return
    }
    uploads.delete(vfs)
    if (below(4) === 0) return under.file.abandon()
    const { ino } = await under.file.stat()
    await under.file.close()
    closed.add(ino)
    assert.ok(!under.broken, 'CLOSE says OK of what was refused')
    const found = filesIn(ada.home).some(
      (path) => readFileSync(join(ada.home, path), 'latin1') === under.content,
    )
    assert.ok(found, 'CLOSE says OK of bytes that are under no name')
  }
  const kill = async (): Promise<void> => {
    const open: Stat[] = []
    for (const under of uploads.values()) if (under.content !== '') open.push(await under.file.stat())
    uploads.clear()
    ada = await stagedAccount({ ...options, after: first })
    uploaders = [await ada.session(), await ada.session()]
    mover = await ada.session()
    for (const path of filesIn(ada.home)) {
      const here = lstatSync(join(ada.home, path)).ino
      if (closed.has(here) || !open.some(({ ino }) => ino === here)) continue
      assert.ok(await isPartial(mover, path), `${path} had no CLOSE`)
    }
    await balanced(ada)
  }

  for (let step = 0; step < STEPS; step++) {
    try {
      if (below(100) === 0) await kill()
      else await (below(2) === 0 ? move() : upload(one(uploaders)))
    } catch (error) {
      if (!isOpError(error)) throw error
    }
    const { limit, used, reserved } = ada.book.usage
    assert.ok(limit === null || used + reserved <= limit, `${used} + ${reserved} of ${limit}`)
  }
  for (const { file: left } of uploads.values()) await left.abandon()
  for (const vfs of [...uploaders, mover]) await vfs[Symbol.asyncDispose]()
  await balanced(ada)
}

test('moved trees: a CLOSE is true, what had none is partial, and the book is the disk', async () => {
  for (let seed = FIRST; seed < FIRST + RUNS; seed++)
    await assert.doesNotReject(movedTrees(seed), `TREE_FIRST=${seed} TREE_SEEDS=1`)
})
