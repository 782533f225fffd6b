// What people and programs type: key lines that were pasted by halves, settings out of any editor, command lines of any
// bytes. Each is taken or refused with a sentence; none is an error of ours, and none takes long.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import { parseKeyLine } from '../../src/accounts/keys.ts'
import { isOpError } from '../../src/base/error.ts'
import { COMMANDS } from '../../src/commands/table.ts'
import { loadConfig } from '../../src/config.ts'
import { printSettings, SETTINGS, schema } from '../../src/settings.ts'
import { wholeEd25519 } from '../../src/ssh/hostkeys.ts'
import { chance, TIMES } from '../support/fuzz.ts'
import { run, without } from '../support/run-client.ts'
import { startServer } from '../support/start-server.ts'

const random = chance()

/** 'taken', or the code of the refusal; an error of another kind is thrown on. */
function answer(act: () => unknown): string {
  try {
    act()
    return 'taken'
  } catch (error) {
    if (!isOpError(error)) throw error
    assert.ok(error.message.length > 0 && error.message.length < 2000, error.message)
    return error.code
  }
}

test('key lines: two thousand mutants are taken whole or refused with a sentence', () => {
  const lines = [
    wholeEd25519(() => ssh2.utils.generateKeyPairSync('ed25519', { comment: 'ada@home' })).public,
    ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).public,
    ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 }).public,
    'no-pty,command="rm -rf /" ssh-ed25519 AAAA x',
    '',
  ]
  const seen = new Set<string>()

  for (let i = 0; i < 2000 * TIMES; i++) {
    const line = random.mutant(Buffer.from(random.pick(lines))).toString('latin1')
    seen.add(
      answer(() => {
        const parsed = parseKeyLine(line)
        // What is stored must say the same when it is read again, on one line.
        assert.deepEqual(parseKeyLine(parsed.line).key, parsed.key)
        assert.doesNotMatch(parsed.line, /[\r\n]/)
      }),
    )
  }

  assert.deepEqual([...seen].sort(), ['EINVAL', 'taken'])
})

test('settings: eight hundred files and flags of anything are taken or refused with a sentence', () => {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'))
  const file = join(folder, 'miniftp.toml')
  const names = Object.keys(SETTINGS)
  const values = [
    '0',
    '-1',
    '1e999',
    '"5m"',
    '"10 GiB"',
    '"9".',
    '[]',
    'true',
    '"\\u0000"',
    '{a=1}',
    '2024-01-01',
    '" "',
  ]
  const whole = printSettings(schema.parse({}))
  const seen = new Set<string>()
  try {
    for (let i = 0; i < 500 * TIMES; i++) {
      writeFileSync(
        file,
        random.mutant(Buffer.from(i % 2 ? whole : `${random.pick(names)} = ${random.pick(values)}`)),
      )
      seen.add(answer(() => loadConfig(['--config', file], {})))
    }
    for (let i = 0; i < 300 * TIMES; i++) {
      const flag = random
        .mutant(Buffer.from(`--${random.pick(names)}=${random.pick(values)}`))
        .toString('latin1')
      const variable = `MINIFTP_${random.pick(names).toUpperCase().replaceAll('-', '_')}`
      seen.add(answer(() => loadConfig([flag], { [variable]: random.pick(values) })))
    }
  } finally {
    rmSync(folder, { recursive: true })
  }

  assert.deepEqual([...seen].sort(), ['EUSAGE', 'taken'])
})

test('command lines: a thousand of any bytes end in sentences, and the session goes on', {
  skip: without('ssh'),
}, async () => {
  await using server = await startServer({ ada: ['--quota', '64MiB'] })
  // `put` would take what follows as its body, the others the session away.
  const ending = new Set(['put', 'bye', 'exit', 'quit'])
  const words = COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases]).filter(
    (word) => !ending.has(word),
  )
  const operands = [
    '/',
    '..',
    'a',
    '*',
    '[a-',
    "'open",
    '"x',
    "$'\\x",
    '\\',
    '-l',
    '--json',
    '--offset',
    '-9',
    '\xff\xfe',
    ';',
    '~',
  ]
  const lines = Array.from({ length: 1000 * TIMES }, () => {
    const line = [
      random.pick(words),
      ...Array.from({ length: random.below(4) }, () => random.pick(operands)),
    ].join(' ')
    const bytes =
      random.below(3) === 0 ? random.mutant(Buffer.from(line, 'latin1')) : Buffer.from(line, 'latin1')
    return bytes.toString('latin1').replace(/[\n\r]/g, ' ')
  }).filter((line) => !line.split(/\W+/).some((word) => ending.has(word)))
  // Without an operand a hash is that of what follows, also in front of a ";".
  const safe = lines.map((line) => line.replace(/(md5|sha)\w*/g, '$& /none'))
  safe.push('cd /', 'pwd')

  const { stdout, stderr } = await run('ssh', ['-F', server.sshConfig, 'ftp', '--', '-k'], {
    input: Buffer.from(`${safe.join('\n')}\n`, 'latin1'),
  })

  assert.equal(stdout.trimEnd().split('\n').at(-1), '/')
  assert.doesNotMatch(stderr, /Internal error/)
  const folder = join(server.var, 'log')
  const log = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('')
  assert.doesNotMatch(log, /"level":"error"/)
})
