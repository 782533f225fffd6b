import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import { parseArguments } from '../../../src/client/arguments.ts'
import { linesOf } from '../../../src/client/one-shot.ts'

test('arguments: a value that an option cannot take is a usage error, and says what it takes', () => {
  for (const [option, value, takes] of [
    ['--retry-for', 'soon', /such as 30s or 10m, not "soon"/],
    ['--retry-for', '5', /such as 30s or 10m, not "5"/],
    ['--retry-for', '', /such as 30s or 10m, not ""/],
    ['--data-path', 'long', /fast or plain, not "long"/],
    ['-j', '0', /from 1 to 7, not "0"/],
    ['-j', '8', /from 1 to 7, not "8"/],
    ['-P', '70000', /from 1 to 65535/],
  ] as const)
    assert.throws(
      () => parseArguments(['put', option, value, 'f', 'ada@h:']),
      (error) => isOpError(error, 'EUSAGE') && takes.test(error.message),
      `${option} ${value}`,
    )
})

test('arguments: an option without its value, or that is none, is a usage error', () => {
  for (const words of [['--retry-for'], ['-P'], ['--fast'], ['-x', 'h'], []])
    assert.throws(
      () => parseArguments(words),
      (error) => isOpError(error, 'EUSAGE'),
      words.join(' '),
    )
})

test('arguments: what is off is said in one line', () => {
  for (const [words, why] of [
    [['-o', '-x', 'h'], /^The option '-o' needs a value; .* -o-1; miniftp --help tells all$/],
    [['--fast'], /^Unknown option '--fast'; miniftp --help tells all$/],
    [['zzz', 'a'], /^"zzz" is no command: there are put, get, ls, rm, mkdir, md5$/],
    [['putt', 'a'], /^"putt" is no command, did you mean "put"\? There are put, /],
  ] as const)
    assert.throws(
      () => parseArguments(words),
      (error) => isOpError(error, 'EUSAGE') && why.test(error.message),
    )
})

test('arguments: times, jobs and keys are read', () => {
  const asked = parseArguments(['--retry-for', '30s', '-j', '4', '-i', 'a', '-i', 'b', 'ada@h:8808'])

  assert.equal(asked.do, 'prompt')
  if (asked.do !== 'prompt') return
  assert.deepEqual(asked.target, { user: 'ada', host: 'h', port: 8808 })
  assert.deepEqual([asked.settings.retryMs, asked.settings.jobs], [30_000, 4])
  assert.deepEqual(asked.settings.keys, ['a', 'b'])
})

test('arguments: -h is help, and with ls how sizes are written', () => {
  assert.equal(parseArguments(['-h']).do, 'help')
  assert.equal(parseArguments(['put', '-h']).do, 'help')
  assert.equal(parseArguments(['ls', '--help', 'h:']).do, 'help')

  const asked = parseArguments(['ls', '-lha', 'ada@h:photos'])

  assert.equal(asked.do, 'ls')
  if (asked.do !== 'ls') return
  assert.deepEqual(linesOf(asked), ['ls -l -h -a \\p\\h\\o\\t\\o\\s'])
})
