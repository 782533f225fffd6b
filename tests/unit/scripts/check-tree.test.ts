import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { differences } from '../../../scripts/check-tree.mjs'

const TREE = [
  '# The house',
  '```tree',
  'src/',
  '  main.ts     puts all together',
  '  vfs/        the files of an account',
  '    jail.ts   the walk',
  '              that goes on over two lines',
  '```',
  '',
].join('\n')

function check(architecture: string, files: readonly string[]): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), 'tree-'))
  try {
    writeFileSync(join(root, 'ARCHITECTURE.md'), architecture)
    for (const name of files) {
      mkdirSync(dirname(join(root, name)), { recursive: true })
      writeFileSync(join(root, name), '')
    }
    return differences(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('check-tree: has nothing against a tree that is told as it is', () => {
  assert.deepEqual(check(TREE, ['src/main.ts', 'src/vfs/jail.ts']), [])
})

test('check-tree: goes red at a file without a line', () => {
  const found = check(TREE, ['src/main.ts', 'src/vfs/jail.ts', 'src/vfs/new.ts'])

  assert.deepEqual(found, ['src/vfs/new.ts has no line in ARCHITECTURE.md'])
})

test('check-tree: goes red at a line without a file', () => {
  assert.deepEqual(check(TREE, ['src/main.ts']), ['src/vfs/jail.ts is in ARCHITECTURE.md only'])
})

test('check-tree: goes red at a line that says nothing', () => {
  const found = check(TREE.replace('puts all together', ''), ['src/main.ts', 'src/vfs/jail.ts'])

  assert.deepEqual(found, ['src/main.ts has no line in ARCHITECTURE.md'])
})

test('check-tree: goes red at a file told twice', () => {
  const twice = TREE.replace('  vfs/', '  main.ts     again\n  vfs/')

  assert.deepEqual(check(twice, ['src/main.ts', 'src/vfs/jail.ts']), [
    'src/main.ts has two lines in ARCHITECTURE.md',
  ])
})
