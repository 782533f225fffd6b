// Every word, for people and for scripts: what it does, what there is not, what cannot be; with the exit status of each
// and, by --json, the fields that docs/admin-json.md promises.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Actor } from '../../../src/accounts/actor.ts'
import { runWords, WORDS } from '../../../src/admin/words.ts'
import { memoryDesk } from '../../support/memory-desk.ts'
import { memoryOffice } from '../../support/memory-office.ts'

const GRACE: Actor = { name: 'grace', role: 'admin', from: '192.0.2.1' }
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlXeZUsbnJY4RS6sXBnLPjFYHvSpg8sNIrkwpAhGDo8 ada'
/** Behind `user set NAME` and `user add NAME`: what no account can have, and the exit status. */
const WRONG_CHANGES: readonly (readonly [rest: string, status: 1 | 2])[] = [
  ['--role king', 2],
  ['--rights everything', 2],
  ['--expires yesterday', 2],
  ['--expires 2020-01-01', 2],
  ['--expires 100000000d', 2],
  ['--networks 10.0.0.0/33', 2],
  ['--sessions 0', 2],
  ['--sessions many', 2],
  ['--rate-up 10', 2],
  ['--rate-down fast', 2],
  ['--home maybe', 2],
  ['--overwrite sometimes', 2],
]

interface Row {
  /** Behind the word; done in an office with ada's key, mallory's codes, a ban of 192.0.2.9 and a session 7. */
  readonly does: string
  readonly input?: string
  /** Each of these is of what there is not: 1, and its code. */
  readonly missing?: readonly string[]
  readonly code?: string
  /** What cannot be, with its exit status, beside too many names and unknown options. */
  readonly wrong?: readonly (readonly [rest: string, status: 1 | 2, input?: string])[]
}

const ROWS: Readonly<Record<string, Row>> = {
  'user add': {
    does: 'new --quota 1MiB --password-stdin',
    input: 'long enough',
    missing: ['ada'],
    code: 'EEXIST',
    wrong: [
      ['', 2],
      ['Two', 2],
      ['new --quota lots', 2],
      ['new --files lots', 2],
      ['new --password x', 2],
      ['new --key file', 2],
      ['new --key-line rubbish', 2],
      ['new --password-stdin', 1],
      ['new --password-stdin', 1, 'short'],
      ...WRONG_CHANGES.map(([rest, status]) => [`new ${rest}`, status] as const),
    ],
  },
  'user list': { does: '' },
  'user show': { does: 'ada', missing: ['nobody'], wrong: [['', 2]] },
  'user set': {
    does: 'ada --sessions 3 --expires 30d',
    missing: ['nobody --sessions 3'],
    wrong: [['', 2], ['ada', 2], ...WRONG_CHANGES.map(([rest, status]) => [`ada ${rest}`, status] as const)],
  },
  'user passwd': {
    does: 'ada --password-stdin',
    input: 'long enough',
    missing: ['nobody --password-stdin'],
    wrong: [
      ['', 2],
      ['ada --password-stdin', 1],
      ['ada --password-stdin', 1, 'short'],
      ['ada --password x', 2],
    ],
  },
  'user del': {
    does: 'ada --yes',
    missing: ['nobody --yes'],
    wrong: [
      ['', 2],
      ['ada', 2],
    ],
  },
  'user disable': { does: 'ada', missing: ['nobody'], wrong: [['', 2]] },
  'user enable': { does: 'ada', missing: ['nobody'], wrong: [['', 2]] },
  'key add': {
    does: 'mallory',
    input: KEY,
    missing: ['nobody'],
    wrong: [
      ['', 2],
      ['ada', 1],
      ['ada', 1, 'rubbish'],
      ['ada --key file', 2],
    ],
  },
  'key list': { does: 'ada', missing: ['nobody'], wrong: [['', 2]] },
  'key del': { does: 'ada ada', missing: ['nobody ada', 'ada SHA256:none'], wrong: [['ada', 2]] },
  'totp add': {
    does: 'ada',
    missing: ['nobody'],
    wrong: [
      ['', 2],
      ['mallory', 1],
    ],
  },
  'totp del': { does: 'mallory', missing: ['nobody', 'ada'], wrong: [['', 2]] },
  'totp show': { does: 'ada', missing: ['nobody'], wrong: [['', 2]] },
  'quota show': { does: 'ada', missing: ['nobody'], wrong: [['', 2]] },
  'quota set': {
    does: 'ada 5GiB --files 10',
    missing: ['nobody 5GiB'],
    wrong: [
      ['', 2],
      ['ada', 2],
      ['ada lots', 2],
      ['ada --files lots', 2],
    ],
  },
  'session list': { does: '' },
  'session end': { does: '7', missing: ['8'], wrong: [['', 2]] },
  'ban list': { does: '' },
  'ban add': {
    does: '192.0.2.8 --for 2h',
    missing: ['127.0.0.1'],
    code: 'EPERM',
    wrong: [
      ['', 2],
      ['nowhere', 2],
      ['192.0.2.8 --for ever', 2],
      ['192.0.2.8 --for 0s', 2],
      ['192.0.2.1', 1],
    ],
  },
  'ban lift': { does: '192.0.2.9', missing: ['192.0.2.10', 'nowhere'], wrong: [['', 2]] },
  log: {
    does: '-n 1',
    wrong: [
      ['-n many', 2],
      ['-n none', 2],
    ],
  },
  'server status': { does: '' },
  'server drain': { does: '' },
  'server restart': { does: '' },
}

/** Of the running server: without one they say so. */
const NEED_SERVER = /^(session|ban|log|server)/

async function said(line: string, input = '', running = true) {
  const { accounts, actions } = await memoryOffice()
  await actions.addKey(GRACE, 'ada', KEY)
  await actions.addSecondStep(GRACE, 'mallory', await actions.proposeSecondStep(GRACE, 'mallory'))
  const { desk, guard } = await memoryDesk()
  await guard.ban('192.0.2.9', 3_600_000, 'by heidi')
  const printed: string[] = []
  const complained: string[] = []
  const words = line.split(' ').filter((word) => word !== '')
  const parts = { actions, now: () => Date.now(), ...(running ? { desk } : {}) }
  const status = await runWords(words, GRACE, parts, {
    print: (text) => void printed.push(text),
    complain: (text) => void complained.push(text),
    input: async () => input,
    confirm: async () => undefined,
  })
  return { status, printed, complained, accounts }
}

async function refused(
  line: string,
  status: number,
  code?: string,
  input?: string,
  running = true,
): Promise<void> {
  const people = await said(line, input, running)
  const scripts = await said(`${line} --json`, input, running)
  assert.deepEqual([people.status, people.printed, people.complained.length], [status, [], 1], line)
  assert.match(people.complained[0]!, /^[A-Z"].{10,}/, line)
  assert.deepEqual([scripts.status, scripts.printed, scripts.complained.length], [status, [], 1], line)
  const error = JSON.parse(scripts.complained[0]!) as Record<string, unknown>
  assert.deepEqual(Object.keys(error), ['code', 'message'])
  assert.equal(error.message, people.complained[0], line)
  if (code !== undefined) assert.equal(error.code, code, line)
  assert.equal(error.code === 'EUSAGE', status === 2, line)
}

interface Shape {
  readonly value: string
  readonly fields: readonly string[]
}

/** What docs/admin-json.md says of each word. */
function documented(): ReadonlyMap<string, Shape> {
  const text = readFileSync(new URL('../../../docs/admin-json.md', import.meta.url), 'utf8')
  return new Map(
    [...text.matchAll(/^\| (`.*`) \| (object|array|lines) \| `(.*)` \|$/gm)].flatMap(
      ([, words, value, fields]) =>
        [...words!.matchAll(/`(.*?)`/g)].map(
          ([, word]) => [word!, { value: value!, fields: fields!.split(' ') }] as const,
        ),
    ),
  )
}

function checkShape(name: string, printed: readonly string[], { value, fields }: Shape): void {
  const parsed = printed.map((line) => JSON.parse(line) as unknown)
  const objects = value === 'array' ? (parsed[0] as readonly unknown[]) : parsed
  if (value !== 'lines') assert.equal(parsed.length, 1, name)
  assert.ok(Array.isArray(objects) && objects.length > 0, name)
  const must = fields.filter((field) => !field.endsWith('?'))
  const may = fields.map((field) => field.replace('?', ''))
  for (const object of objects) {
    const has = Object.keys(object as object)
    assert.deepEqual(
      must.filter((field) => !has.includes(field)),
      [],
      name,
    )
    if (value !== 'lines')
      assert.deepEqual(
        has.filter((field) => !may.includes(field)),
        [],
        name,
      )
  }
}

test('word table: it has every word, and so has docs/admin-json.md', () => {
  assert.deepEqual(Object.keys(ROWS), Object.keys(WORDS))
  assert.deepEqual([...documented().keys()].toSorted(), Object.keys(WORDS).toSorted())
})

for (const [name, { does, input, missing = [], code = 'ENOENT', wrong = [] }] of Object.entries(ROWS)) {
  test(`word table: ${name}`, async () => {
    const people = await said(`${name} ${does}`, input)
    const scripts = await said(`${name} ${does} --json`, input)
    assert.deepEqual([people.status, people.complained], [0, []])
    assert.ok(people.printed.length > 0)
    assert.deepEqual([scripts.status, scripts.complained], [0, []])
    checkShape(name, scripts.printed, documented().get(name)!)

    for (const rest of missing) await refused(`${name} ${rest}`, 1, code, input)
    for (const [rest, status, given] of wrong) await refused(`${name} ${rest}`, status, undefined, given)
    await refused(`${name} ada b c d`, 2)
    await refused(`${name} ${does} --colour red`, 2)
    if (NEED_SERVER.test(name)) await refused(`${name} ${does}`, 1, 'ENOTSUP', input, false)
  })
}

test('word table: of several keys of which one is damaged none is added', async () => {
  const { status, accounts } = await said('key add mallory', `${KEY}\nssh-ed25519 rubbish`)

  assert.equal(status, 1)
  assert.deepEqual((await accounts.get('mallory'))?.keys, [])
})
