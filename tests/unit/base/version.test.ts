import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { RELEASE, VERSION } from '../../../src/base/version.ts'

const ROOT = resolve(import.meta.dirname, '../../..')

test('version: what the programs say, and tell each other, is that of package.json', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }

  assert.equal(VERSION, version)
  assert.ok(version.startsWith(`${RELEASE}.`))
})

test('version: no file of the program writes it a second time', () => {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map(({ parentPath, name }) => join(parentPath, name))
  const code = (file: string): string => readFileSync(file, 'utf8').replaceAll(/\/\*\*.*?\*\//gs, '')
  const written = files.filter(
    (file) => /MiniFTP_(client_)?\d/.test(code(file)) || code(file).includes(`'${VERSION}'`),
  )

  assert.deepEqual(
    written.map((file) => file.slice(ROOT.length)),
    [],
  )
})
