import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { replay } from './replay.ts'

const folder = import.meta.dirname
const update = process.env.UPDATE === '1'

for (const name of readdirSync(folder).filter((name) => name.endsWith('.trace'))) {
  test(`trace: ${name}`, async () => {
    const file = join(folder, name)
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')

    const got = await replay(lines)

    if (update) writeFileSync(file, `${got.join('\n')}\n`)
    else assert.deepEqual(got, lines)
  })
}
