// Mallory has an account, and one connection. She asks for more than she takes, in every way there is, and hopes that the
// server keeps it all for her: on ssh2 as it comes that was 1.1 GB, 298 MB, 192 MB.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ATTACKS, makeBigFile, memoryOf } from '../support/hostile.ts'
import { sftpPipes } from '../support/sftp-pipe.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const MOST = 64 * 1024 * 1024
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
    assert.ok(most <= MOST, `${Math.round(most / 1024 / 1024)} MB more`)
    others.end()
  })
}
