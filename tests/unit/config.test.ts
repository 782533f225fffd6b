import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isOpError } from '../../src/base/error.ts'
import { loadConfig, usage } from '../../src/config.ts'
import { printSettings, SETTINGS } from '../../src/settings.ts'

let folder: string
const here = process.cwd()
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'))
  process.chdir(folder)
})
after(() => {
  process.chdir(here)
  rmSync(folder, { recursive: true, force: true })
})

function toml(text: string): string {
  const file = join(folder, 'some.toml')
  writeFileSync(file, text)
  return file
}

/** The sentence with which it is refused. */
function refusal(argv: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  try {
    loadConfig(argv, env)
  } catch (error) {
    assert.ok(isOpError(error, 'EUSAGE'), String(error))
    return error.message
  }
  assert.fail('it was taken')
}

test('settings: a default gives way to the file, the file to the variable, the variable to the flag', () => {
  const MINIFTP_CONFIG = toml('port = 1\ndrain = "1s"\nidle = "1s"\n')

  const { settings } = loadConfig(['--port', '3'], { MINIFTP_CONFIG, MINIFTP_PORT: '2', MINIFTP_DRAIN: '2s' })

  assert.deepEqual(
    [settings.port, settings.drain, settings.idle, settings.host],
    [3, 2_000, 1_000, '127.0.0.1'],
  )
  assert.ok(Object.isFrozen(settings))
})

test('settings: --config is taken before MINIFTP_CONFIG', () => {
  const file = toml('port = 7\n')

  assert.equal(loadConfig(['--config', file], { MINIFTP_CONFIG: '/nowhere' }).settings.port, 7)
})

test('settings: an unknown name is refused where it is, with the nearest as it would be written there', () => {
  assert.equal(refusal(['--prot', '5']), 'Unknown setting --prot, did you mean --port?')
  assert.equal(
    refusal([], { MINIFTP_LOGIN_GRAC: '5s' }),
    'Unknown setting MINIFTP_LOGIN_GRAC, did you mean MINIFTP_LOGIN_GRACE?',
  )
  const file = toml('log_level = "info"\n')
  assert.equal(
    refusal(['--config', file]),
    `Unknown setting "log_level" in ${file}, did you mean "log-level"?`,
  )
  assert.equal(refusal(['--xylophone']), 'Unknown setting --xylophone')
})

// "Unknown setting MINIFTP_QUIET, did you mean MINIFTP_QUIET?"
test('settings: what is a flag alone is said to be one, where a variable or the file has it', () => {
  assert.equal(
    refusal([], { MINIFTP_QUIET: '1' }),
    'MINIFTP_QUIET is no setting, but a flag: write --quiet after miniftpd',
  )
  const file = toml('no-demo = true\n')
  assert.equal(
    refusal(['--config', file]),
    `"no-demo" in ${file} is no setting, but a flag: write --no-demo after miniftpd`,
  )
  assert.equal(refusal([], { MINIFTP_QIET: '1' }), 'Unknown setting MINIFTP_QIET')
  assert.equal(refusal(['--qiet']), 'Unknown setting --qiet, did you mean --quiet?')
})

test('settings: a value of a kind that a setting cannot have is told what it can have', () => {
  const bad = {
    'port = true': 'a port is a number from 0 to 65535',
    'drain = nan': 'write a time such as "90s", "5m" or "1h"',
    'idle = 1979-05-27': 'write a time such as "90s", "5m" or "1h"',
    'default-quota = true': 'write a size such as "500MiB" or "10GiB"',
    'login-tries = [1]': 'write a whole number of 1 or more',
    'guard-allow = [1]': 'write networks such as "10.0.0.0/8,::1"',
    'host = "a\\u0000b"': 'it has a control character',
  }
  for (const [line, says] of Object.entries(bad)) {
    const [name] = line.split(' ')
    const file = toml(`${line}\n`)
    assert.equal(refusal(['--config', file]), `"${name}" in ${file}: ${says}`)
  }
})

// Each was taken: nobody could log in, or all sessions stood still.
test('settings: what would let nobody in, or no session move, is refused', () => {
  // They were milliseconds: SIGTERM cut every transfer.
  for (const name of ['drain', 'keep-parts', 'guard-ban'])
    assert.equal(
      refusal([`--${name}`, '30']),
      `--${name}: "30" has no unit: write a time such as 90s, 5m or 1h`,
    )
  assert.equal(refusal(['--login-grace', '0']), '--login-grace: "0" is too short: write 1s or more')
  assert.equal(refusal(['--max-queued', '0']), '--max-queued: "0" is too little: write 64KiB or more')
  assert.equal(
    refusal(['--rekey-bytes', '1KiB']),
    '--rekey-bytes: "1KiB" is too little: write 64KiB or more, or 0 for any number',
  )
  assert.equal(loadConfig(['--rekey-bytes', '0'], {}).settings['rekey-bytes'], 0)
})

// Node makes 1 ms of a timer over 2^31-1 ms: `--idle 30d` ended each connection at once.
test('settings: what a timer is set to is 24 days at most, what is only compared may be longer', () => {
  const timers = ['login-grace', 'rekey-time', 'keepalive', 'idle', 'idle-shell', 'drain'] as const
  for (const name of timers) {
    assert.equal(loadConfig([`--${name}`, '24d'], {}).settings[name], 24 * 86_400_000, name)
    assert.equal(refusal([`--${name}`, '30d']), `--${name}: "30d" is too long: write 24d at most`)
  }

  const compared = ['silent-time', 'guard-window', 'guard-ban', 'keep-replaced', 'keep-parts'] as const
  for (const name of compared)
    assert.equal(loadConfig([`--${name}`, '30d'], {}).settings[name], 30 * 86_400_000, name)
})

// Beyond that the start ended with a stack (listen EINVAL), when lock, database and accounts were made already.
test('settings: VAR is so short that the paths of its sockets fit, of the workers too', () => {
  const long = `/${'x'.repeat(93)}`
  assert.equal(loadConfig(['--var', long], {}).settings.var, long)
  assert.equal(
    refusal(['--var', `${long}x`]),
    '--var: the paths of its sockets would be too long: choose one of 94 bytes at most',
  )
  assert.match(refusal([], { MINIFTP_VAR: `/${'é'.repeat(47)}` }), /^MINIFTP_VAR: .* of 94 bytes at most$/)

  for (const workers of ['2', 'auto'])
    assert.match(refusal(['--var', long, '--workers', workers]), /^--var: .* of 88 bytes at most$/)
  assert.equal(loadConfig(['--var', long.slice(0, 88), '--workers', '2'], {}).settings.workers, 2)
})

test('settings: the variables that are no settings are let be', () => {
  const env = { MINIFTP_PASSWORD: 'x', MINIFTP_ADMIN_PASSWORD: 'y', PORT: '1', MINIFTP_HOST: '::1' }

  assert.equal(loadConfig([], env).settings.host, '::1')
})

test('settings: a port is a whole number from 0 to 65535, and nothing else', () => {
  for (const good of ['0', '22', '65535'])
    assert.equal(loadConfig(['--port', good], {}).settings.port, Number(good))
  for (const bad of ['-1', '65536', '22.5', 'ssh', '', ' ', '0x16', '1e3', 'true']) {
    assert.equal(refusal([`--port=${bad}`]), '--port: a port is a number from 0 to 65535', bad)
  }
  const file = toml('port = true\n')
  assert.match(refusal(['--config', file]), /^"port" in .*some\.toml: /)
})

test('settings: sizes and times are written with their units', () => {
  const { settings } = loadConfig(['--default-quota', '10 GiB', '--idle', '5m', '--drain', '1500ms'], {})
  assert.deepEqual(
    [settings['default-quota'], settings.idle, settings.drain],
    [10 * 1024 ** 3, 300_000, 1_500],
  )
  assert.equal(loadConfig(['--default-quota', 'none'], {}).settings['default-quota'], null)

  assert.equal(refusal(['--idle', '5x']), '--idle: "5x" is not a time: write one such as 90s, 5m or 1h')
  assert.match(
    refusal([], { MINIFTP_DEFAULT_QUOTA: '10 gib of cheese' }),
    /^MINIFTP_DEFAULT_QUOTA: .* is not a size: write/,
  )
})

test('settings: each refusal is a sentence of ours', () => {
  assert.equal(refusal(['--log-level', 'loud']), '--log-level: use debug, info or warn')
  assert.equal(refusal(['--login-tries', '0']), '--login-tries: write a whole number of 1 or more')
  assert.match(
    refusal(['--guard-allow', '10.0.0.0/8,office']),
    /^--guard-allow: "office" is not a network: write/,
  )
  assert.equal(refusal(['--host', '']), '--host: it is empty')
  assert.equal(
    refusal(['--port', '-1']),
    "The option '--port' needs a value; one that begins with a dash is written as in --port=-1: miniftpd --help shows the flags",
  )
  assert.match(refusal(['--port']), /^The option '--port' needs a value behind it: miniftpd --help/)
  assert.match(refusal(['stray']), /'stray'.*miniftpd --help/)
  assert.match(refusal(['--config', '/nowhere.toml']), /"\/nowhere\.toml" cannot be read: look/)
  assert.match(refusal(['--config', toml('port = \n')]), /some\.toml" is not TOML at line 1: /)
})

test('settings: miniftp.toml where one stands is read unasked; one that cannot be read is not passed over', () => {
  writeFileSync('miniftp.toml', 'port = 4\n')
  assert.equal(loadConfig([], {}).settings.port, 4)

  rmSync('miniftp.toml')
  writeFileSync('as-folder', '')
  assert.equal(loadConfig([], {}).settings.port, 8808)
  // What is there and is no file that can be read, whoever asks.
  rmSync('as-folder')
  chmodSync(folder, 0o755)
  assert.match(refusal(['--config', folder]), /cannot be read/)
})

test('settings: --print-config is a file that means the same', () => {
  const { settings } = loadConfig(
    ['--idle', '90s', '--guard-allow', '10.0.0.0/8,::1', '--default-quota', '5MiB'],
    {},
  )

  const text = printSettings(settings)

  assert.deepEqual(loadConfig(['--config', toml(text)], {}).settings, settings)
  assert.match(text, /^idle = "90s" {2}# /m)
  const { settings: plain } = loadConfig([], {})
  assert.deepEqual(loadConfig(['--config', toml(printSettings(plain))], {}).settings, plain)
})

test('settings: --help names every setting, its default and its use', () => {
  const text = usage()

  for (const name of Object.keys(SETTINGS)) assert.match(text, new RegExp(`^ {2}--${name} .*\\(.+\\)$`, 'm'))
  assert.match(text, /--login-grace +time to log in \(20s\)/)
  assert.ok(text.split('\n').every((line) => line.length <= 110))
})
