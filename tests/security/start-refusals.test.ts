// Nobody attacks. The operator has copied VAR as root, or its disk is full, or came up read-only after a crash; at three in
// the morning, the server does not start. It must say which file, why, and what to do: no stack, and no advice that loses
// what is there.
import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Done, run } from '../support/run-client.ts'
import { smallDisk, withoutDisks } from '../support/small-disk.ts'
import { PROJECT, startServer, type TestServer } from '../support/start-server.ts'

/** Whom root becomes, who may do anything. */
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

/** The server of a VAR, by somebody who is not root; null when it runs. */
async function started(server: TestServer): Promise<Done> {
  const program = join(PROJECT, 'bin/miniftpd.mjs')
  const words = [process.execPath, program, 'serve', '--port', '0', '--no-demo']
  const as = isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : []
  const [first, ...rest] = [...as, ...words]
  const env = { ...process.env, MINIFTP_VAR: server.var, MINIFTP_HOSTKEYS: join(server.folder, 'hostkeys') }
  return await run(first!, rest, { env, cwd: server.folder, seconds: 20 })
}

/** A VAR without a server, that belongs to who starts it. */
async function stopped(): Promise<TestServer> {
  const server = await startServer()
  await server.stop()
  if (isRoot) await run('chown', ['-R', `${NOBODY}:${NOBODY}`, server.folder])
  return server
}

function checkRefused({ status, stdout, stderr }: Done, sentence: RegExp): void {
  assert.match(stderr, sentence)
  assert.equal(stderr.trim().split('\n').length, 1, stderr)
  assert.doesNotMatch(stderr, /move it away to start with new accounts/)
  assert.deepEqual([status, stdout], [1, ''])
}

/** So that neither owner nor others may, until it is disposed of: who is not root could not remove it else. */
function closed(path: string): Disposable {
  if (isRoot) chownSync(path, 0, 0)
  chmodSync(path, isRoot ? 0o700 : 0)
  return { [Symbol.dispose]: () => chmodSync(path, 0o700) }
}

for (const [name, what] of [
  ['var', /"[^"]*\/var\/data" cannot be used: this user may not use it: give it to the user/],
  ['var/data', /The database "[^"]*lock\.sqlite" cannot be opened to be written: give it and its folder/],
  ['var/data/miniftp.sqlite', /The database "[^"]*miniftp\.sqlite" cannot be opened to be written: give it/],
  ['var/log', /"[^"]*\/log\/[-0-9]*\.log" cannot be used: this user may not use it/],
  ['var/audit', /"[^"]*\/audit\/[-0-9]*\.log" cannot be used: this user may not use it/],
  ['hostkeys', /"[^"]*ssh_host_ed25519_key" cannot be used: this user may not use it/],
  ['hostkeys/ssh_host_rsa_key', /"[^"]*ssh_host_rsa_key" cannot be used: this user may not use it/],
] as const) {
  test(`start: ${name} that belongs to somebody else is named, and whom it must belong to`, async () => {
    await using server = await stopped()
    using _ = closed(join(server.folder, name))

    checkRefused(await started(server), what)
  })
}

test('start: a file where a folder must be is named', async () => {
  await using server = await stopped()
  rmSync(join(server.var, 'log'), { recursive: true })
  writeFileSync(join(server.var, 'log'), '')

  checkRefused(await started(server), /"[^"]*\/log" cannot be used: something else has a name/)
})

for (const name of ['var/lock', 'var/control.sock', 'var/data/last-open', 'hostkeys/ssh_host_rsa_key']) {
  test(`start: a folder in the place of ${name} is named`, async () => {
    await using server = await stopped()
    const path = join(server.folder, name)
    rmSync(path, { force: true })
    mkdirSync(path, { mode: 0o700 })
    if (isRoot) chownSync(path, NOBODY, NOBODY)

    checkRefused(await started(server), new RegExp(`"[^"]*/${name}" cannot be used: a folder has its name`))
  })
}

test('start: a database that can only be read is named', async () => {
  await using server = await stopped()
  chmodSync(join(server.var, 'data/miniftp.sqlite'), 0o400)

  checkRefused(await started(server), /miniftp\.sqlite" cannot be opened to be written: give it/)
})

test('start: a link to a disk that is not mounted is named', async () => {
  for (const name of ['hostkeys', 'var']) {
    await using server = await stopped()
    rmSync(join(server.folder, name), { recursive: true })
    symlinkSync('/nowhere/at/all', join(server.folder, name))

    checkRefused(
      await started(server),
      new RegExp(`"[^"]*/${name}[^"]*" cannot be used: it is not there: look whether`),
    )
  }
})

test('start: a damaged lock is named, and how to go on', async () => {
  await using server = await stopped()
  writeFileSync(join(server.var, 'data/lock.sqlite'), 'this is no database at all'.repeat(100))

  checkRefused(await started(server), /lock\.sqlite" cannot be used: remove it, and start again$/m)
})

const skip = withoutDisks()
test('start: on a full disk, and on one that takes no writes, it says so', { skip }, async () => {
  await using server = await stopped()
  rmSync(server.var, { recursive: true })
  mkdirSync(server.var)
  using disk = smallDisk(server.var, 2)
  fill(server.var)

  checkRefused(await started(server), /disk is full/)
  disk.readOnly(true)
  checkRefused(await started(server), /"[^"]*" cannot be used: its disk takes no writes/)
})

test('start: on a disk that became full before the server was killed, it says which file has no room', {
  skip,
}, async () => {
  await using server = await stopped()
  rmSync(server.var, { recursive: true })
  mkdirSync(server.var)
  using _ = smallDisk(server.var, 2)
  mkdirSync(join(server.var, 'data'))
  writeFileSync(join(server.var, 'data/lock.sqlite'), '')
  writeFileSync(join(server.var, 'data/lock.sqlite-journal'), Buffer.alloc(512))
  if (isRoot) await run('chown', ['-R', `${NOBODY}:${NOBODY}`, join(server.var, 'data')])
  fill(server.var)

  checkRefused(
    await started(server),
    /miniftp\.sqlite" cannot be opened: its disk is full: make room there$/m,
  )
})

function fill(folder: string): void {
  const file = openSync(join(folder, 'filler'), 'w')
  assert.throws(() => {
    for (;;) writeSync(file, Buffer.alloc(4096))
  }, /ENOSPC/)
  closeSync(file)
}
