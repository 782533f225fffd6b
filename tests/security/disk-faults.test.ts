// The disk under a home is full, or the kernel has made it read-only, in the middle of an upload; or somebody sets the clock.
// What the server took it has; what it cannot take it refuses with a sentence; and when the fault is over it goes on by itself.
import assert from 'node:assert/strict'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { dayOf } from '../../src/base/daily-file.ts'
import type { Reply } from '../../src/wire/replies.ts'
import { chance } from '../support/fuzz.ts'
import { run, succeed, without } from '../support/run-client.ts'
import { type SftpPipe, sftpPipes } from '../support/sftp-pipe.ts'
import { type SmallDisk, smallDisk, withoutDisks } from '../support/small-disk.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const MIB = 1024 * 1024
const DAY = 86_400_000
const skip = without('ssh') || withoutDisks()
const random = chance()

/** An open file of a pipe, written from its beginning. */
async function upload(pipe: SftpPipe, path: string) {
  const flags = { read: true, write: true, create: true, truncate: true }
  const opened = await pipe.ask({ type: 'open', id: 1, path, flags, attrs: {} })
  assert.equal(opened.type, 'handle', JSON.stringify(opened))
  const { handle } = opened as Extract<Reply, { type: 'handle' }>
  let taken = 0
  return {
    get taken() {
      return taken
    },
    /** Undefined, or why it was not taken. */
    async write(bytes: Buffer): Promise<string | undefined> {
      const request = { type: 'write', id: 2, handle, offset: taken, data: [bytes], length: bytes.length }
      const answer = said(await pipe.ask(request as Parameters<SftpPipe['ask']>[0]))
      if (answer === undefined) taken += bytes.length
      return answer
    },
    close: async () => said(await pipe.ask({ type: 'close', id: 3, handle })),
  }
}

/** Undefined for OK. */
function said(reply: Reply): string | undefined {
  assert.equal(reply.type, 'status')
  const { code, message } = reply as Extract<Reply, { type: 'status' }>
  return code === 0 ? undefined : message
}

test('disk: a full one takes no byte more, loses none that it took, and takes others when there is room', {
  skip,
}, async () => {
  let disk: SmallDisk | undefined
  await using server = await startServer({
    prepare: (folder) => {
      disk = smallDisk(join(folder, 'home', 'ada'), 8)
    },
  })
  using _ = disk!
  const pipes = await sftpPipes(server)
  using pipe = await pipes.open()
  const content = random.bytes(64 * 1024)
  const piece = (at: number): Buffer => Buffer.from(content.map((byte) => byte ^ at))

  const big = await upload(pipe, '/big')
  let why: string | undefined
  for (let at = 0; why === undefined && at < 200; at++) why = await big.write(piece(at))
  const { taken } = big
  const home = server.home('ada')
  const there = readFileSync(join(home, 'big'))
  await big.close()
  await pipe.ask({ type: 'remove', id: 4, path: '/big' })
  const small = await upload(pipe, '/small')
  for (let at = 0; at < 32; at++) assert.equal(await small.write(piece(at)), undefined)
  assert.equal(await small.close(), undefined)

  assert.match(why ?? '', /disk is full/)
  assert.ok(taken > 4 * MIB, String(taken))
  for (let at = 0; at * content.length < taken; at++)
    assert.ok(there.subarray(at * content.length, (at + 1) * content.length).equals(piece(at)), `piece ${at}`)
  assert.equal(readFileSync(join(home, 'small')).length, 32 * content.length)
  assert.equal((await succeed('ssh', ['-F', server.sshConfig, 'ftp', 'pwd'])).stdout, '/\n')
  pipes.end()
})

test('disk: one that became read-only is read, and written again when it can be', { skip }, async () => {
  let disk: SmallDisk | undefined
  await using server = await startServer({
    prepare: (folder) => {
      disk = smallDisk(join(folder, 'home', 'ada'), 8)
    },
  })
  using _ = disk!
  writeFileSync(join(server.home('ada'), 'there'), 'here')
  const pipes = await sftpPipes(server)
  using pipe = await pipes.open()
  const changes = [
    { type: 'open', id: 1, path: '/new', flags: { write: true, create: true }, attrs: {} },
    { type: 'mkdir', id: 1, path: '/folder', attrs: {} },
    { type: 'remove', id: 1, path: '/there' },
    { type: 'rename', id: 1, from: '/there', to: '/gone' },
    { type: 'setstat', id: 1, path: '/there', attrs: { mode: 0o600 } },
  ] as const

  disk!.readOnly(true)
  for (const change of changes) assert.match(said(await pipe.ask(change)) ?? 'done', /read-only/, change.type)
  const { stdout } = await succeed('ssh', ['-F', server.sshConfig, 'ftp', 'cat /there'])
  disk!.readOnly(false)
  const file = await upload(pipe, '/new')

  assert.equal(stdout, 'here')
  assert.equal(await file.write(Buffer.from('x')), undefined)
  assert.equal(await file.close(), undefined)
  pipes.end()
})

// Another program fills the disk of the database while ada uploads; her home has room.
test('disk: where only the database cannot grow, sessions go on, and what cannot be done is refused with a sentence', {
  skip,
}, async () => {
  let disk: SmallDisk | undefined
  await using server = await startServer({
    prepare: (folder) => {
      rmSync(join(folder, 'data', 'room'))
      disk = movedToDisk(join(folder, 'data'), 16)
      // Too little is left for what the server keeps aside.
      const others = join(folder, 'data', 'others')
      fill(others)
      truncateSync(others, statSync(others).size - 200 * 1024)
    },
  })
  using _ = disk!
  const newcomer = ['user', 'add', 'linus', '--password-stdin', '--key', `${server.key}.pub`]
  assert.equal((await server.console(newcomer, 'a battery staple')).status, 0)
  const pipes = await sftpPipes(server)
  using pipe = await pipes.open()
  const open = await upload(pipe, '/open')
  assert.equal(await open.write(Buffer.from('before')), undefined)
  const descriptors = (): number => readdirSync(`/proc/${server.pid}/fd`).length
  const before = descriptors()
  const filler = join(server.var, 'data', 'filler')

  fill(filler)
  const heard: (string | undefined)[] = []
  for (let i = 0; i < 12; i++) {
    const path = `/file-${i}`
    const flags = { write: true, create: true, truncate: true }
    const opened = await pipe.ask({ type: 'open', id: 1, path, flags, attrs: {} })
    if (opened.type !== 'handle') {
      heard.push(said(opened))
      continue
    }
    const data = [Buffer.alloc(255 * 1024, i)]
    const write = { type: 'write', id: 2, handle: opened.handle, offset: 0, data, length: 255 * 1024 }
    heard.push(said(await pipe.ask(write as Parameters<SftpPipe['ask']>[0])))
    heard.push(said(await pipe.ask({ type: 'close', id: 3, handle: opened.handle })))
  }
  heard.push(await open.close())
  const { stdout } = await succeed('ssh', ['-F', server.sshConfig, 'ftp', 'pwd'])
  const first = await run('ssh', ['-F', server.sshConfig, '-l', 'linus', 'ftp', 'pwd'])
  const refused = await server.console(['user', 'add', 'margaret', '--password-stdin'], 'a battery staple')
  // What the operator looks at then; nobody has asked what linus uses before.
  const looks = [
    ['user', 'list'],
    ['user', 'show', 'linus'],
    ['server', 'status'],
    ['quota', 'show', 'ada'],
  ]
  const seen = await Promise.all(looks.map((words) => server.console(words)))
  const after = descriptors()
  rmSync(filler)
  const file = await upload(pipe, '/later')

  for (const answer of heard) if (answer !== undefined) assert.doesNotMatch(answer, /Internal error/)
  assert.equal(stdout, '/\n')
  assert.match(first.stderr, /^The server's disk is full/)
  assert.notEqual(refused.status, 0)
  assert.match(refused.stderr, /disk is full/)
  for (const { status, stderr } of seen) assert.equal(status, 0, stderr)
  assert.ok(after <= before, `${before} descriptors were open, then ${after}`)
  assert.equal(await file.write(Buffer.from('x')), undefined)
  assert.equal(await file.close(), undefined)
  const added = await server.console(['user', 'add', 'margaret', '--password-stdin'], 'a battery staple')
  assert.equal(added.status, 0, added.stderr)
  pipes.end()
})

// All in one place, as most have it, and somebody who was not here since the start is asked to make room.
test('disk: where all is full, who comes newly logs in, sees what there is, and makes room', {
  skip,
}, async () => {
  let disk: SmallDisk | undefined
  await using server = await startServer({
    prepare: (folder) => {
      disk = movedToDisk(folder, 32)
    },
  })
  using _ = disk!
  writeFileSync(join(server.home('ada'), 'big'), Buffer.alloc(4 * MIB))
  const ssh = (words: string, input = '') => run('ssh', ['-F', server.sshConfig, 'ftp', words], { input })

  fill(join(server.var, 'filler'))
  const listed = await ssh('ls')
  const refused = await ssh('put more', 'more')
  const removed = await ssh('rm big')
  const stored = await ssh('put -f more', 'more')
  const { stdout } = await server.console(['quota', 'show', 'ada', '--json'])

  assert.equal(listed.stdout, 'big\n', listed.stderr)
  assert.match(refused.stderr, /^The server's disk is full/)
  assert.equal(removed.status, 0, removed.stderr)
  assert.equal(stored.status, 0, stored.stderr)
  assert.equal(JSON.parse(stdout).used, 4)
})

// The server was stopped well, and started again by whoever wants to make room.
test('disk: one that was filled while no server ran is served, and room is made', { skip }, async () => {
  let disk: SmallDisk | undefined
  await using first = await startServer({
    prepare: (folder) => {
      disk = movedToDisk(folder, 32)
    },
  })
  using _ = disk!
  writeFileSync(join(first.home('ada'), 'big'), Buffer.alloc(4 * MIB))
  assert.equal(await first.stop(), 0)
  fill(join(first.var, 'filler'))

  await using server = await first.again()
  const ssh = (words: string, input: string | Buffer = '') =>
    run('ssh', ['-F', server.sshConfig, 'ftp', words], { input })
  const listed = await ssh('ls')
  const refused = await ssh('put more', Buffer.alloc(6 * MIB))
  const removed = await ssh('rm big more')
  const stored = await ssh('put more', 'more')

  assert.equal(listed.stdout, 'big\n', listed.stderr)
  assert.match(refused.stderr, /disk is full/)
  assert.equal(removed.status, 0, removed.stderr)
  assert.equal(stored.status, 0, stored.stderr)
})

/** A small disk over a folder, with what is in it. */
function movedToDisk(folder: string, mib: number): SmallDisk {
  const kept = `${folder}-kept`
  cpSync(folder, kept, { recursive: true })
  const disk = smallDisk(folder, mib)
  cpSync(kept, folder, { recursive: true })
  rmSync(kept, { recursive: true })
  return disk
}

/** Takes what room a disk has. */
function fill(file: string): void {
  const descriptor = openSync(file, 'w')
  try {
    for (const size of [MIB, 4096, 1]) {
      try {
        for (;;) writeSync(descriptor, Buffer.alloc(size))
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
      }
    }
  } finally {
    closeSync(descriptor)
  }
}

// Somebody guesses while the clock is years ahead: a ban that lasts until then would never end.
test('clock: whoever sets it, sessions go on, people log in, and nobody stays shut out', {
  skip: without('ssh'),
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clock-'))
  const clock = join(folder, 'ahead')
  const preload = pathToFileURL(join(import.meta.dirname, '../support/jumping-clock.mjs')).href
  const strict = { MINIFTP_GUARD_ALLOW: '', MINIFTP_GUARD_THRESHOLD: '4' }
  await using server = await startServer({
    env: { NODE_OPTIONS: `--import ${preload}`, TEST_CLOCK: clock, ...strict },
  })
  const jump = async (ms: number): Promise<void> => {
    // Renamed, so that the server reads all of it or the one before: never a file that is still empty.
    writeFileSync(`${clock}.next`, String(ms))
    renameSync(`${clock}.next`, clock)
    const seen = `${clock}.${server.pid}`
    while (!existsSync(seen) || readFileSync(seen, 'utf8') !== String(ms)) {
      process.kill(server.pid, 0) // Throws when the server is gone.
      await delay(10)
    }
  }
  const comesIn = async (): Promise<void> => {
    assert.equal((await succeed('ssh', ['-F', server.sshConfig, 'ftp', 'pwd'])).stdout, '/\n')
  }
  const pipes = await sftpPipes(server)
  using pipe = await pipes.open()
  const across = await upload(pipe, '/across')
  await comesIn()
  const today = `${dayOf(Date.now())}.log`

  for (const ahead of [DAY, -2 * DAY, 10_000 * DAY, 0]) {
    await jump(ahead)
    const file = await upload(pipe, '/now')
    assert.equal(await file.write(Buffer.from(String(ahead))), undefined)
    assert.equal(await file.close(), undefined)
    assert.equal(readFileSync(join(server.home('ada'), 'now'), 'utf8'), String(ahead))
    assert.equal(await across.write(random.bytes(1000)), undefined)
    await comesIn()
    if (ahead <= DAY) continue
    for (let i = 0; i < 2; i++) await guess(server)
    assert.equal(await greeting(server), '')
  }

  assert.equal(await across.close(), undefined)
  assert.equal(readFileSync(join(server.home('ada'), 'across')).length, 4000)
  // All that was before lay too far back for a moment.
  for (const folder of ['log', 'audit'])
    assert.match(readFileSync(join(server.var, folder, today), 'utf8'), /\n.*\n/, folder)
  pipes.end()
  rmSync(folder, { recursive: true })
})

/** What is no SSH: two points. */
const guess = (server: TestServer): Promise<string> => greeting(server, 'GET / HTTP/1.1\r\n')

/** What the server says first, or '' when it says nothing and closes. */
async function greeting(server: TestServer, text = ''): Promise<string> {
  const socket = connect(server.port, server.host)
  // Not once() of node:events, which rejects at a reset.
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  socket.write(text)
  let heard = ''
  socket.on('data', (bytes) => {
    heard += bytes.toString('latin1')
    if (text === '') socket.destroy()
  })
  await closed
  return heard
}
