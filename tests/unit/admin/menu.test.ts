import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { TOTP } from 'otpauth'
import { newAccount } from '../../../src/accounts/rules.ts'
import { menu } from '../../../src/admin/menu.ts'
import { memoryOffice } from '../../support/memory-office.ts'
import { person } from '../../support/person.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

type Office = Awaited<ReturnType<typeof memoryOffice>>

/** An admin who registers one account, keeps it small, registers another, deletes that, and leaves. */
async function work(office: Office, at: number): Promise<number> {
  const name = `admin${at}`
  const { session, press, sees } = person(80, 24, name)
  const status = menu({ actions: office.actions, now: () => 0 })(session)
  const answer = async (question: string, keys: string): Promise<void> => {
    const seen = await sees(question)
    // What belongs to others never shows up here.
    for (const [, other] of seen.matchAll(/logged in as (\w+)/g)) assert.equal(other, name)
    press(keys)
  }
  for (const made of [`kept${at}`, `gone${at}`]) {
    await answer('Esc goes to Exit', '\r')
    await answer('Name of the new account', `${made}\r`)
    await answer('What is it?', '\r')
    await answer('Password', `password of ${made}\r`)
    await answer('once more', `password of ${made}\r`)
    await answer('no limit', `${at + 1} MiB\r`)
    await answer('What may it do?', 'd\r')
    await sees(`"${made}" is registered as user`)
  }
  await answer('Esc goes to Exit', 'd\r')
  await answer('Delete which account?', 'g')
  // To the row of its own, whatever others made meanwhile.
  while (!new RegExp(`▸ gone${at}\\b`).test(plain(await sees('of ')))) press('g')
  press('\r')
  await answer('Type the name', `gone${at}\r`)
  await sees(`"gone${at}" is deleted`)
  await answer('Esc goes to Exit', 'e\r')
  return status
}

function plain(text: string): string {
  return text.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '')
}

async function office(admins: number): Promise<Office> {
  const made = await memoryOffice()
  for (let at = 0; at < admins; at++) await made.accounts.create(newAccount(`admin${at}`, 'admin'))
  return made
}

const NAMES = ['SIGTERM', 'SIGINT', 'SIGTSTP', 'SIGCONT', 'exit', 'uncaughtException', 'unhandledRejection']
const listeners = (): readonly number[] => NAMES.map((name) => process.listenerCount(name))

test('menu: thirty admins at once: the store is exact, and nothing of it stays', async () => {
  const ADMINS = 30
  const before = listeners()
  const round = async (): Promise<void> => {
    const made = await office(ADMINS)
    const ended = await Promise.all(Array.from({ length: ADMINS }, (_, at) => work(made, at)))
    assert.deepEqual(new Set(ended), new Set([0]))
    const kept = (await Array.fromAsync(made.accounts.list())).filter(
      ({ changedBy }) => changedBy !== undefined,
    )
    assert.deepEqual(
      kept.map(({ name, quota, changedBy, rights }) => [name, quota.bytes, changedBy, rights.list]).sort(),
      Array.from({ length: ADMINS }, (_, at) => [
        `kept${at}`,
        (at + 1) * 1024 ** 2,
        `admin${at}`,
        false,
      ]).sort(),
    )
    assert.equal(made.audited.length, 3 * ADMINS)
  }
  const heap = async (): Promise<number> => {
    // What was put off runs, and is let go of.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    collect()
    return process.memoryUsage().heapUsed
  }

  await round()
  const first = await heap()
  await round()
  const last = await heap()

  assert.deepEqual(listeners(), before)
  // Thirty menus later: less than a menu's worth, which is some hundred KiB.
  assert.ok(last - first < 1024 ** 2, `${last - first} bytes more`)
})

test('menu: an admin who is demoted in the middle of a form does nothing more', async () => {
  const made = await office(2)
  const { session, press, sees } = person(80, 24, 'admin0')
  const status = menu({ actions: made.actions, now: () => 0 })(session)
  await sees('Esc goes to Exit')
  press('\r')
  await sees('Name of the new account')
  await made.actions.set({ name: 'admin1', role: 'admin', from: '192.0.2.9' }, 'admin0', { role: 'user' })
  press('mine\r')
  await sees('What is it?')
  press('a\r')
  await sees('Password')
  press('long enough\r')
  await sees('once more')
  press('long enough\r')
  await sees('"admin0" is no admin any more')
  press('e\r')

  assert.equal(await status, 0)
  assert.equal(await made.accounts.get('mine'), undefined)
})

test('menu: what another admin changed meanwhile is not written over', async () => {
  const made = await office(2)
  const { session, press, sees } = person(80, 24, 'admin0')
  const status = menu({ actions: made.actions, now: () => 0 })(session)
  await sees('Esc goes to Exit')
  press('m\r')
  await sees('Whose quota?')
  press('\r')
  await sees('New quota')
  await made.actions.setQuota({ name: 'admin1', role: 'admin', from: '192.0.2.9' }, 'ada', { bytes: 5 })
  press('7\r')
  await sees('"ada" was changed meanwhile by admin1: look again')
  press('e\r')

  assert.equal(await status, 0)
  assert.equal((await made.accounts.get('ada'))?.quota.bytes, 5)
})

const codeOf = (secret: string): string => new TOTP({ secret }).generate()

test('menu: one-time codes are stored with the first code that an app shows, and used up by it', async () => {
  const made = await office(1)
  // Too low for a QR code: the secret is there to be read.
  const { session, press, sees } = person(80, 20, 'admin0')
  const status = menu({ actions: made.actions, now: () => 0 })(session)
  const answer = async (question: string, keys: string): Promise<string> => {
    const seen = plain(await sees(question))
    assert.equal(await made.codes.has('ada'), false, question)
    press(keys)
    return seen
  }
  await answer('Esc goes to Exit', 'o')
  await answer('▸ One-time codes', '\r')
  await answer('▸ ada', '\r')
  await answer('Ask "ada" for a code', 'y')
  const recovery = /^ {2}(\w{4}(-\w{4}){3})/m.exec(await answer('Enter goes on', '\r'))?.[1]
  const shown = await answer('The code that the app shows', '000000\r')
  const secret = /^ {2}([A-Z2-7]{4}( [A-Z2-7]{4}){7})/m.exec(shown)![1]!.replaceAll(' ', '')
  await answer('That is not its code', '\x7f'.repeat(6))
  const code = codeOf(secret)
  press(`${code}\r`)
  await sees('"ada" is asked for a code at each login')
  press('e\r')

  assert.equal(await status, 0)
  assert.equal(await made.codes.check('ada', code), false)
  assert.equal(await made.codes.check('ada', recovery!), true)
  assert.deepEqual(
    made.audited.map((line) => ('after' in line ? [line.event, line.before, line.after] : line)),
    [['account changed', { codes: false }, { codes: true }]],
  )
  assert.ok(!JSON.stringify(made.audited).includes(secret))
})
