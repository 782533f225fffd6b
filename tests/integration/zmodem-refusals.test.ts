import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { without } from '../support/run-client.ts'
import { MIB } from '../support/server-memory.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { WANTS_TO_RECEIVE, ZmodemTerminal } from '../support/zmodem-terminal.ts'

const missing = without('rz', 'sz', 'ssh')
let server: TestServer
before(async () => {
  server = await startServer({ ada: ['--quota', String(MIB)] })
})
after(() => server?.[Symbol.asyncDispose]())

async function withTerminal(
  work: (terminal: ZmodemTerminal, folder: string, home: string) => Promise<void>,
): Promise<void> {
  const terminal = new ZmodemTerminal(server.sshConfig)
  const folder = join(server.folder, `zr-${randomBytes(4).toString('hex')}`)
  mkdirSync(folder)
  try {
    await terminal.sees(/> $/)
    await work(terminal, folder, server.home('ada'))
  } finally {
    terminal.close()
  }
}

// Whoever made the file that somebody uploads must not type at that person's prompt: what is still on its way when
// the quota is used up, some MiB in the windows of SSH, came out of the transfer as keys, and was run line by line.
test(
  'zmodem: a file that is refused in its midst is told, is passed over, and none of it is run',
  {
    skip: missing,
  },
  () =>
    withTerminal(async (terminal, folder, home) => {
      writeFileSync(join(folder, 'evil'), '\rmkdir run\r'.repeat(300_000))
      writeFileSync(join(folder, 'small'), 'small')
      terminal.type('put')
      await terminal.bridge(WANTS_TO_RECEIVE, 'sz', ['evil', 'small'], folder)
      const told = await terminal.sees(/rm\r\n[^\n]*> $/)
      const { size } = statSync(join(home, 'evil'))

      assert.match(
        told.replace(/\s+/g, ' '),
        new RegExp(`"/evil" was not stored: Quota used up.* The ${size} bytes`),
      )
      assert.ok(size > MIB / 2 && size <= MIB, String(size))
      terminal.type('pwd')
      await terminal.sees(/pwd\r\n\/\r\n[^\n]*> $/)
      assert.ok(!existsSync(join(home, 'run')))
    }),
)

test('zmodem: the files behind one that is refused are taken', { skip: missing }, () =>
  withTerminal(async (terminal, folder, home) => {
    mkdirSync(join(home, 'in'))
    terminal.type('rm -f evil')
    terminal.type('cd in')
    writeFileSync(join(folder, 'large'), randomBytes(3 * MIB))
    writeFileSync(join(folder, 'none'), '')
    terminal.type('put')
    await terminal.bridge(WANTS_TO_RECEIVE, 'sz', ['large', 'none'], folder)
    await terminal.sees(/One file stored\r\n"\/in\/large" was not stored: Quota used up/)

    assert.equal(readFileSync(join(home, 'in', 'none'), 'utf8'), '')
  }),
)
