import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stat } from '../../../src/vfs/vfs.ts'
import { longnames } from '../../../src/wire/longname.ts'

const owners = { user: (id: number) => (id === 1 ? 'ada' : String(id)), group: String }
const NOON = new Date(2026, 10, 24, 12, 0, 0).getTime()

const stat: Stat = {
  kind: 'file',
  size: 1234,
  mode: 0o100640,
  uid: 1,
  gid: 2000,
  atime: 0,
  mtime: NOON / 1000,
  nlink: 1,
  dev: 0,
  ino: 0,
}
const line = (changes: Partial<Stat>): string =>
  longnames(owners, NOON)({ name: 'a b', stat: { ...stat, ...changes } })

test('longname: a recent file shows its time, laid out as ls does', () => {
  assert.equal(line({}), '-rw-r-----   1 ada      2000         1234 Nov 24 12:00 a b')
})

test('longname: an old file, and one from the future, show the year', () => {
  const old = new Date(2011, 2, 3, 7, 6, 40).getTime() / 1000
  assert.match(line({ mtime: old }), / Mar {2}3 {2}2011 a b$/)
  assert.match(line({ mtime: NOON / 1000 + 86400 }), / Nov 25 {2}2026 a b$/)
})

test('longname: a time that no date can tell is the last one that can', () => {
  assert.match(line({ mtime: 2 ** 62 }), / Sep 1[23] 275760 a b$/)
  assert.match(line({ mtime: -(2 ** 62) }), / Apr [12][09] -271821 a b$/)
})

test('longname: the same second is written by its age, not as it was first', () => {
  const { mtime } = stat
  const later = NOON + 300 * 86400_000
  assert.match(longnames(owners, NOON)({ name: 'x', stat }), / 12:00 x$/)
  assert.match(longnames(owners, later)({ name: 'x', stat: { ...stat, mtime } }), / {2}2026 x$/)
})

test('longname: kinds and special bits have their letters', () => {
  assert.match(line({ mode: 0o040755 }), /^drwxr-xr-x /)
  assert.match(line({ mode: 0o120777 }), /^lrwxrwxrwx /)
  assert.match(line({ mode: 0o010600 }), /^prw------- /)
  assert.match(line({ mode: 0o104755 }), /^-rwsr-xr-x /)
  assert.match(line({ mode: 0o102644 }), /^-rw-r-Sr-- /)
  assert.match(line({ mode: 0o041777 }), /^drwxrwxrwt /)
})

test('longname: each line says what is its own, whatever the line before said', () => {
  const write = longnames(owners, NOON)
  const changes: readonly Partial<Stat>[] = [
    {},
    { mode: 0o100600 },
    { nlink: 2 },
    { uid: 7 },
    { gid: 8 },
    { size: 5 },
    { mtime: NOON / 1000 - 3600 },
  ]
  for (const change of changes) {
    assert.equal(write({ name: 'a b', stat: { ...stat, ...change } }), line(change))
    assert.equal(write({ name: 'a b', stat }), line({}))
  }
})
