import assert from 'node:assert/strict'
import { test } from 'node:test'
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
  press('y')
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
