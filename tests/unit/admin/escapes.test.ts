// Mallory chooses names: of files, of her client, of keys. An admin looks at them in a terminal, which must not obey.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Actor } from '../../../src/accounts/actor.ts'
import { menu } from '../../../src/admin/menu.ts'
import { runWords, WORDS } from '../../../src/admin/words.ts'
import { OpError } from '../../../src/base/error.ts'
import { memoryDesk } from '../../support/memory-desk.ts'
import { memoryOffice } from '../../support/memory-office.ts'
import { person } from '../../support/person.ts'

const GRACE: Actor = { name: 'grace', role: 'admin', from: '192.0.2.1' }
/** Colour, title, a line of its own, the C1 form of ESC [, a turn of the reading direction. */
const EVIL = 'a\x1b[31;5mb\x1b]0;mine\x07c\nd\x9b2Je\u202ef'
const SHOWN = 'a\\u{1b}[31;5mb\\u{1b}]0;mine\\u{7}c\\nd\\u{9b}2Je\\u{202e}f'
/** As names of files are inside: UTF-8, a byte a character. */
const EVIL_BYTES = Buffer.from(EVIL).toString('latin1')
/** What steers a terminal; our own screens have ESC, and none of these. */
const STEERS =
  /\x1b\[31;5m|\x1b\]|c\r?\nd|[\x00-\x06\x0e-\x1a\x80-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f]/
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlXeZUsbnJY4RS6sXBnLPjFYHvSpg8sNIrkwpAhGDo8'

/** Everything that comes from elsewhere bears the name, though some of it was refused on its usual way in. */
async function hostile() {
  const { accounts, actions } = await memoryOffice()
  await accounts.update('ada', (account) => ({
    ...account,
    keys: [`${KEY} ${EVIL}`],
    networks: [EVIL],
    changedBy: EVIL,
  }))
  const { desk, guard } = await memoryDesk()
  await guard.ban('192.0.2.9', 3_600_000, EVIL)
  const transfer = { path: EVIL_BYTES as never, read: 1, written: 0, size: 2, rate: 1 }
  const [row] = await desk.sessions()
  const line = `{"at":"2026-01-01T00:00:00.000Z","level":"info","event":"open","path":${JSON.stringify(EVIL)}}`
  Object.assign(desk, {
    sessions: async () => [{ ...row, client: EVIL, kinds: [EVIL], address: EVIL, transfers: [transfer] }],
    logLines: async () => [line, `half a line ${EVIL}`],
  })
  return { accounts, parts: { actions, desk, now: () => 0 } }
}
type Parts = Awaited<ReturnType<typeof hostile>>['parts']

async function said(words: readonly string[], parts: Parts, input = '') {
  const printed: string[] = []
  const complained: string[] = []
  const questions: string[] = []
  const status = await runWords(words, GRACE, parts, {
    print: (line) => void printed.push(line),
    complain: (line) => void complained.push(line),
    input: async () => input,
    async confirm(question) {
      questions.push(question)
      return false
    },
  })
  return { status, printed, complained, all: [...printed, ...complained, ...questions] }
}

/** Words that show what comes from elsewhere; and what a script reads of it, which is the name itself. */
const SHOWING: readonly (readonly [line: string, what: string, name: (value: never) => unknown])[] = [
  [
    'user show ada',
    'the comment of a key',
    (value: { keys: { comment: string }[] }) => value.keys[0]!.comment,
  ],
  ['user show ada', 'a network', (value: { networks: string[] }) => value.networks[0]],
  ['user show ada', 'who changed it', (value: { changedBy: string }) => value.changedBy],
  ['key list ada', 'the comment', (value: { comment: string }[]) => value[0]!.comment],
  ['session list', 'the client', (value: { client: string }[]) => value[0]!.client],
  ['session list', 'the kind', (value: { kinds: string[] }[]) => value[0]!.kinds[0]],
  [
    'session list',
    'the path of a transfer',
    (value: { transfers: { path: string }[] }[]) => value[0]!.transfers[0]!.path,
  ],
  ['session end 7', 'the address', (value: { address: string }) => value.address],
  ['ban list', 'the reason', (value: { reason: string }[]) => value[0]!.reason],
]

for (const [line, what, nameIn] of SHOWING) {
  test(`escapes: ${line} shows ${what} escaped, and --json gives it back exactly`, async () => {
    const people = await said(line.split(' '), (await hostile()).parts)
    const scripts = await said([...line.split(' '), '--json'], (await hostile()).parts)

    assert.equal(people.status, 0)
    assert.ok(
      people.printed.some((text) => text.includes(SHOWN)),
      people.printed.join('\n'),
    )
    for (const text of people.printed) assert.doesNotMatch(text, /[\x00-\x1f\x7f-\x9f\u202e]/)
    assert.equal(scripts.printed.length, 1)
    assert.doesNotMatch(scripts.printed[0]!, /[\x00-\x1f\x7f-\x9f\u202e]/)
    assert.equal(nameIn(JSON.parse(scripts.printed[0]!) as never), EVIL)
  })
}

test('escapes: user list keeps to its lines', async () => {
  const { parts } = await hostile()
  const { printed } = await said(['user', 'list'], parts)
  const { printed: scripts } = await said(['user', 'list', '--json'], parts)

  assert.equal(printed.length, 5)
  const ada = (JSON.parse(scripts[0]!) as { name: string; networks: string[] }[]).find(
    ({ name }) => name === 'ada',
  )
  assert.deepEqual(ada?.networks, [EVIL])
  for (const text of [...printed, ...scripts]) assert.doesNotMatch(text, /[\x00-\x1f\x7f-\x9f\u202e]/)
})

test('escapes: a name that is no UTF-8 has its bytes beside it for scripts', async () => {
  const { parts } = await hostile()
  const [row] = await parts.desk.sessions()
  const transfers = [{ ...row!.transfers[0]!, path: '/caf\xe9' as never }]
  Object.assign(parts.desk, { sessions: async () => [{ ...row, transfers }] })
  const { printed } = await said(['session', 'list', '--json'], parts)

  const [{ path, pathBase64 }] = (JSON.parse(printed[0]!) as { transfers: [Record<string, string>] }[])[0]!
    .transfers
  assert.equal(path, '/caf\ufffd')
  assert.equal(Buffer.from(pathBase64!, 'base64').toString('latin1'), '/caf\xe9')
})

test('escapes: the log, for people and scripts, keeps to its lines', async () => {
  const { parts } = await hostile()
  const people = await said(['log'], parts)
  const scripts = await said(['log', '--json'], parts)

  assert.deepEqual([people.printed.length, scripts.printed.length], [2, 2])
  assert.equal((JSON.parse(scripts.printed[0]!) as { path: string }).path, EVIL)
  for (const text of [...people.printed, ...scripts.printed])
    assert.doesNotMatch(text, /[\x00-\x1f\x7f-\x9f\u202e]/)
})

test('escapes: whatever is typed behind a word is escaped in what is said of it', async () => {
  for (const name of Object.keys(WORDS)) {
    const { options = {} } = WORDS[name]!
    const lines = [
      [EVIL],
      [EVIL, EVIL],
      ['ada', EVIL],
      ['ada', EVIL, EVIL],
      [`--${EVIL}`],
      [`--json=${EVIL}`],
    ]
    for (const [option, { type }] of Object.entries(options))
      if (type === 'string') lines.push([`--${option}`, EVIL], ['ada', `--${option}`, EVIL])
    for (const rest of lines) {
      for (const json of [[], ['--json']]) {
        const words = [...name.split(' '), ...rest, ...json]
        const { all, complained } = await said(words, (await hostile()).parts, EVIL)
        for (const text of all) assert.doesNotMatch(text, /[\x00-\x1f\x7f-\x9f\u202e]/, JSON.stringify(words))
        if (json.length > 0) for (const text of complained) JSON.parse(text)
      }
    }
  }
  for (const words of [[EVIL], ['user', EVIL], ['help', EVIL], [EVIL, '--help'], [EVIL, EVIL, '--json']]) {
    const { all } = await said(words, (await hostile()).parts)
    for (const text of all) assert.doesNotMatch(text.replaceAll('\n', ''), /[\x00-\x1f\x7f-\x9f\u202e]/)
    assert.ok(all.every((text) => text.split('\n').length <= 3))
  }
})

test('escapes: an error that holds a name as it came is escaped where it is said, and a script gets it exactly', async () => {
  const { parts } = await hostile()
  const broken = async (): Promise<never> => {
    throw new OpError('EBUSY', EVIL)
  }
  Object.assign(parts.actions, { show: broken })
  const people = await said(['key', 'list', 'ada'], parts)
  const scripts = await said(['key', 'list', 'ada', '--json'], parts)

  assert.deepEqual([people.status, people.complained], [1, [SHOWN.replace('\\n', '\n')]])
  assert.doesNotMatch(scripts.complained[0]!, /[\x00-\x1f\x7f-\x9f\u202e]/)
  assert.deepEqual(JSON.parse(scripts.complained[0]!), { code: 'EBUSY', message: EVIL })
})

/** Keys to where names are to be seen, each after what is seen before it; and what is seen there. */
const VIEWS: Readonly<Record<string, readonly (readonly [sees: string, keys: string])[]>> = {
  'View users': [
    ['▸ ada', '\r'],
    [`changed by  ${SHOWN}`, 'q'],
    ['Esc goes back', '\x1b'],
  ],
  Keys: [
    ['▸ ada', '\r'],
    [`Remove ${SHOWN}`, 'r\r'],
    [`ssh-ed25519 ${SHOWN}`, 'n\r'],
  ],
  'Rights and expiry': [
    ['▸ ada', '\r'],
    [SHOWN, 'n\r'],
    ['Networks, as', '\x1b'],
    [SHOWN, '\x1b'],
  ],
  Sessions: [
    [`down ${SHOWN}`, '\r'],
    [`from ${SHOWN}?`, 'y\r'],
    [`down ${SHOWN}`, '\x1b'],
  ],
  Bans: [
    [SHOWN, 'l\r'],
    ['connect again?', 'n\r'],
  ],
  Log: [
    [`half a line ${SHOWN}`, '\u202e'],
    ['Log with "\\u{202e}"', '\x1b'],
  ],
}

for (const [item, steps] of Object.entries(VIEWS)) {
  test(`escapes: in the menu, under ${item}`, async ({ signal }) => {
    const { parts } = await hostile()
    const { session, press, sees, leave } = person(200, 40)
    // What is not seen would be waited for without end.
    signal.addEventListener('abort', leave)
    const status = menu(parts)(session)
    let shown = await sees('Esc goes to Exit')
    press(item[0]!.toLowerCase())
    shown += await sees(`▸ ${item}`)
    press('\r')
    for (const [seen, keys] of steps) {
      shown += await sees(seen)
      press(keys)
    }
    shown += await sees('Esc goes to Exit')
    press('e\r')

    assert.equal(await status, 0)
    assert.doesNotMatch(shown, STEERS)
  })
}
