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

test('words: an unknown option names the nearest, and --help tells how a word goes, as help does', async () => {
  const vfs = treeOf('--help')
  assert.match(
    (await runWords('ls --jsn', vfs)).said,
    /^Unknown option '--jsn', did you mean '--json'\? Usage: ls /,
  )
  assert.match(
    (await runWords('mv --force=yes a b', vfs)).said,
    /^The option '--force' takes no value\. Usage: mv /,
  )
  assert.match(
    (await runWords('put x --size', vfs)).said,
    /^The option '--size' needs a value behind it\. Usage: put /,
  )

  const { status, said } = await runWords('rm --help', vfs)
  assert.deepEqual([status, said], [0, (await runWords('help rm', vfs)).said])
  assert.equal((await runWords('rm -- --help', vfs)).status, 0)
})

test('words: what is called otherwise elsewhere is told by its name here, and nothing that was not meant', async () => {
  for (const [word, name] of [
    ['rmdir', 'rm'],
    ['del', 'rm'],
    ['copy', 'cp'],
    ['ll', 'ls'],
    ['hepl', 'help'],
  ])
    assert.match(
      (await runWords(word!, treeOf())).said,
      new RegExp(`^Unknown command "${word}", did you mean "${name}"`),
    )
  for (const word of ['a', 'vi'])
    assert.match((await runWords(word, treeOf())).said, /^Unknown command "\w+"\n/)
})
