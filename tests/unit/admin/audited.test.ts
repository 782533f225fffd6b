// Every deed of an admin is one line in the audit, written before it is answered. The lists of deeds are those of the
// code: one that has no row here fails the test.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOTP } from 'otpauth'
import type { Actions } from '../../../src/accounts/actions.ts'
import type { Actor } from '../../../src/accounts/actor.ts'
import { PRESETS } from '../../../src/accounts/rules.ts'
import * as serverActions from '../../../src/admin/server-actions.ts'
import { runWords, WORDS, type WordsIO } from '../../../src/admin/words.ts'
import { OpError } from '../../../src/base/error.ts'
import { toldGuard } from '../../../src/serving.ts'
import { memoryDesk } from '../../support/memory-desk.ts'
import { memoryOffice } from '../../support/memory-office.ts'

const GRACE: Actor = { name: 'grace', role: 'admin', from: '192.0.2.1' }
const HEIDI: Actor = { name: 'heidi', role: 'admin', from: '192.0.2.2' }
const PASSWORD = 'a secret of ada'
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHlXeZUsbnJY4RS6sXBnLPjFYHvSpg8sNIrkwpAhGDo8 ada'
const FINGERPRINT = 'SHA256:BStT4uB4x+TTzhdp5BalqHCN/EAHsqSYt0a2cR/riT8'
const BANNED = '192.0.2.9'

/** An office with a server: ada has `KEY`, mallory has one-time codes, `BANNED` is banned; and what must be in no line. */
async function furnished() {
  const { desk, guard } = await memoryDesk()
  const { accounts, actions, audited } = await memoryOffice()
  await actions.addKey(HEIDI, 'ada', KEY)
  await guard.ban(BANNED, 3_600_000, 'by heidi')
  const theirs = await actions.proposeSecondStep(HEIDI, 'mallory')
  await actions.addSecondStep(HEIDI, 'mallory', theirs)
  const made = await actions.proposeSecondStep(HEIDI, 'ada')
  const code = new TOTP({ secret: made.secret }).generate()
  const secrets = [PASSWORD, `hash of ${PASSWORD.length}`, KEY.split(' ')[1]!]
  for (const { secret, recovery, uri } of [theirs, made]) secrets.push(secret, uri, ...recovery)
  secrets.push(code)
  audited.length = 0
  const parts = { actions, now: () => Date.now(), desk }
  return {
    accounts,
    actions,
    audited,
    desk,
    guard,
    parts,
    made,
    code,
    secrets,
    asked: { actor: GRACE, parts },
  }
}
type Furnished = Awaited<ReturnType<typeof furnished>>

/** What the one line says, beside who and from where; none: nothing was done, and there must be no line. */
type Line = Readonly<Record<string, unknown>> | undefined
type Deed = readonly [act: (at: Furnished) => Promise<unknown> | unknown, line: Line]

const changed = (
  account: string,
  what: string,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Line => ({ event: 'account changed', account, what, before, after })

const NEW: Line = {
  event: 'account added',
  account: 'new',
  what: 'user',
  after: {
    name: 'new',
    role: 'user',
    rights: PRESETS.full,
    home: true,
    expires: null,
    disabled: false,
    networks: [],
    sessions: null,
    rate: { up: null, down: null },
    overwrite: null,
    demo: false,
    quota: { bytes: 5, files: null },
    password: true,
    keys: [FINGERPRINT],
  },
}
const DELETED: Line = {
  event: 'account deleted',
  account: 'ada',
  what: 'files in removed/x',
  before: { ...(NEW.after as object), name: 'ada', password: false, quota: { bytes: null, files: null } },
}
const WITHOUT_KEY = changed('ada', 'key removed', { keys: [FINGERPRINT] }, { keys: [] })
const KEY_OF_MALLORY = changed('mallory', 'key added', { keys: [] }, { keys: [FINGERPRINT] })
const WITH_PASSWORD = changed('ada', 'password', { password: false }, { password: true })
const DISABLED = changed('ada', 'disabled', { disabled: false }, { disabled: true })
const LIMITED: Line = {
  event: 'quota changed',
  account: 'ada',
  before: { quota: { bytes: null, files: null } },
  after: { quota: { bytes: 5, files: null } },
}
const CODES = changed('ada', 'one-time codes', { codes: false }, { codes: true })
const NO_CODES = changed('mallory', 'one-time codes', { codes: true }, { codes: false })
const ENDED: Line = { event: 'session ended', account: 'ada', address: '192.0.2.5' }
const MADE_BAN: Line = { event: 'ban made', address: '192.0.2.8', until: 'a time', ended: 2 }
const LIFTED: Line = { event: 'ban lifted', address: BANNED, until: 'a time' }

const ACTIONS: { readonly [Name in keyof Actions]: Deed } = {
  allow: [({ actions }) => actions.allow(GRACE), undefined],
  add: [
    ({ actions }) =>
      actions.add(GRACE, { name: 'new', password: PASSWORD, keys: [KEY], quota: { bytes: 5 } }),
    NEW,
  ],
  remove: [({ actions }) => actions.remove(GRACE, 'ada'), DELETED],
  list: [({ actions }) => actions.list(GRACE), undefined],
  survey: [({ actions }) => actions.survey(GRACE), undefined],
  show: [({ actions }) => actions.show(GRACE, 'ada'), undefined],
  usage: [({ actions }) => actions.usage(GRACE, 'ada'), undefined],
  set: [
    ({ actions }) =>
      actions.set(GRACE, 'ada', {
        role: 'admin',
        rights: PRESETS['read-only']!,
        home: false,
        expires: 5,
        disabled: true,
        networks: ['10.0.0.0/8'],
        sessions: 3,
        rate: { up: 2048, down: null },
        overwrite: 'in-place',
      }),
    changed(
      'ada',
      'role, rights, home, expires, disabled, networks, sessions, rate, overwrite',
      {
        role: 'user',
        rights: PRESETS.full,
        home: true,
        expires: null,
        disabled: false,
        networks: [],
        sessions: null,
        rate: { up: null, down: null },
        overwrite: null,
      },
      {
        role: 'admin',
        rights: PRESETS['read-only'],
        home: false,
        expires: 5,
        disabled: true,
        networks: ['10.0.0.0/8'],
        sessions: 3,
        rate: { up: 2048, down: null },
        overwrite: 'in-place',
      },
    ),
  ],
  setPassword: [({ actions }) => actions.setPassword(GRACE, 'ada', PASSWORD), WITH_PASSWORD],
  setQuota: [({ actions }) => actions.setQuota(GRACE, 'ada', { bytes: 5 }), LIMITED],
  addKey: [({ actions }) => actions.addKey(GRACE, 'mallory', KEY), KEY_OF_MALLORY],
  removeKey: [({ actions }) => actions.removeKey(GRACE, 'ada', 'ada'), WITHOUT_KEY],
  proposeSecondStep: [({ actions }) => actions.proposeSecondStep(GRACE, 'ada'), undefined],
  provesSecondStep: [
    ({ actions, made, code }) => actions.provesSecondStep(GRACE, 'ada', made, code),
    undefined,
  ],
  addSecondStep: [({ actions, made, code }) => actions.addSecondStep(GRACE, 'ada', made, code), CODES],
  removeSecondStep: [({ actions }) => actions.removeSecondStep(GRACE, 'mallory'), NO_CODES],
  hasSecondStep: [({ actions }) => actions.hasSecondStep(GRACE, 'ada'), undefined],
  note: [({ actions }) => actions.note(GRACE, { event: 'server drained' }), { event: 'server drained' }],
}

const SERVER: { readonly [Name in keyof typeof serverActions]: Deed } = {
  deskOf: [({ asked }) => serverActions.deskOf(asked), undefined],
  endSession: [({ asked }) => serverActions.endSession(asked, '7'), ENDED],
  banAddress: [({ asked }) => serverActions.banAddress(asked, '192.0.2.8', 1000), MADE_BAN],
  saidOfBan: [
    () => serverActions.saidOfBan({ address: BANNED, until: 0, times: 1, reason: '', ended: 0 }),
    undefined,
  ],
  checkAddress: [() => serverActions.checkAddress(BANNED), undefined],
  banSpan: [() => serverActions.banSpan('1m'), undefined],
  liftBan: [({ asked }) => serverActions.liftBan(asked, BANNED), LIFTED],
  drainServer: [({ asked }) => serverActions.drainServer(asked), { event: 'server drained' }],
  restartServer: [({ asked }) => serverActions.restartServer(asked), { event: 'server restarted' }],
}

/** By what is typed behind the word, and what is on standard input. */
const TYPED: Readonly<Record<string, readonly [rest: string, line: Line, input?: string]>> = {
  'user add': [`new --quota 5 --password-stdin --key-line`, NEW, PASSWORD],
  'user list': ['', undefined],
  'user show': ['ada', undefined],
  'user set': ['ada --sessions 3', changed('ada', 'sessions', { sessions: null }, { sessions: 3 })],
  'user passwd': ['ada --password-stdin', WITH_PASSWORD, PASSWORD],
  'user del': ['ada --yes', DELETED],
  'user disable': ['ada', DISABLED],
  'user enable': ['ada', changed('ada', 'disabled', {}, {})],
  'key add': ['mallory', KEY_OF_MALLORY, KEY],
  'key list': ['ada', undefined],
  'key del': ['ada ada', WITHOUT_KEY],
  'totp add': ['ada', CODES],
  'totp del': ['mallory', NO_CODES],
  'totp show': ['ada', undefined],
  'quota show': ['ada', undefined],
  'quota set': ['ada 5', LIMITED],
  'session list': ['', undefined],
  'session end': ['7', ENDED],
  'ban list': ['', undefined],
  'ban add': ['192.0.2.8', MADE_BAN],
  'ban lift': [BANNED, LIFTED],
  log: ['', undefined],
  'server status': ['', undefined],
  'server drain': ['', { event: 'server drained' }],
  'server restart': ['', { event: 'server restarted' }],
}

/** Looks at the lines when it is answered: at the end of an action, at the first that a word says. */
function check({ audited, secrets }: Furnished, about: string, line: Line): void {
  const lines = audited.map((event) => ('until' in event ? { ...event, until: timeOf(event.until) } : event))
  assert.deepEqual(lines, line === undefined ? [] : [{ ...line, by: 'grace', from: '192.0.2.1' }], about)
  for (const secret of secrets) assert.ok(!JSON.stringify(audited).includes(secret), `${about}: ${secret}`)
}

function timeOf(until: string): string {
  return new Date(until).toISOString() === until ? 'a time' : until
}

test('audit: each action leaves its one line before it is answered, and no secret', async () => {
  const { actions } = await furnished()
  assert.deepEqual(Object.keys(actions).toSorted(), Object.keys(ACTIONS).toSorted())
  assert.deepEqual(Object.keys(serverActions).toSorted(), Object.keys(SERVER).toSorted())
  for (const [name, [act, line]] of [...Object.entries(ACTIONS), ...Object.entries(SERVER)]) {
    const at = await furnished()
    await act(at)
    check(at, name, line)
  }
})

for (const json of [false, true]) {
  test(`audit: each word leaves its one line before it says anything${json ? ' by --json' : ''}, and no secret`, async () => {
    assert.deepEqual(Object.keys(TYPED), Object.keys(WORDS))
    for (const [name, [rest, line, input = '']] of Object.entries(TYPED)) {
      const at = await furnished()
      const words = `${name} ${rest}`.split(' ').filter((word) => word !== '')
      if (words.at(-1) === '--key-line') words.push(KEY)
      if (json) words.push('--json')
      // It shows them once, to who asked.
      if (name === 'totp add') at.secrets.length = 0
      let said = 0
      const io: WordsIO = {
        print(text) {
          if (said++ === 0) check(at, name, line)
          if (name === 'totp add' && json)
            at.secrets.push(...(JSON.parse(text) as { recovery: string[] }).recovery)
        },
        complain: (text) => assert.fail(`${name}: ${text}`),
        input: async () => input,
        confirm: async () => undefined,
      }

      assert.equal(await runWords(words, GRACE, at.parts, io), 0, name)
      assert.ok(said > 0, name)
      check(at, name, line)
    }
  })
}

test('audit: what an admin did is in it, though it is none any more when that is done', async () => {
  for (const name of ['banAddress', 'restartServer'] as const) {
    const at = await furnished()
    const demoted = async (): Promise<number> => {
      await at.actions.set(HEIDI, 'grace', { role: 'user' })
      return 2
    }
    Object.assign(at.desk, { endFrom: demoted, restart: demoted })
    await SERVER[name][0](at)

    assert.equal(at.audited.at(-1)?.event, SERVER[name][1]?.event, name)
  }
})

test('audit: a ban that holds is in it, though the connections could not be ended', async () => {
  const at = await furnished()
  Object.assign(at.desk, { endFrom: () => assert.fail('a process is gone') })

  await assert.rejects(async () => SERVER.banAddress[0](at), /a process is gone/)
  assert.ok(at.desk.guard.banned('192.0.2.8'))
  check(at, 'ban', { event: 'ban made', address: '192.0.2.8', until: 'a time' })
})

test('audit: a ban that is made or lifted is in it, though the other processes could not be told', async () => {
  for (const [name, holds] of [
    ['banAddress', '192.0.2.8'],
    ['liftBan', undefined],
  ] as const) {
    const at = await furnished()
    const failures: unknown[] = []
    const gone = new OpError('EIO', 'a process does not follow')
    const told = toldGuard(at.guard, { ask: () => Promise.reject(gone) }, (error) => failures.push(error))
    Object.defineProperty(at.desk, 'guard', { value: told })

    const [act, line] = SERVER[name]
    await act(at)

    check(at, name, line)
    assert.deepEqual(failures, [gone], name)
    assert.equal(at.guard.banned(name === 'liftBan' ? BANNED : '192.0.2.8')?.address, holds, name)
  }
})
