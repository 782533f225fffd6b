// Mallory has an account, and one connection. She asks for more than she takes, in every way there is, and hopes that the
// server keeps it all for her: on ssh2 as it comes that was 1.1 GB, 298 MB, 192 MB.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ATTACKS, CROWDS, makeBigFile, memoryOf } from '../support/hostile.ts'
import { type SftpPipe, sftpPipes } from '../support/sftp-pipe.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const MIB = 1024 * 1024
const MOST = 64 * MIB
/** Of a file that others move, at a time. */
const PIECE = 128 * 1024
/** Requests of somebody else, between two of which the memory is looked at. */
const LOOKS = 400

let server: TestServer
before(async () => {
  server = await startServer()
  makeBigFile(server)
})
after(() => server[Symbol.asyncDispose]())

for (const [what, attack] of Object.entries(ATTACKS)) {
  test(`memory: one who ${what} costs at most 64 MB, and others are served`, async () => {
    const others = await sftpPipes(server)
    using other = await others.open()
    for (let i = 0; i < LOOKS; i++) await other.ask({ type: 'stat', id: i, path: '/' })
    const before = memoryOf(server.pid)

    using mallory = await attack(server)
    let most = 0
    for (let i = 0; i < LOOKS; i++) {
      const reply = await other.ask({ type: 'stat', id: i, path: '/' })
      assert.equal(reply.type, 'attrs')
      most = Math.max(most, memoryOf(server.pid) - before)
    }

    assert.ok(mallory)
    assert.ok(most <= MOST, `${Math.round(most / MIB)} MB more`)
    others.end()
  })
}

/** What all may hold there: an account half of it, and for each connection a piece of output and what it brings in one read; ssh2's streams copy them. */
const HELD = '32MiB'
const MOST_OF_A_CROWD = (process.env.MINIFTP_DATA_PATH === 'plain' ? 256 : 112) * MIB

// One session was bounded, and the sum was not: 200 such connections made the server hold 700 MB, 640 channels 1.2 GB.
for (const [what, gather] of Object.entries(CROWDS)) {
  test(`memory: ${what} cost no more than an account may hold, and others move files`, async () => {
    await using server = await startServer({ args: ['--max-held', HELD, '--drain', '1s'] })
    makeBigFile(server)
    const bob = ['user', 'add', 'bob', '--password-stdin', '--key', `${server.key}.pub`]
    assert.equal((await server.console(bob, server.password)).status, 0)
    const others = await sftpPipes(server, 'bob')
    using other = await others.open()
    using crowd = await gather(server)
    const before = memoryOf(server.pid)
    let most = 0
    const look = async (id: number): Promise<void> => {
      const reply = await other.ask({ type: 'lstat', id, path: '/' })
      assert.equal(reply.type, 'attrs')
      most = Math.max(most, memoryOf(server.pid) - before)
    }

    await crowd.ask()
    for (let i = 0; i < LOOKS; i++) await look(i)
    await writeAndRead(other, 8 * MIB)
    await look(0)

    assert.ok(most <= MOST_OF_A_CROWD, `${Math.round(most / MIB)} MB more`)
    others.end()
  })
}

/** A file of so many bytes, up and down again. */
async function writeAndRead(pipe: SftpPipe, bytes: number): Promise<void> {
  const flags = { read: true, write: true, create: true }
  const opened = await pipe.ask({ type: 'open', id: 1, path: '/of-bob', flags, attrs: {} })
  assert.ok(opened.type === 'handle')
  const { handle } = opened
  const data = Buffer.alloc(PIECE, 7)
  for (let offset = 0; offset < bytes; offset += PIECE) {
    const wrote = await pipe.ask({ type: 'write', id: 2, handle, offset, data: [data], length: PIECE })
    assert.ok(wrote.type === 'status' && wrote.code === 0)
  }
  for (let offset = 0; offset < bytes; offset += PIECE) {
    const read = await pipe.ask({ type: 'read', id: 3, handle, offset, length: PIECE })
    assert.ok(read.type === 'data' && data.equals(read.data))
  }
}
