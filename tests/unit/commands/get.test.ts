import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import type { CommandContext } from '../../../src/commands/command.ts'
import { languageOf } from '../../../src/commands/language.ts'
import { COMMANDS } from '../../../src/commands/table.ts'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import type { Stat, VirtualPath } from '../../../src/vfs/vfs.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

test('get: a file that is removed while it is looked at is closed', async () => {
  const vfs = new TinyVfs()
  vfs.put('/a', 'what is in it')
  // It is there when it is opened, and gone when its mark is looked for.
  vfs.stat = (path: VirtualPath): Stat => {
    throw new OpError('ENOENT', `There is no "${path}"`, { path })
  }
  const context = {
    account: 'ada',
    vfs,
    cwd: virtualPath('/'),
    write: () => assert.fail('nothing is sent'),
    signal: new AbortController().signal,
    log() {},
  } as unknown as CommandContext

  await assert.rejects(languageOf(COMMANDS).run('get a', context), { code: 'ENOENT' })

  assert.deepEqual(vfs.calls, ['close /a'])
})

/** What is to be pasted where the terminal moves no files. */
async function pasted(line: string, names: readonly string[], cwd = '/d'): Promise<readonly string[]> {
  const vfs = memoryFileSystem()
  await vfs.mkdir(virtualPath(cwd))
  for (const name of names)
    await (await vfs.open(virtualPath(`${cwd}/${name}`), { write: true, create: true })).close()
  const told: string[] = []
  const context = {
    account: 'ada',
    vfs,
    cwd: virtualPath(cwd),
    place: { account: 'ada', host: 'h', port: 1 },
    terminal: { send: async (_: unknown, howTo: readonly string[]) => void told.push(...howTo) },
    signal: new AbortController().signal,
  } as unknown as CommandContext
  await languageOf(COMMANDS).run(line, context)
  return told.filter((one) => one.startsWith('  scp')).map((one) => one.trim())
}

test('get: of a few files that a pattern finds each is named in what is to be pasted, of many the pattern', async () => {
  const many = Array.from({ length: 30 }, (_, at) => `${at}.txt`)

  assert.deepEqual(await pasted('get *.txt', ['1.txt', '2.txt', 'a']), [
    'scp -P 1 ada@h:/d/1.txt ada@h:/d/2.txt .',
  ])
  assert.deepEqual(await pasted('get --partial [0-9]?.txt 1.txt *.md', [...many, 'a.md']), [
    "scp -P 1 'ada@h:/d/[0-9]?.txt' ada@h:/d/1.txt 'ada@h:/d/*.md' .",
  ])
  const dashed = many.map((name) => `-${name}`)
  for (const line of ['get -*', 'get -- -*'])
    assert.deepEqual(await pasted(line, dashed), ["scp -P 1 'ada@h:/d/-*' ."])
})

test('get: a pattern that scp would read otherwise is not what is to be pasted', async () => {
  const many = Array.from({ length: 30 }, (_, at) => `*${at}`)

  for (const [line, cwd] of [
    [`get '*'*`, '/d'],
    ['get *', '/d[a]'],
  ] as const)
    assert.match((await pasted(line, many, cwd))[0]!, /\*11' 'ada@h:/)
})
