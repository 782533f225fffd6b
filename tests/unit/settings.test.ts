import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../src/config.ts'
import { liveSettings } from '../../src/settings.ts'

const read = (...argv: readonly string[]) => loadConfig(argv, {}).settings

test('live settings: what can change changes under every name it is known by', () => {
  const settings = liveSettings(read())
  const view = settings.view({ graceMs: 'login-grace', level: 'log-level' })

  const { changed, waiting } = settings.reread(read('--login-grace', '5s', '--log-level', 'debug'))

  assert.deepEqual([changed, waiting], [['log-level', 'login-grace'], []])
  assert.deepEqual({ ...view }, { graceMs: 5_000, level: 'debug' })
  assert.equal(settings.now['login-grace'], 5_000)
})

test('live settings: what is fixed once the server listens stays, and is named each time', () => {
  const settings = liveSettings(read())
  const other = read('--port', '1', '--var', 'elsewhere', '--idle', '1m')

  assert.deepEqual(settings.reread(other), { changed: ['idle'], waiting: ['port', 'var'] })
  assert.deepEqual(settings.reread(other), { changed: [], waiting: ['port', 'var'] })
  assert.deepEqual([settings.now.port, settings.now.var, settings.now.idle], [8808, 'var', 60_000])
})

test('live settings: a list that is written again as it was has not changed', () => {
  const settings = liveSettings(read())

  assert.deepEqual(settings.reread(read('--guard-allow', '127.0.0.0/8,::1')).changed, [])
})

// Seeds of `npm run torture` were once named as settings are: no server would start under it.
test('settings: what scripts and tests hand down to a server by a variable is a setting', () => {
  const root = resolve(import.meta.dirname, '../..')
  const texts = ['scripts', 'bench', 'tests/fuzz', 'tests/support'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1')),
  )
  const named = new Set(texts.join('\n').match(/(?<=process\.env\.)MINIFTP_[A-Z_]+|MINIFTP_[A-Z_]+(?=:)/g))

  assert.ok(named.has('MINIFTP_VAR'))
  for (const name of named) {
    try {
      loadConfig([], { [name]: '' })
    } catch (error) {
      // A value that it cannot have is another matter.
      assert.doesNotMatch(String(error), /Unknown setting/)
    }
  }
})

test('settings: how many processes may be is said where it is something else', () => {
  for (const given of ['0', 'many', '257'])
    assert.throws(() => read('--workers', given), {
      message: '--workers: write a whole number from 1 to 256, or auto',
    })
  assert.deepEqual([read('--workers', 'auto').workers, read('--workers', '2').workers], ['auto', 2])
})
