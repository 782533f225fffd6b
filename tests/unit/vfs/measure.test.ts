import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { measure } from '../../../src/vfs/measure.ts'
import { descriptorsIn } from '../../support/descriptors.ts'

let folder: string
let home: string

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'measure-'))
  home = join(folder, 'hôme')
  fs.mkdirSync(home)
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const below = (name: string): Buffer => Buffer.concat([Buffer.from(`${home}/`), bytes(name)])

test('measure: counts what lies in folders whose names are not ASCII, or not UTF-8', async () => {
  fs.mkdirSync(join(home, 'é名'))
  fs.writeFileSync(join(home, 'é名', 'f'), 'x'.repeat(1000))
  fs.mkdirSync(below('\xff\xfe'))
  fs.writeFileSync(below('\xff\xfe/\x80'), 'y'.repeat(100))

  assert.deepEqual(await measure(home), { bytes: 1100, files: 4 })
})

test('measure: counts an inode once, every name as an entry, and follows no link', async () => {
  fs.writeFileSync(join(home, 'a'), 'x'.repeat(10))
  fs.linkSync(join(home, 'a'), join(home, 'b'))
  fs.writeFileSync(join(folder, 'secret'), 'x'.repeat(500))
  fs.symlinkSync('../secret', join(home, 'l'))
  fs.symlinkSync('..', join(home, 'up'))

  assert.deepEqual(await measure(home), { bytes: 10, files: 4 })
})

test('measure: counts a tree that is deeper than a path can be long, and holds few descriptors for it', async () => {
  const name = 'd'.repeat(250)
  const was = process.cwd()
  process.chdir(home)
  for (let depth = 0; depth < 40; depth++) {
    fs.mkdirSync(name)
    fs.writeFileSync('f', 'x')
    process.chdir(name)
  }
  process.chdir(was)

  assert.deepEqual(await measure(home), { bytes: 40, files: 80 })
})

test('measure: counts a sparse file by its highest byte, and what lies after a folder that was left', async () => {
  fs.mkdirSync(join(home, 'd', 'e'), { recursive: true })
  fs.mkdirSync(join(home, 'g'))
  for (const at of ['d', 'd/e', 'g']) fs.writeFileSync(join(home, at, 'f'), 'x')
  fs.truncateSync(join(home, 'g', 'f'), 1_000_000)

  assert.deepEqual(await measure(home), { bytes: 1_000_002, files: 6 })
})

test('measure: a folder that is not there holds nothing, and no descriptor is left open', async () => {
  const before = descriptorsIn(folder).length

  assert.deepEqual(await measure(join(folder, 'none')), { bytes: 0, files: 0 })
  await measure(home)

  assert.equal(descriptorsIn(folder).length, before)
})

// Who may read everything (root) is kept out by no mode, so the count is run as somebody else where that can be.
test('measure: counts what lies in a folder that is closed to its owner, and leaves it closed', {
  skip: process.getuid?.() === 0 ? false : 'needs root to become somebody else',
}, async () => {
  fs.mkdirSync(join(home, 'closed', 'deep'), { recursive: true })
  fs.writeFileSync(join(home, 'closed', 'deep', 'f'), 'x'.repeat(10))
  fs.chmodSync(folder, 0o755)
  fs.chmodSync(join(home, 'closed', 'deep'), 0o000)
  fs.chmodSync(join(home, 'closed'), 0o200)
  for (const path of ['', 'closed', 'closed/deep', 'closed/deep/f'])
    fs.chownSync(join(home, path), 65534, 65534)
  const module = new URL('../../../src/vfs/measure.ts', import.meta.url).href
  const program = `const { measure } = await import(${JSON.stringify(module)})
process.setgroups([]); process.setgid(65534); process.setuid(65534)
console.log(JSON.stringify(await measure(${JSON.stringify(home)})))`

  const said = execFileSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
    encoding: 'utf8',
  })

  assert.deepEqual(JSON.parse(said), { bytes: 10, files: 3 })
  assert.equal(fs.statSync(join(home, 'closed')).mode & 0o777, 0o200)
  assert.equal(fs.statSync(join(home, 'closed', 'deep')).mode & 0o777, 0o000)
})

test('measure: what is closed to its owner is closed again when the count fails', async (t) => {
  const closed = ['closed', 'closed/deep', 'closed/deep/deeper']
  fs.mkdirSync(join(home, 'closed/deep/deeper'), { recursive: true })
  fs.writeFileSync(join(home, 'closed/deep/.miniftp-staged-1'), '')
  for (const name of closed.toReversed()) fs.chmodSync(join(home, name), 0o000)
  const open = fs.openSync
  const cannotEnter = (name: string) => (real: fs.PathLike, flags: fs.OpenMode) => {
    if (`${real}`.endsWith(`/${name}`)) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
    return open(real, flags)
  }

  for (const name of ['deep', 'deeper', '..']) {
    const mocked = t.mock.method(fs, 'openSync', cannotEnter(name))
    await assert.rejects(measure(home), { code: 'EMFILE' }, name)
    mocked.mock.restore()
  }
  const broken = new Error('the database')
  await assert.rejects(
    measure(home, () => {
      throw broken
    }),
    broken,
  )

  assert.deepEqual(await measure(home), { bytes: 0, files: 3 })
  for (const name of closed) {
    assert.equal(fs.statSync(join(home, name)).mode & 0o777, 0o000, name)
    // For who is not root to see what is in it.
    fs.chmodSync(join(home, name), 0o700)
  }
})
