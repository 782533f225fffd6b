import assert from 'node:assert/strict'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { isOpError } from '../../../src/base/error.ts'
import { type Jail, openJail } from '../../../src/vfs/jail.ts'
import { openLocal } from '../../../src/vfs/local.ts'
import { parentOf, virtualPath } from '../../../src/vfs/path.ts'
import type { VirtualPath } from '../../../src/vfs/vfs.ts'

const p = (text: string): VirtualPath => virtualPath(text)

function newHome(t: TestContext): string {
  const home = fs.mkdtempSync(join(tmpdir(), 'realpath-'))
  t.after(() => fs.rmSync(home, { recursive: true, force: true }))
  return home
}

/** How often `act` opens something. */
function opens(t: TestContext, act: () => unknown): number {
  const counted = t.mock.method(fs, 'openSync')
  syncBuiltinESMExports()
  try {
    act()
    return counted.mock.callCount()
  } finally {
    counted.mock.restore()
    syncBuiltinESMExports()
  }
}

test('realpath: many names that are not there cost no more than three walks', async (t) => {
  const home = newHome(t)
  const there = '/d'.repeat(50)
  fs.mkdirSync(home + there, { recursive: true })
  fs.symlinkSync('no/such/folder', join(home + there, 'nowhere'))
  fs.symlinkSync('none', join(home + there, 'dangling'))
  await using vfs = openLocal(home)
  const one = opens(t, () => vfs.realpath(p(there)))

  for (const name of ['none', 'nowhere', 'dangling']) {
    const path = p(`${there}/${name}${'/n'.repeat(200)}`)
    assert.ok(opens(t, () => vfs.realpath(path)) <= 3 * (one + 2), name)
  }
})

/** Ever shorter, until the walk gets through. */
function expected(jail: Jail, path: VirtualPath): string {
  try {
    return jail.walk(path, true, (place) => place.path)
  } catch (error) {
    if (!isOpError(error)) throw error
    if (error.code !== 'ENOENT') return error.code
    const parent = expected(jail, parentOf(path))
    if (!parent.startsWith('/')) return parent
    return `${parent === '/' ? '' : parent}${path.slice(path.lastIndexOf('/'))}`
  }
}

test('realpath: is what walking to ever shorter paths finds, whatever links there are', async (t) => {
  const home = newHome(t)
  fs.mkdirSync(join(home, 'd/d/d'), { recursive: true })
  fs.writeFileSync(join(home, 'f'), '')
  const links = {
    up: '..',
    'd/up': '../..',
    'd/in': 'd/d',
    'd/d/out': '../none',
    'd/d/far': '../none/none',
    'd/d/up': '../up/d',
    'd/ring': 'ring',
    'd/d/f': '/f',
    'd/root': '/',
    far: 'd/d/far/../d',
  }
  for (const [name, target] of Object.entries(links)) fs.symlinkSync(target, join(home, name))
  await using vfs = openLocal(home)
  using jail = openJail(home)
  const names = fc.constantFrom(
    'd',
    'd',
    'up',
    'in',
    'out',
    'far',
    'ring',
    'f',
    'root',
    'none',
    '.miniftp-staged-1',
  )
  const found = (path: VirtualPath): string => {
    try {
      return vfs.realpath(path) as string
    } catch (error) {
      if (!isOpError(error)) throw error
      return error.code
    }
  }

  fc.assert(
    fc.property(fc.array(names, { maxLength: 8 }), (way) => {
      const path = p(`/${way.join('/')}`)
      assert.equal(found(path), expected(jail, path), path)
    }),
    { numRuns: 500 },
  )
})
