// An operator puts a backup of a home, or of the database, in its place while no server runs: what lies in a home counts
// against the quota.
import assert from 'node:assert/strict'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { run } from '../support/run-client.ts'
import { PROJECT, startServer } from '../support/start-server.ts'

/** A VAR with ada, of whom nobody has counted anything. */
async function place() {
  const folder = mkdtempSync(join(tmpdir(), 'restored-'))
  const env = { ...process.env, MINIFTP_VAR: join(folder, 'var') }
  const console = async (...words: readonly string[]): Promise<string> => {
    const done = await run(process.execPath, [join(PROJECT, 'bin/miniftpd.mjs'), ...words], {
      cwd: folder,
      env,
    })
    assert.equal(done.status, 0, done.stderr)
    return done.stdout
  }
  await console('user', 'add', 'ada', '--quota', '1MiB')
  return {
    folder,
    home: join(folder, 'var/home/ada'),
    used: async (): Promise<unknown> => JSON.parse(await console('quota', 'show', 'ada', '--json')).used,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

test('quota: a home that was put back from a backup is counted again', async () => {
  using ada = await place()
  writeFileSync(join(ada.home, 'was'), 'here before anybody counted')
  const before = await ada.used()
  const backup = join(ada.folder, 'backup')
  mkdirSync(backup)
  writeFileSync(join(backup, 'big'), Buffer.alloc(900_000))

  rmSync(ada.home, { recursive: true })
  renameSync(backup, ada.home)

  assert.deepEqual([before, await ada.used()], [27, 900_000])
})

test('quota: after the database was put back from a backup all are counted again', async () => {
  using ada = await place()
  const before = await ada.used()
  const database = join(ada.folder, 'var/data/miniftp.sqlite')
  const backup = readFileSync(database)
  await ada.used()
  writeFileSync(join(ada.home, 'later'), Buffer.alloc(900_000))
  const unseen = await ada.used()

  writeFileSync(database, backup)

  // Nobody sees what is put into a home by other ways, until there is a reason to look.
  assert.deepEqual([before, unseen, await ada.used()], [0, 0, 900_000])
})

for (const how of ['stopped', 'killed'] as const)
  test(`quota: a backup that was made while the server ran is seen, too, when that was ${how}`, async () => {
    await using first = await startServer()
    const used = async (): Promise<unknown> =>
      JSON.parse((await first.console(['quota', 'show', 'ada', '--json'])).stdout).used
    const before = await used()
    await first.stop()
    await using server = await first.again()
    const backup = join(first.folder, 'backup.sqlite')
    const database = join(first.var, 'data/miniftp.sqlite')
    using open = new DatabaseSync(database)
    open.prepare('VACUUM INTO ?').run(backup)
    open.close()
    writeFileSync(join(first.home('ada'), 'later'), Buffer.alloc(900_000))

    if (how === 'killed') {
      process.kill(server.pid, 'SIGKILL')
      for (const end of ['', '-wal', '-shm']) rmSync(`${database}${end}`, { force: true })
    }
    await server.stop()
    copyFileSync(backup, database)

    assert.deepEqual([before, await used()], [0, 900_000])
  })
