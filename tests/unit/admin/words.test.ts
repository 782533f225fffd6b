import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expiryOf } from '../../../src/admin/changes.ts'
import { runWords, WORDS } from '../../../src/admin/words.ts'
import { memoryOffice } from '../../support/memory-office.ts'

const GRACE = { name: 'grace', role: 'admin', from: 'console' } as const

async function said(line: string) {
  const { actions } = await memoryOffice()
  const printed: string[] = []
  const complained: string[] = []
  const status = await runWords(
    line.split(' ').filter((word) => word !== ''),
    GRACE,
    { actions, now: () => 0 },
    {
      print: (text) => void printed.push(text),
      complain: (text) => void complained.push(text),
      input: async () => '',
      confirm: async () => undefined,
    },
  )
  return { status, printed: printed.join('\n'), complained: complained.join('\n') }
}

test('words: an unknown one is answered with the nearest and a help that fits in sight', async () => {
  const { status, printed, complained } = await said('usr list -x')

  assert.deepEqual([status, printed], [2, ''])
  assert.match(
    complained,
    /^Unknown command "usr list", did you mean "user list"\?\nCommands: user add list /,
  )
  assert.ok(complained.split('\n').length === 3 && complained.length < 500, complained)
  const words = complained.split(/\W+/)
  for (const name of Object.keys(WORDS))
    for (const word of name.split(' ')) assert.ok(words.includes(word), word)
})

test('words: the first of two alone is told which second there are', async () => {
  for (const [line, second] of [
    ['quota', 'show or set'],
    ['ban', 'list, add or lift'],
    ['ban --json', 'list, add or lift'],
  ] as const) {
    const { status, complained } = await said(line)

    assert.equal(status, 2)
    assert.match(complained, new RegExp(`needs a second word: ${second}\\b`))
  }
})

test('words: what a number and rights can be is said in their own words', async () => {
  for (const [line, sentence] of [
    ['user set ada --sessions many', '"many" is not a number: write one such as 3, or none'],
    ['user set ada --rights readonly', 'Unknown rights "readonly", did you mean "read-only"? Use full, '],
    ['user set ada --expires 1969-12-31', '"1969-12-31" is past already: '],
    // Each was taken: the one as the 2nd of March, the other as everywhere.
    ['user set ada --expires 2027-02-30', '"2027-02-30" is not a date: write 2027-01-31, '],
    ['user set ada --networks=', 'No network: write one such as 10.0.0.0/8, or any for everywhere'],
    ['user set ada --expires 5000000d', '"5000000d" is too far off: write an earlier date, or never'],
    ['user set ada --rights foo', 'Unknown rights "foo": use full, '],
  ] as const) {
    const { status, complained } = await said(line)

    assert.deepEqual([status, complained.slice(0, sentence.length)], [2, sentence])
  }
})

test('words: an option without its value is said in one sentence, and how the word goes', async () => {
  const { status, complained } = await said('quota set ada --files -3')

  assert.equal(status, 2)
  assert.match(complained, /^The option '--files' needs a value; .* --files=-1\. Usage: quota set NAME /)
})

test('words: an option that another word sets is told by that word', async () => {
  const { status, complained } = await said('user set ada --quota 3GiB')

  assert.equal(status, 2)
  assert.match(
    complained,
    /^Unknown option '--quota'\. Usage: user set NAME .*\n--quota: see help quota set$/,
  )
})

test('words: a size of two words, as it is shown, is taken', async () => {
  assert.equal((await said('quota set ada 5 GiB')).status, 0)
  assert.match((await said('quota set ada 5 apples')).complained, /^"5 apples" is not a size/)
})

test('words: a ban wants the unit of its time', async () => {
  const { status, complained } = await said('ban add 192.0.2.7 --for 3600')

  assert.deepEqual([status, complained], [2, '"3600" says no unit: write 3600s, 3600m or 3600h'])
})

test('words: help of a word with more behind it is the help of that word', async () => {
  assert.match((await said('help user add somebody')).printed, /^Commands:\n {2}user add NAME /)
})

for (const [line, least, most] of [
  ['', Object.keys(WORDS).length, Object.keys(WORDS).length],
  ['help', Object.keys(WORDS).length, Object.keys(WORDS).length],
  ['--help', Object.keys(WORDS).length, Object.keys(WORDS).length],
  ['help quota', 2, 2],
  ['quota --help', 2, 2],
  ['help user add', 1, 1],
  ['user add ada --help', 1, 1],
  ['user del -h', 1, 1],
] as const) {
  test(`words: "${line}" tells how ${least} of them go`, async () => {
    const { status, printed } = await said(line)

    const rows = printed.split('\n').filter((row) => /^ {2}\S/.test(row)).length
    assert.equal(status, 0)
    assert.ok(rows >= least && rows <= most, printed)
  })
}

test('words: a date holds to its end, and a time of day is one of UTC', () => {
  for (const [text, iso] of [
    ['2027-01-31', '2027-01-31T23:59:59.999Z'],
    ['2027-01-31 12:30', '2027-01-31T12:30:00.000Z'],
    ['2027-01-31T12:30:05+02:00', '2027-01-31T10:30:05.000Z'],
    ['1970-01-01', '1970-01-01T23:59:59.999Z'],
  ] as const)
    assert.equal(new Date(expiryOf(text, 0)!).toISOString(), iso)
})

test('words: help on one explains each of its options, within 80 columns', async () => {
  for (const [name, word] of Object.entries(WORDS)) {
    const { printed } = await said(`help ${name}`)
    for (const option of Object.keys(word.options ?? {}))
      assert.match(printed, new RegExp(`^ {6}(-\\w, )?--${option}( \\S+)?  +\\S.{5,}`, 'm'), name)
    assert.ok(
      printed.split('\n').every((line) => line.length <= 80),
      printed,
    )
  }
  const { printed } = await said('help user add')
  assert.match(
    printed,
    /--quota SIZE\|none .*10GiB.*--key-line LINE .*--key FILE .*not over\s+ssh.*--rights RIGHTS .*read-only/s,
  )
})

test('words: help on what there is not is answered as an unknown word is', async () => {
  const { status, complained } = await said('help user ad')

  assert.equal(status, 2)
  assert.match(complained, /^Unknown command "user ad", did you mean "user add"\?\n/)
})

test('words: a file as a key, over ssh, is told how else', async () => {
  const { status, complained } = await said('key add ada --key id.pub')

  assert.equal(status, 2)
  assert.match(complained, /over ssh give the key itself/)
})
