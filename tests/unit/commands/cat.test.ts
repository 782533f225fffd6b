import assert from 'node:assert/strict'
import { test } from 'node:test'
import { escapeText } from '../../../src/base/escape.ts'
import type { CommandContext } from '../../../src/commands/command.ts'
import { jsonLine } from '../../../src/commands/json.ts'
import { languageOf } from '../../../src/commands/language.ts'
import { COMMANDS } from '../../../src/commands/table.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

/** What `cat` shows of a file at a terminal. */
async function shownOf(content: string): Promise<string> {
  const vfs = new TinyVfs()
  vfs.put('/a', content)
  let said = ''
  const context = {
    vfs,
    cwd: virtualPath('/'),
    columns: 80,
    async write(bytes: Uint8Array) {
      said += Buffer.from(bytes).toString()
    },
    print: async () => {},
    signal: new AbortController().signal,
  } as unknown as CommandContext
  await languageOf(COMMANDS).run('cat a', context)
  return said
}

/** Every character below U+FFFF that belongs to no pair. */
const CHARACTERS = Array.from({ length: 0xffff }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCharCode(code))
/** Kept by `cat`: tabs and line ends, and what scripts are written with though it is not seen. */
const KEPT = /[\t\n\r\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb]/

test('cat at a terminal: nothing of a file steers it or turns the direction', async () => {
  const text = await shownOf('a\x1b[2J\x85\u061cb\u200ec\u200fd\u2028\u202ee\u2066f\n')

  assert.equal(text, 'a.[2J..b.c.d..e.f\n')
})

test('cat at a terminal: tabs, line ends, and the joiners of Persian and of emoji stay', async () => {
  const text = 'a\tb\r\n\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u{1f469}\u200d\u{1f4bb}\n'

  assert.equal(await shownOf(text), text)
})

test('cat, names and JSON: one rule says what may not reach a terminal', async () => {
  const unsafe = CHARACTERS.filter((one) => escapeText(one) !== one)

  const json = CHARACTERS.filter((one) => one !== '"' && one !== '\\' && !jsonLine(one).includes(one))
  const cat = await shownOf(`-${CHARACTERS.join('')}`)

  assert.deepEqual(json, unsafe)
  assert.deepEqual(
    CHARACTERS.filter((one) => !cat.includes(one)),
    unsafe.filter((one) => !KEPT.test(one)),
  )
})
