// An operator puts a backup of a home in its place while no server runs: what it holds counts against the quota.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { run } from '../support/run-client.ts'
import { PROJECT } from '../support/start-server.ts'

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'restored-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

test('quota: a home that was put back from a backup is counted again', async () => {
  const env = { ...process.env, MINIFTP_VAR: join(folder, 'var') }
  const console = async (...words: readonly string[]): Promise<string> => {
    const done = await run(process.execPath, [join(PROJECT, 'bin/miniftpd.mjs'), ...words], {
      cwd: folder,
      env,
    })
    assert.equal(done.status, 0, done.stderr)
    return done.stdout
  }
  const used = async (): Promise<unknown> => JSON.parse(await console('quota', 'show', 'ada', '--json')).used
  await console('user', 'add', 'ada', '--quota', '1MiB')
  const home = join(folder, 'var/home/ada')
  writeFileSync(join(home, 'was'), 'here before anybody counted')
  const before = await used()
  const backup = join(folder, 'backup')
  mkdirSync(backup)
  writeFileSync(join(backup, 'big'), Buffer.alloc(900_000))

  rmSync(home, { recursive: true })
  renameSync(backup, home)

  assert.deepEqual([before, await used()], [27, 900_000])
})
