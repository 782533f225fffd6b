import assert from 'node:assert/strict'
import { test } from 'node:test'
import { complete } from '../../../src/commands/completion.ts'
import { languageOf } from '../../../src/commands/language.ts'
import { COMMANDS } from '../../../src/commands/table.ts'
import { ROOT } from '../../../src/vfs/path.ts'
import { treeOf } from '../../support/run-words.ts'

test('Tab: of very many names some are shown, and how many more there are', async () => {
  const names = Array.from({ length: 150 }, (_, at) => `file${at + 100}`)
  const completed = (line: string) => complete(line, languageOf(COMMANDS), treeOf(...names, 'other'), ROOT)

  assert.deepEqual(await completed('rm f'), [['file'], 'f'])
  assert.deepEqual(await completed('rm file'), [
    [...names.slice(0, 100).map((name) => `${name} `), '… 50 more'],
    'file',
  ])
  assert.equal((await completed('rm file1'))[0].length, 100)
  assert.ok(!(await completed('help '))[0].some((word) => word.includes('?')))
  assert.equal((await completed("rm 'file"))[0].at(-1), '… 50 more')
})
