import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { rowsOf } from '../../../src/admin/enquirer.ts'
import { isOpError } from '../../../src/base/error.ts'
import { person } from '../../support/person.ts'

const DOWN = '\x1b[B'

const fruits = ['Apple', 'Banana', 'Blueberry'].map((label) => ({ label, value: label.toUpperCase() }))

test('screen: a choice is made with arrows, with first letters, and with keys typed ahead', async () => {
  const { screen, press, sees } = person()
  const first = screen.choose('Which?', fruits)
  await sees('Which?')
  press(DOWN)
  await sees('Banana')
  press('\r')
  assert.equal(await first, 'BANANA')

  const second = screen.choose('Which?', fruits)
  await sees('Which?')
  press('b')
  press('b')
  press('\r')
  assert.equal(await second, 'BLUEBERRY')
})

test('screen: Esc, ^C answer undefined; ^Z does nothing; wrong input is told and asked again', async () => {
  const { screen, press, sees } = person()
  for (const key of ['\x1b', '\x03']) {
    const answer = screen.ask('Name?')
    await sees('Name?')
    press('\x1a')
    press(key)
    assert.equal(await answer, undefined)
  }
  const answer = screen.ask('Name?', { check: (text) => (text === 'ada' ? undefined : 'Only "ada" will do') })
  await sees('Name?')
  press('bob\r')
  await sees('Only "ada" will do')
  press('\x7f\x7f\x7fada\r')
  assert.equal(await answer, 'ada')
})

test('screen: a secret is never shown', async () => {
  const { screen, press, sees } = person()
  const answer = screen.secret('Password?')
  await sees('Password?')
  press('tr0ub4dor')
  const shown = await sees('*********')
  press('\r')

  assert.equal(await answer, 'tr0ub4dor')
  assert.doesNotMatch(shown, /tr0/)
})

test('screen: a secret that was refused is taken away: the next one begins anew', async () => {
  const { screen, press, sees } = person()
  const answer = screen.secret('Password?', (text) => (text === 'right' ? undefined : 'That is another one'))
  await sees('Password?')
  press('wrong\r')
  const refused = stripVTControlCharacters(await sees('That is another one'))
  press('right\r')

  assert.equal(await answer, 'right')
  assert.match(refused, /Password\? ‣ *\r\n/)
})

test('screen: a yes or no waits for Enter, and what is typed last counts', async () => {
  for (const [keys, yes] of [
    ['y', true],
    ['yes', true],
    ['n', false],
    ['no', false],
    ['ny', true],
    ['yn', false],
    ['y\x7f', false],
    ['', false],
  ] as const) {
    const { screen, press, sees } = person()
    const answer = screen.confirm('Really?')
    await sees('Really?')
    press(`${keys}\r`)
    assert.equal(await answer, yes, keys)
    const next = screen.ask('Name?')
    await sees('Name?')
    press('ada\r')
    assert.equal(await next, 'ada')
  }
})

test('screen: an open question ends with the session, and the process has no listeners more than before', async () => {
  const before = ['SIGTERM', 'SIGINT', 'exit'].map((name) => process.listenerCount(name))
  const { screen, sees, leave } = person()
  const answer = screen.choose('Which?', fruits)
  await sees('Which?')
  const during = ['SIGTERM', 'SIGINT', 'exit'].map((name) => process.listenerCount(name))
  leave()

  await assert.rejects(answer, (error) => isOpError(error, 'ECANCELED'))
  await assert.rejects(screen.ask('More?'), (error) => isOpError(error, 'ECANCELED'))
  assert.deepEqual(during, before)
})

test('screen: what steers a terminal is escaped in a question, however it is asked', async () => {
  const { screen, press, sees } = person()
  for (const [word, ask] of [
    ['confirm', screen.confirm],
    ['ask', screen.ask],
    ['secret', screen.secret],
    ['choose', (question: string) => screen.choose(question, fruits)],
  ] as const) {
    const answer = ask(`${word} "\x1b]0;mine\x07\u202e"?`)
    const drawn = await sees(`${word} "\\u{1b}]0;mine\\u{7}\\u{202e}"?`)
    press('\x1b')
    await answer

    assert.doesNotMatch(drawn, /\x1b\]|\x07|\u202e/)
  }
})

test('screen: a question ends with the connection, though nobody has told the keys', async () => {
  const { screen, sees, cut } = person()
  const answer = screen.ask('Name?')
  await sees('Name?')
  cut()

  await assert.rejects(answer, (error) => isOpError(error, 'ECANCELED'))
})

test('screen: a resize in the middle of a question draws it again', async () => {
  const { screen, press, sees, resize } = person()
  const answer = screen.confirm('Really?')
  await sees('Really?')
  resize(40)
  await sees('Really?')
  press('y\r')
  assert.equal(await answer, true)
})

test('screen: a resize keeps the sentence of a refused answer, and the answer can be mended', async () => {
  const { screen, press, sees, resize } = person()
  const answer = screen.ask('Name?', { check: (text) => (text === 'ada' ? undefined : 'Only "ada" will do') })
  await sees('Name?')
  press('adam\r')
  await sees('Only "ada" will do')
  resize(50)
  await sees('Only "ada" will do')
  press('\x7f\r')

  assert.equal(await answer, 'ada')
})

test('screen: a live picture is drawn on the other screen until a key says that it is enough', async () => {
  const { screen, press, sees } = person()
  let turn = 0
  const pressed: (string | undefined)[] = []
  const over = screen.live({
    draw: () => [`picture ${++turn}`],
    everyMs: 5,
    key(key) {
      pressed.push(key.name)
      return key.name !== 'q'
    },
  })
  await sees('picture 3')
  press('a')
  press('q')
  await over

  assert.deepEqual(pressed, ['a', 'q'])
})

test('screen: when the server drains an open question ends', async () => {
  const { screen, sees, drain } = person()
  const answer = screen.ask('Name?')
  await sees('Name?')
  drain()

  await assert.rejects(answer, (error) => isOpError(error, 'ECANCELED'))
})

test('screen: one that is opened while the server drains asks nothing', async () => {
  const made = person()
  made.drain()

  await assert.rejects(made.screen.ask('Name?'), (error) => isOpError(error, 'ECANCELED'))
  await assert.rejects(made.screen.live({ draw: () => [], everyMs: 5, key: () => true }), (error) =>
    isOpError(error, 'ECANCELED'),
  )
})

test('screen: a letter finds what a long list does not show, and goes around', async () => {
  const { screen, press, sees } = person(40, 10)
  const many = Array.from({ length: 40 }, (_, at) => ({ label: `${'abcd'[at % 4]}${at}`, value: at }))
  const answer = screen.choose('Which?', [...many, { label: 'zebra', value: 99 }])
  await sees('Which?')
  press('z')
  await sees('41 of 41')
  press('\r')

  assert.equal(await answer, 99)
})

/** The rows of choices as they were last drawn, and the mark's. */
function drawn(shown: string): { readonly rows: readonly string[]; readonly marked: string | undefined } {
  const rows = [...stripVTControlCharacters(shown.split('Which?').at(-1)!).matchAll(/^([▸ ]) (\w+)$/gm)]
  return { rows: rows.map(([, , label]) => label!), marked: rows.find(([, sign]) => sign === '▸')?.[2] }
}

const END = '\x1b[F'
const HOME = '\x1b[H'
const PAGE_UP = '\x1b[5~'
const PAGE_DOWN = '\x1b[6~'

test('screen: in a list that fits, Home, End and pages move the mark and keep the order', async () => {
  for (const [keys, value] of [
    [END, 'Blueberry'],
    [END + HOME, 'Apple'],
    [PAGE_DOWN, 'Blueberry'],
    [PAGE_DOWN + PAGE_UP, 'Apple'],
    [`${END}\x1b[A`, 'Banana'],
    [END + DOWN, 'Apple'],
    ['\x1b[A', 'Blueberry'],
  ] as const) {
    const { screen, press, sees } = person()
    const answer = screen.choose('Which?', fruits)
    await sees('goes back')
    press(keys)
    const { rows, marked } = drawn(await sees(`▸ ${value}`))
    press('\r')

    assert.deepEqual(
      [rows, marked, await answer],
      [['Apple', 'Banana', 'Blueberry'], value, value.toUpperCase()],
    )
  }
})

const accounts = [
  'adam',
  ...Array.from({ length: 20 }, (_, at) => `bob${at}`),
  'user1',
  'user10',
  'user2',
  'zoe',
]

test('screen: what is typed goes to what begins with it, digits too, and the order stays', async () => {
  for (const [keys, name] of [
    ['user1', 'user1'],
    ['user10', 'user10'],
    ['USER2', 'user2'],
    ['bob3', 'bob3'],
    ['bobx', 'bob0'],
    ['3', 'adam'],
    [`b${DOWN}u`, 'user1'],
  ] as const) {
    const { screen, press, sees } = person(80, 15)
    const answer = screen.choose(
      'Which?',
      accounts.map((label) => ({ label, value: label })),
    )
    await sees('1 of 25')
    press(keys)
    press('\r')
    assert.equal(await answer, name, keys)
  }
})

test('screen: a list that does not fit is shown in its order wherever the mark goes', async () => {
  const { screen, press, sees } = person(80, 15)
  const answer = screen.choose(
    'Which?',
    accounts.map((label) => ({ label, value: label })),
    { initial: 24 },
  )
  assert.deepEqual(drawn(await sees('25 of 25')), { rows: accounts.slice(15), marked: 'zoe' })
  for (const [keys, at, from] of [
    ['bob9', 11, 2],
    [DOWN, 12, 3],
    [END, 25, 16],
    [HOME, 1, 1],
    ['z', 25, 16],
    [DOWN, 1, 1],
    ['\x1b[A', 25, 16],
    [PAGE_UP, 16, 16],
  ] as const) {
    press(keys)
    const shown = drawn(await sees(`${at} of 25`))
    assert.deepEqual(shown, { rows: accounts.slice(from - 1, from + 9), marked: accounts[at - 1] }, keys)
  }
  press('\r')
  await answer
})

test('screen: at 40 columns a list still says what Esc does', async () => {
  const { screen, press, sees } = person(40, 10)
  const answer = screen.choose(
    'Which?',
    accounts.map((label) => ({ label, value: label })),
  )
  await sees('1 of 25 · ↑↓ Enter; Esc goes back')
  press('\x1b')
  await answer
})

test('screen: a long line that is pasted arrives whole', async () => {
  const { screen, press, sees } = person()
  const line = Array.from({ length: 1500 }, (_, at) => 'abcdefghij'[at % 10]).join('')
  const answer = screen.ask('Key?')
  await sees('Key?')
  press(`${line}\r`)

  assert.equal(await answer, line)
})

test('screen: what is typed is explained while it is typed', async () => {
  const { screen, press, sees } = person()
  const answer = screen.ask('Size?', { hint: (text) => `${text.length} characters` })
  await sees('0 characters')
  press('abc')
  await sees('3 characters')
  press('\r')

  assert.equal(await answer, 'abc')
})

test('screen: rows are counted in cells, a wide character that does not fit goes to the next row', () => {
  assert.equal(rowsOf('', 10), 1)
  assert.equal(rowsOf('0123456789', 10), 1)
  assert.equal(rowsOf('0123456789a', 10), 2)
  assert.equal(rowsOf('日本語日本', 10), 1)
  assert.equal(rowsOf('a日本語日本', 10), 2)
  assert.equal(rowsOf('日本語日本語'.repeat(2), 5), 6)
})
