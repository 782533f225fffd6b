import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Actions } from '../../../src/accounts/actions.ts'
import type { Actor } from '../../../src/accounts/actor.ts'
import { menu } from '../../../src/admin/menu.ts'
import { runWords } from '../../../src/admin/words.ts'
import { memoryOffice } from '../../support/memory-office.ts'
import { person } from '../../support/person.ts'

const GRACE: Actor = { name: 'grace', role: 'admin', from: '192.0.2.1' }
const HEIDI: Actor = { name: 'heidi', role: 'admin', from: '192.0.2.2' }

/** Says `line` as grace; whoever is asked answers `yes`. */
async function said(line: string, actions: Actions, yes?: boolean) {
  const lines: string[] = []
  const asked: string[] = []
  const io = {
    print: (text: string) => void lines.push(text),
    complain: (text: string) => void lines.push(text),
    input: async () => '',
    async confirm(question: string) {
      asked.push(question)
      return yes
    },
  }
  const status = await runWords(line.split(' '), GRACE, { actions, now: () => 0 }, io)
  return { status, text: lines.join('\n'), asked: asked.join('\n') }
}

/** Answers question after question, from the menu on. */
async function walk(
  actions: Actions,
  ...answers: readonly (readonly [question: string, keys: string | (() => Promise<unknown>)])[]
): Promise<number> {
  const { session, press, sees } = person()
  const status = menu({ actions, now: () => 0 })(session)
  await sees('Esc goes to Exit')
  for (const [question, keys] of answers) {
    if (question !== '') await sees(question)
    if (typeof keys === 'string') press(keys)
    else await keys()
  }
  return status
}

async function office(used: number) {
  const made = await memoryOffice()
  Object.assign(made.usage, { used, files: used > 0 ? 3 : 0 })
  return made
}

const USED = 7 * 1024 ** 3
const quotaOf = async ({ accounts }: Awaited<ReturnType<typeof office>>) =>
  (await accounts.get('ada'))?.quota.bytes

test('quota set: who lowers it below what is used is asked, or says --yes', async () => {
  for (const [line, yes, sets, asks] of [
    ['quota set ada 1GiB', true, true, true],
    ['quota set ada 1GiB', false, false, true],
    ['quota set ada 1GiB', undefined, false, true],
    ['quota set ada 1GiB --yes', false, true, false],
    ['quota set ada 8GiB', false, true, false],
    ['quota set ada --files 2', false, false, true],
  ] as const) {
    const made = await office(USED)
    const { status, text, asked } = await said(line, made.actions, yes)

    assert.equal(status, sets ? 0 : yes === undefined ? 2 : 1, line)
    if (yes === undefined) assert.match(text, /say --yes/)
    assert.equal(made.audited.length, sets ? 1 : 0, line)
    assert.equal(/less than it (uses|has).*Set it\?/.test(asked), asks, line)
    if (sets && line.includes('1GiB')) assert.match(text, /nothing more can be written until 6 GiB/)
  }
})

test('menu: lowering a quota below what is used is said and asked', async () => {
  for (const [answer, bytes] of [
    ['n\r', null],
    ['\r', null],
    ['\x1b', null],
    ['y\r', 1024 ** 3],
  ] as const) {
    const made = await office(USED)
    const status = await walk(
      made.actions,
      ['', 'm\r'],
      ['Whose quota?', '\r'],
      ['"ada" uses 7 GiB', '1 GiB\r'],
      ['nothing more can be written until 6 GiB', ''],
      ['Set it all the same?', answer],
      ['Esc goes to Exit', 'e\r'],
    )

    assert.equal(status, 0)
    assert.equal(await quotaOf(made), bytes, JSON.stringify(answer))
  }
})

test('menu: a quota above what is used is set without another question', async () => {
  const made = await office(USED)
  await walk(
    made.actions,
    ['', 'm\r'],
    ['Whose quota?', '\r'],
    ['New quota', '8 GiB\r'],
    ['"ada" may use 8 GiB', ''],
    ['Esc goes to Exit', 'e\r'],
  )

  assert.equal(await quotaOf(made), 8 * 1024 ** 3)
})

test('menu: a quota is taken away by a yes, not by a Return too many', async () => {
  for (const [answer, bytes] of [
    ['n\r', 8],
    ['\r', 8],
    ['\x1b', 8],
    ['y\r', null],
  ] as const) {
    const made = await office(0)
    await made.actions.setQuota(HEIDI, 'ada', { bytes: 8 })
    Object.assign(made.usage, { limit: 8 })
    await walk(
      made.actions,
      ['', 'm\r'],
      ['Whose quota?', '\r'],
      ['New quota', '\r'],
      ['Let "ada" use any number of bytes?', answer],
      ['Esc goes to Exit', 'e\r'],
    )

    assert.equal(await quotaOf(made), bytes, JSON.stringify(answer))
  }
})

test('menu: whoever views accounts comes back to the one that was viewed', async () => {
  const made = await office(0)
  await walk(
    made.actions,
    ['', 'v\r'],
    ['▸ ada', 'm'],
    ['▸ mallory', '\r'],
    ['any key goes back', 'q'],
    ['▸ mallory', '\x1b'],
    ['Esc goes to Exit', 'e\r'],
  )
})

test('menu: deleting says what happens to the files, and asks for the name', async () => {
  for (const [typed, gone] of [
    ['\r', false],
    ['\x1b', false],
    ['ada\r', true],
  ] as const) {
    const made = await office(USED)
    await walk(
      made.actions,
      ['', 'd\r'],
      ['Delete which account?', '\r'],
      ['3 files and folders (7 GiB), is moved to removed/', ''],
      ['Type the name to delete it', 'ad\r'],
      ['Type "ada", or nothing', `${'\x7f'.repeat(2)}${typed}`],
      ['Esc goes to Exit', 'e\r'],
    )

    assert.equal((await made.accounts.get('ada')) === undefined, gone, JSON.stringify(typed))
    assert.deepEqual(made.ended, gone ? ['ada'] : [])
  }
})

test('user del: a person is asked, a script must say --yes', async () => {
  for (const [line, yes, status] of [
    ['user del ada', true, 0],
    ['user del ada', false, 1],
    ['user del ada', undefined, 2],
    ['user del ada --yes', undefined, 0],
  ] as const) {
    const made = await office(USED)
    const done = await said(line, made.actions, yes)

    assert.equal(done.status, status, line)
    assert.equal((await made.accounts.get('ada')) === undefined, status === 0, line)
    if (!line.includes('--yes')) assert.match(done.asked, /Delete "ada".*3 files and folders \(7 GiB\)/)
  }
})

test('words: what another admin changes between the look and the change is not written over', async () => {
  for (const line of ['user set ada --role admin', 'user del ada --yes', 'quota set ada 1GiB']) {
    const made = await office(0)
    const racing: Actions = {
      ...made.actions,
      async show(actor, name) {
        const seen = await made.actions.show(actor, name)
        await made.actions.set(HEIDI, name, { sessions: 3 })
        return seen
      },
    }
    const { status, text } = await said(line, racing)

    assert.equal(status, 1, line)
    assert.match(text, /"ada" was changed meanwhile by heidi: look again/)
    const ada = await made.accounts.get('ada')
    assert.deepEqual([ada?.role, ada?.sessions, ada?.quota.bytes], ['user', 3, null], line)
  }
})

for (const [item, question, keys, ...more] of [
  ['d', 'Type the name to delete it', 'ada\r'],
  ['dd', 'Disable "ada"', 'y\r'],
  ['r', 'What of "ada"?', '\r', 'What may it do?', 'r\r'],
  ['k', 'Keys of "ada"', 'r\r', 'Remove this key?', 'y\r'],
  [
    'k',
    'Keys of "ada"',
    '\r',
    'Paste the line',
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlXeZUsbnJY4RS6sXBnLPjFYHvSpg8sNIrkwpAhGDo8 b\r',
  ],
] as const) {
  test(`menu: ${item}, ${question}: what another admin changes while it is asked is not written over`, async () => {
    const made = await office(0)
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlXeZUsbnJY4RS6sXBnLPjFYHvSpg8sNIrkwpAhGDo9 a'
    await made.accounts.update('ada', (account) => ({ ...account, keys: [key] }))
    await walk(
      made.actions,
      ['', `${item}\r`],
      ['▸ ada', '\r'],
      [question, async () => void (await made.actions.set(HEIDI, 'ada', { sessions: 3 }))],
      ['', keys],
      ...(more.length === 2 ? [[more[0], more[1]] as const] : []),
      ['"ada" was changed meanwhile by heidi: look again', ''],
      ['Esc goes to Exit', 'e\r'],
    )

    const ada = await made.accounts.get('ada')
    assert.deepEqual([ada?.sessions, ada?.disabled, ada?.rights.write], [3, false, true])
    assert.deepEqual(ada?.keys, [key])
  })
}
