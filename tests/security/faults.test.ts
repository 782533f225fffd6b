// Nobody attacks; the world is unlucky. The database is damaged or held, the disk of the logs is full, there are hardly any
// descriptors, somebody ends the server while a client hangs. What can be served is; what cannot is refused with a sentence
// that says what to do; and nothing is lost.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { dayOf } from '../../src/base/daily-file.ts'
import { ATTACKS, makeBigFile } from '../support/hostile.ts'
import { succeed, without } from '../support/run-client.ts'
import { sftpPipes } from '../support/sftp-pipe.ts'
import { startServer } from '../support/start-server.ts'

const skip = without('sftp')
const database = (folder: string): string => join(folder, 'data', 'miniftp.sqlite')

test('faults: a damaged database is not started with; the file and the way back are named', async () => {
  await using server = await startServer()
  await server.stop()
  const file = database(server.var)
  const whole = readFileSync(file)
  const zeros = Buffer.from(whole)
  zeros.fill(0, 4096, 3 * 4096)

  for (const damaged of [Buffer.from('this is no database at all'), whole.subarray(0, 5000), zeros]) {
    writeFileSync(file, damaged)
    const { status, stderr } = await server.console(['serve', '--port', '0'])
    assert.match(stderr, /^miniftpd: The database ".*miniftp\.sqlite" cannot be used: put a backup/)
    assert.equal(status, 1)
  }
  // And the way back is one.
  writeFileSync(file, whole)
  const { status, stdout } = await server.console(['user', 'show', 'ada', '--json'])
  assert.equal(status, 0)
  assert.match(stdout, /"ada"/)
})

test('faults: a database that another program holds is not started with, nor called damaged', async () => {
  await using server = await startServer()
  await server.stop()
  const held = new DatabaseSync(database(server.var))
  held.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')

  const { status, stderr } = await server.console(['serve', '--port', '0'])
  held.close()

  assert.match(stderr, /^miniftpd: The database ".*miniftp\.sqlite" is held by another program: end that/)
  assert.equal(status, 1)
})

test('faults: with the disks of log and audit full, people log in and move files', { skip }, async () => {
  const full = (folder: string): void => {
    for (const name of ['log', 'audit']) {
      mkdirSync(join(folder, name), { recursive: true })
      rmSync(join(folder, name, `${dayOf(Date.now())}.log`), { force: true })
      // Whatever is written there meets a disk without room.
      symlinkSync('/dev/full', join(folder, name, `${dayOf(Date.now())}.log`))
    }
  }
  await using server = await startServer({ prepare: full })
  const file = join(server.folder, 'up')
  writeFileSync(file, Buffer.alloc(300_000, 'x'))

  for (let i = 0; i < 3; i++) {
    await succeed('sftp', ['-F', server.sshConfig, '-b', '-', 'ftp'], {
      input: `put ${file} f${i}\nget f${i} ${file}\n`,
    })
  }

  assert.equal(readFileSync(join(server.home('ada'), 'f2')).length, 300_000)
  assert.equal(await server.stop(), 0)
})

test('faults: with 64 descriptors, one who opens all there are leaves room for logins', {
  skip,
}, async () => {
  await using server = await startServer({ descriptors: 64 })
  writeFileSync(join(server.home('ada'), 'f'), 'x')
  const pipes = await sftpPipes(server)
  using pipe = await pipes.open()
  let opened = 0
  let refused = ''
  while (refused === '' && opened < 200) {
    const reply = await pipe.ask({ type: 'open', id: 1, path: '/f', flags: { read: true }, attrs: {} })
    if (reply.type === 'handle') opened += 1
    else if (reply.type === 'status') refused = reply.message
  }

  const { stdout } = await succeed('ssh', ['-F', server.sshConfig, 'ftp', 'pwd'])
  // What the refused ones held for a moment may do for one or two that need less.
  let made = 0
  const flags = { write: true, create: true }
  for (; made < 4; made++) {
    const reply = await pipe.ask({ type: 'open', id: 1, path: `/new${made}`, flags, attrs: {} })
    if (reply.type === 'status') break
  }

  assert.match(refused, /as many files open as it can/)
  assert.ok(opened >= 8, `${opened} files`)
  assert.equal(stdout, '/\n')
  // Refused before it was made.
  assert.ok(made < 4, `${made} files`)
  assert.throws(() => readFileSync(join(server.home('ada'), `new${made}`)))
  pipes.end()
})

test('faults: SIGTERM ends the server in time, though a client does not read and another uploads', async () => {
  await using server = await startServer()
  makeBigFile(server)
  using deaf = await ATTACKS['asks for much and reads nothing from the socket']!(server)
  const pipes = await sftpPipes(server)
  using pipe = await pipes.open()
  const flags = { write: true, create: true }
  await pipe.ask({ type: 'open', id: 1, path: '/half', flags, attrs: {} })
  const data = [Buffer.from('half of it')]
  await pipe.ask({ type: 'write', id: 2, handle: '\0\0\0\x01', offset: 0, data, length: 10 })

  // Killed after 15 s, it would have no status.
  assert.equal(await server.stop(), 0)

  assert.ok(deaf)
  assert.equal(readFileSync(join(server.home('ada'), 'half'), 'utf8'), 'half of it')
})
