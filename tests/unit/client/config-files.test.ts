import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import { readConfig } from '../../../src/client/config-files.ts'
import { settingsFor } from '../../../src/client/ssh-config.ts'

test('config files: an Include is read, by patterns and ~, in order, and what is not there is passed over', async (t) => {
  const home = folder(t)
  const config = join(home, '.ssh/config')
  writeFileSync(config, 'Include conf.d/* missing\nInclude ~/more "~/with space"\n')
  // The pattern finds a folder, too.
  mkdirSync(join(home, '.ssh/conf.d/old'), { recursive: true })
  writeFileSync(join(home, '.ssh/conf.d/b'), 'Port 2\n')
  writeFileSync(join(home, '.ssh/conf.d/a'), 'Port 1\n')
  writeFileSync(join(home, 'more'), 'User ada\n')
  writeFileSync(join(home, 'with space'), 'HostName h\n')

  const said = settingsFor({ host: 'x' }, await readConfig(config, home, false))

  assert.deepEqual(said.all('port'), ['1', '2'])
  assert.equal(said.get('user'), 'ada')
  assert.equal(said.get('hostname'), 'h')
})

test('config files: a ring and a file that cannot be read are told', async (t) => {
  const home = folder(t)
  const config = join(home, '.ssh/config')
  writeFileSync(config, 'Include config*\n')
  for (const name of ['config2', 'config3', 'config4'])
    writeFileSync(join(home, '.ssh', name), 'Include config*\n')

  await assert.rejects(
    readConfig(config, home, false),
    (error) => isOpError(error, 'EINVAL') && /include each other/.test(error.message),
  )
  await assert.rejects(readConfig(join(home, 'none'), home, true), (error) => isOpError(error, 'EACCES'))
  assert.deepEqual(await readConfig(join(home, 'none'), home, false), [])
})

function folder(t: { after(done: () => void): void }): string {
  const home = mkdtempSync(join(tmpdir(), 'config-files-'))
  t.after(() => rmSync(home, { recursive: true }))
  mkdirSync(join(home, '.ssh'))
  return home
}
