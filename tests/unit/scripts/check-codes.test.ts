import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { differences } from '../../../scripts/check-codes.mjs'

const ERROR =
  "export type ErrorCode =\n  | 'EACCES' // may not\n  // a remark\n  | 'EBADF'\n\nexport const x = 1\n"
const DOCS = '| code | means |\n|---|---|\n| `EACCES` | You may not do this |\n| `EBADF` | No such handle |\n'

function check(error: string, docs: string): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), 'codes-'))
  try {
    mkdirSync(join(root, 'src/base'), { recursive: true })
    mkdirSync(join(root, 'docs'))
    writeFileSync(join(root, 'src/base/error.ts'), error)
    writeFileSync(join(root, 'docs/errors.md'), docs)
    return differences(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('check-codes: has nothing against codes that are all explained', () => {
  assert.deepEqual(check(ERROR, DOCS), [])
})

test('check-codes: goes red at a code without a row', () => {
  const docs = DOCS.replace(/^\| `EBADF`.*\n/m, '')

  assert.deepEqual(check(ERROR, docs), ['EBADF has no row in docs/errors.md'])
})

test('check-codes: goes red at a row without a sentence', () => {
  const docs = DOCS.replace('No such handle', '')

  assert.deepEqual(check(ERROR, docs), ['EBADF has no sentence in docs/errors.md'])
})

test('check-codes: goes red at a row whose code is gone', () => {
  const error = ERROR.replace("  | 'EBADF'\n", '')

  assert.deepEqual(check(error, DOCS), ['EBADF is in docs/errors.md only'])
})

test('check-codes: goes red when it finds no codes at all', () => {
  assert.match(check('export const x = 1\n', DOCS).join('\n'), /names no codes/)
})
