import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** Latin-1, half of a UTF-8 character, bytes that can be in none, and what a terminal would follow. */
const NAMES = ['caf\xe9', 'half \xe6\x97', '\xff\xfe', 'esc \x1b[31m']

const below = (folder: string, name: string): Buffer => Buffer.from(`${folder}/${name}`, 'latin1')

/** A folder (of an ASCII path) with a file of each name that is no UTF-8; its path. */
export function makeByteNames(folder: string): string {
  mkdirSync(folder, { recursive: true })
  for (const [at, name] of NAMES.entries()) writeFileSync(below(folder, name), `content ${at}\n`)
  return folder
}

/** Fails unless the folder holds those files, byte for byte in name and content. */
export function sameByteNames(folder: string): void {
  const found = readdirSync(folder, { encoding: 'buffer' }).map((name) => name.toString('latin1'))
  assert.deepEqual(found.sort(), [...NAMES].sort())
  for (const [at, name] of NAMES.entries()) {
    assert.equal(readFileSync(below(folder, name), 'latin1'), `content ${at}\n`)
  }
}
