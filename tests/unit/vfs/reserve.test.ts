import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { firstOfReserve } from '../../../src/base/descriptors.ts'
import { isOpError } from '../../../src/base/error.ts'
import { openLocal } from '../../../src/vfs/local.ts'
import { virtualPath as p } from '../../../src/vfs/path.ts'
import { builtCalls } from '../../support/built-calls.ts'

let home: string
before(() => {
  home = fs.mkdtempSync(join(tmpdir(), 'reserve-'))
  fs.mkdirSync(join(home, 'folder'))
  fs.writeFileSync(join(home, 'file'), 'as it was')
})
after(() => fs.rmSync(home, { recursive: true }))

/** The lowest number that is free: what is opened next gets it. */
function next(): number {
  const descriptor = fs.openSync('/', 'r')
  fs.closeSync(descriptor)
  return descriptor
}

const refused = (error: unknown): boolean =>
  isOpError(error, 'EMFILE') && /has as many files open as it can: try again/.test(error.message)

for (const [how, calls] of [
  ['name by name', undefined],
  ['by calls of the kernel', builtCalls()],
] as const)
  test(`reserve: what is left for logins is no file, and what would be one is not made, cut or kept open, ${how}`, async () => {
    // All below are taken by the jail's own root and what the process has open.
    await using tree = openLocal(home, next() + 1, undefined, calls)
    const first = next()

    for (const flags of [
      { read: true },
      { write: true },
      { write: true, create: true, truncate: true },
      { write: true, truncate: true },
    ])
      assert.throws(() => tree.open(p('/file'), flags), refused, JSON.stringify(flags))
    for (const flags of [
      { write: true, create: true },
      { write: true, create: true, exclusive: true },
    ])
      assert.throws(() => tree.open(p('/new'), flags), refused, JSON.stringify(flags))
    assert.throws(() => tree.openDirectory(p('/folder')), refused)

    assert.equal(next(), first)
    assert.equal(fs.readFileSync(join(home, 'file'), 'utf8'), 'as it was')
    assert.deepEqual(fs.readdirSync(home), ['file', 'folder'])
    assert.equal(tree.stat(p('/file')).size, 9)
  })

test('reserve: below it files are opened, and the number that is given back can be had again', async () => {
  await using tree = openLocal(home, next() + 4)

  const one = tree.open(p('/file'), { read: true })
  await one.close()
  const again = tree.open(p('/file'), { write: true })

  await again.close()
})

test('reserve: a quarter of few descriptors, and no more of many than was asked for', () => {
  assert.deepEqual(
    [
      [64, 64],
      [1024, 64],
      [Number.POSITIVE_INFINITY, 64],
      [1024, 0],
    ].map(([limit, reserve]) => firstOfReserve(limit!, reserve!)),
    [48, 960, Number.POSITIVE_INFINITY, 1024],
  )
})
