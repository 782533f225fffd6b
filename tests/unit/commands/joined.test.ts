import assert from 'node:assert/strict'
import { test } from 'node:test'
import { complete } from '../../../src/commands/completion.ts'
import { languageOf } from '../../../src/commands/language.ts'
import { COMMANDS } from '../../../src/commands/table.ts'
import { ROOT } from '../../../src/vfs/path.ts'
import { runWords, treeOf } from '../../support/run-words.ts'

// Read as names, the words behind the ";" were removed, too.
test('words: ";" and "&&" join commands wherever a line is typed, and none behind one that failed is run', async () => {
  const vfs = treeOf('old', 'docs/', 'docs/a', 'more')
  const { out, said } = await runWords('rm -r old; ls docs && rm nothere; rm more', vfs)

  assert.deepEqual([out, said], ['a\n', 'There is no "/nothere"\n'])
  assert.deepEqual([...vfs.nodes.keys()].sort(), ['/', '/docs', '/docs/a', '/more'])
})

test('words: what else a Unix shell would do is refused before anything is done', async () => {
  const vfs = treeOf('a')
  for (const [line, what] of [
    ['rm a | cat', '|'],
    ['rm a > b', '>'],
    ['rm a; put < b', '<'],
    ['rm a & ls', '&'],
  ]) {
    const { said, status } = await runWords(line!, vfs)
    assert.equal(status, 2)
    assert.match(said, new RegExp(`^"\\${what}" means nothing here: .* put the name in quotes`))
  }
  assert.equal(vfs.text('/a'), 'a')
})

test('words: in quotes they are a name', async () => {
  const vfs = treeOf('R&D; a|b', "it's; b")
  const { said, status } = await runWords(`rm 'R&D; a|b' && rm $'it\\'s; b'`, vfs)

  assert.deepEqual([said, status], ['', 0])
  assert.deepEqual([...vfs.nodes.keys()], ['/'])
})

test('Tab: behind ";" and "&&" another command begins', async () => {
  const completed = (line: string) => complete(line, languageOf(COMMANDS), treeOf('docs/', 'draft'), ROOT)
  assert.deepEqual(await completed('pwd; resto'), [['restore '], 'resto'])
  assert.deepEqual(await completed('pwd && cd d'), [['docs/'], 'd'])
})

// Eight thousand fit into a line.
test('words: between joined commands others have their turn', async () => {
  let turns = 0
  const seen: number[] = []
  const others = setImmediate(function again() {
    turns += 1
  })

  await runWords('pwd; pwd', treeOf(), { print: async () => void seen.push(turns) })

  clearImmediate(others)
  assert.deepEqual(seen, [0, 1])
})
