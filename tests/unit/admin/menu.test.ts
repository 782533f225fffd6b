import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOTP } from 'otpauth'
import { newAccount } from '../../../src/accounts/rules.ts'
import { menu } from '../../../src/admin/menu.ts'
import { memoryDesk } from '../../support/memory-desk.ts'
import { memoryOffice } from '../../support/memory-office.ts'
import { person } from '../../support/person.ts'

type Office = Awaited<ReturnType<typeof memoryOffice>>

function plain(text: string): string {
  return text.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '')
}

async function office(admins: number): Promise<Office> {
  const made = await memoryOffice()
  for (let at = 0; at < admins; at++) await made.accounts.create(newAccount(`admin${at}`, 'admin'))
  return made
}

test('menu: View users comes back to the account that was viewed, and leaves no lines of visits', async () => {
  const made = await office(40)
  const { session, press, sees } = person(80, 24, 'admin0')
  const status = menu({ actions: made.actions, now: () => 0 })(session)
  await sees('Esc goes to Exit')
  press('v\r')
  await sees('1 of 44')
  for (const [keys, at] of [
    ['admin9', '41 of 44'],
    ['admin8', '40 of 44'],
  ] as const) {
    press(`${keys}\r`)
    await sees('any key goes back')
    press('q')
    const shown = plain((await sees(at)).split('\x1b[H\x1b[J').at(-1)!)

    assert.match(shown, /^ *MiniFTP, logged in as admin0: View users\r\n\? Accounts/)
    assert.match(shown, new RegExp(`▸ ${keys} `))
  }
  press('\x1b')
  await sees('Esc goes to Exit')
  press('e\r')
  await status
})

test('menu: at 40 columns an account is shown with what it uses, not cut at its unit', async () => {
  const made = await office(0)
  Object.assign(made.usage, { used: 100 * 1024 ** 2, limit: 1020 * 1024 ** 2 })
  const { session, press, sees } = person(40, 20, 'grace')
  const status = menu({ actions: made.actions, now: () => 0 })(session)
  await sees('Esc goes to Exit')
  press('v\r')
  const shown = plain(await sees('Esc goes back'))
  assert.match(shown, /NAME +STATE +USED/)
  assert.match(shown, /mallory +active +100 MiB of 1020 MiB/)
  press('\x1b')
  await sees('Esc goes to Exit')
  press('e\r')
  await status
})

test('menu: beside a long name it is told who is an admin and who is disabled, before rights and bars', async () => {
  const made = await office(0)
  await made.accounts.create(newAccount('a_name_as_long_as_a_name_can_be1', 'user'))
  Object.assign(made.usage, { used: 100 * 1024 ** 2, limit: 1020 * 1024 ** 2 })
  const { session, press, sees } = person(80, 24, 'grace')
  const status = menu({ actions: made.actions, now: () => 0 })(session)
  await sees('Esc goes to Exit')
  press('v\r')
  const shown = plain(await sees('Esc goes back'))
  assert.match(shown, /NAME +ROLE +STATE +USED\r\n/)
  assert.match(shown, /can_be1 +user +active +100 MiB of 1020 MiB\r\n/)
  press('\x1b')
  await sees('Esc goes to Exit')
  press('e\r')
  await status
})

test('menu: the table of accounts is laid out anew when the window changes', async () => {
  const made = await office(0)
  Object.assign(made.usage, { used: 100 * 1024 ** 2, limit: 1020 * 1024 ** 2 })
  const { session, press, sees, resize } = person(100, 24, 'grace')
  const status = menu({ actions: made.actions, now: () => 0 })(session)
  await sees('Esc goes to Exit')
  press('v\r')
  assert.match(plain(await sees('Esc goes back')), /NAME +ROLE +STATE +RIGHTS +QUOTA +USED/)
  resize(40)
  assert.match(
    plain(await sees('Esc goes back')),
    /NAME +STATE +USED\r\n.*mallory +active +100 MiB of 1020 MiB/s,
  )
  resize(100)
  assert.match(plain(await sees('Esc goes back')), /NAME +ROLE +STATE +RIGHTS +QUOTA +USED/)
  press('\x1b')
  await sees('Esc goes to Exit')
  press('e\r')
  await status
})

test('menu: one right after the other leaves what was changed, and no line of each question', async () => {
  const made = await office(0)
  const { session, press, sees } = person(80, 24, 'grace')
  const status = menu({ actions: made.actions, now: () => 0 })(session)
  await sees('Esc goes to Exit')
  press('ri\r')
  await sees('Whose rights?')
  press('ada\r')
  await sees('What of "ada"?')
  let drawn = ''
  for (const count of ['3', '4']) {
    press('s\r')
    await sees('or none')
    press(`${count}\r`)
    drawn = await sees(`▸ Sessions       ${count} at once`)
  }
  const shown = plain(drawn.split('\x1b[H\x1b[J').at(-1)!)
  const asked = shown.indexOf('?')
  assert.match(shown.slice(asked), /^\? What of "ada"\?/)
  assert.doesNotMatch(shown, /or none|✔/)
  assert.match(shown, /Sessions of "ada": 3 at once\r\nSessions of "ada": 4 at once\r\n\?/)
  press('\x1b')
  await sees('Esc goes to Exit')
  press('e\r')
  await status
})

test('menu: a line of the log that does not fit goes on below, and the first can be come to', async () => {
  const made = await office(0)
  const { desk } = await memoryDesk()
  const path = `/${'long-name-'.repeat(3)}`
  Object.assign(desk, {
    logLines: async () =>
      Array.from({ length: 30 }, (_, at) =>
        JSON.stringify({
          at: `2026-01-01T00:00:${at + 10}.000Z`,
          level: 'info',
          event: 'close',
          path,
          address: '192.0.2.7',
        }),
      ),
  })
  const { session, press, sees } = person(60, 20, 'grace')
  const status = menu({ actions: made.actions, now: () => 0, desk })(session)
  await sees('Esc goes to Exit')
  press('l\r')
  const last = plain(await sees('Esc goes back'))
  assert.match(last, /00:00:39 close path=\S+\r\n {9}address=192\.0\.2\.7\r\n/)
  press('\x1b[H')
  const first = plain(await sees('22 newer below'))
  press('\x1b')
  await sees('Esc goes to Exit')
  press('e\r')
  await status
  assert.match(first, /Log: 30 lines/)
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
  press('c\r')
  await sees('Whose password?')
  press('\r')
  await sees('New password of "ada"')
  press('my password of ada\r')
  await sees('The same once more')
  await made.actions.setPassword(
    { name: 'admin1', role: 'admin', from: '192.0.2.9' },
    'ada',
    'that of admin1',
  )
  const theirs = (await made.accounts.get('ada'))?.password
  press('my password of ada\r')
  await sees('"ada" was changed meanwhile by admin1: look again')
  press('e\r')

  assert.equal(await status, 0)
  const { quota, password } = (await made.accounts.get('ada'))!
  assert.deepEqual([quota.bytes, password], [5, theirs])
})

const codeOf = (secret: string): string => new TOTP({ secret }).generate()

test('menu: with room for a QR code, the secret to be typed is there, too', async () => {
  const { actions } = await office(1)
  const { session, press, sees } = person(80, 24, 'admin0')
  const status = menu({ actions, now: () => 0 })(session)
  for (const [asked, keys] of [
    ['Esc goes to Exit', 'o\r'],
    ['Whose one-time codes?', '\r'],
    ['Ask "ada" for a code', 'y\r'],
    ['Enter goes on', '\r'],
  ] as const) {
    await sees(asked)
    press(keys)
  }
  assert.match(plain(await sees('The code that the app shows')), /█.*key: [A-Z2-7]{4}( [A-Z2-7]{4}){7}/s)
  press('\x1b')
  await sees('Esc goes to Exit')
  press('e\r')
  await status
})

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
  await answer('Ask "ada" for a code', 'y\r')
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

for (const [way, leaves] of [
  ['Esc', '\x1b'],
  ['^C', '\x03'],
] as const) {
  test(`menu: ${way} at each question about the password of a first start keeps it, and says so`, async () => {
    for (const depth of [1, 2, 3]) {
      const made = await office(1)
      await made.accounts.update('admin0', (account) => ({ ...account, demo: true }))
      const { session, press, sees } = person(80, 24, 'admin0')
      const status = menu({ actions: made.actions, now: () => 0 })(session)
      const questions = [
        ['Change it now?', 'y\r'],
        ['New password of "admin0"', 'long enough\r'],
        ['The same once more', ''],
      ] as const
      for (const [at, [question, keys]] of questions.slice(0, depth).entries()) {
        await sees(question)
        press(at === depth - 1 ? leaves : keys)
      }
      await sees('Esc goes to Exit')
      press('e\r')

      assert.equal(await status, 0)
      assert.equal((await made.accounts.get('admin0'))?.demo, true)
      assert.deepEqual(made.audited, [])
    }
  })
}

test('menu: whoever goes back before the proof, or gives none, leaves nobody asked for a code', async () => {
  for (const [question, leaves] of [
    ['Enter goes on', '\x1b'],
    ['The code that the app shows', '\x1b'],
    ['The code that the app shows', '\r'],
  ] as const) {
    const made = await office(1)
    const { session, press, sees } = person(80, 20, 'admin0')
    const status = menu({ actions: made.actions, now: () => 0 })(session)
    for (const [asked, keys] of [
      ['Esc goes to Exit', 'o\r'],
      ['Whose one-time codes?', '\r'],
      ['Ask "ada" for a code', 'y\r'],
      ['Enter goes on', '\r'],
      ['The code that the app shows', ''],
    ] as const) {
      await sees(asked)
      press(asked === question ? leaves : keys)
      if (asked === question) break
    }
    await sees('Nothing was changed')
    press('e\r')

    assert.equal(await status, 0)
    assert.equal(await made.codes.has('ada'), false)
    assert.deepEqual(made.audited, [])
  }
})

for (const [keys, picture] of [
  ['s\r', '1 logged in'],
  ['l\r', 'type to filter'],
  ['ss\r', 'version'],
] as const) {
  test(`menu: an admin who expires while "${picture}" is shown sees no more of it`, async () => {
    const made = await office(2)
    const { desk } = await memoryDesk()
    const { session, press, sees } = person(80, 24, 'admin0')
    const status = menu({ actions: made.actions, now: () => 0, desk })(session)
    await sees('Esc goes to Exit')
    press(keys)
    await sees(picture)
    await made.actions.set({ name: 'admin1', role: 'admin', from: '192.0.2.9' }, 'admin0', { expires: 1 })
    await sees('"admin0" has expired')
    press('e\r')

    assert.equal(await status, 0)
  })
}
