import assert from 'node:assert/strict'
import { test } from 'node:test'
import { complete } from '../../../src/commands/completion.ts'
import { languageOf } from '../../../src/commands/language.ts'
import { COMMANDS } from '../../../src/commands/table.ts'
import { ROOT } from '../../../src/vfs/path.ts'
import { runWords, treeOf } from '../../support/run-words.ts'

test('Tab: a name that begins with a dash is completed to one that is no option', async () => {
  const vfs = treeOf('-dash', 'other')
  const completed = (line: string) => complete(line, languageOf(COMMANDS), vfs, ROOT)
  assert.deepEqual(await completed('rm -d'), [['./-dash '], '-d'])
  assert.deepEqual(await completed('rm ./-d'), [['-dash '], '-d'])
  assert.deepEqual(await completed('ls -l'), [[], '-l'])
})

test('words: an option that is none tells how a name that begins with a dash is written', async () => {
  const vfs = treeOf('-dash', 'other')
  const { said } = await runWords('rm -dash', vfs)
  assert.equal(
    said,
    "Unknown option '-d'. Usage: rm [-rf] NAME...\nA name that begins with a dash is written ./-dash\n",
  )
  assert.doesNotMatch((await runWords('quota -d', vfs)).said, /dash/)
  assert.equal((await runWords('rm ./-dash', vfs)).status, 0)
})
