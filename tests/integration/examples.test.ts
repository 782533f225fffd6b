import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { readersEnvironment } from '../support/reader.ts'
import { succeed, without } from '../support/run-client.ts'
import { PROJECT, startServer, type TestServer } from '../support/start-server.ts'

const skip = without('sftp', 'ssh', 'ssh-keygen', 'bash', 'tar')
const FOLDER = join(PROJECT, 'examples')
let server: TestServer
let env: NodeJS.ProcessEnv

before(async () => {
  if (skip) return
  server = await startServer({ demo: true })
  env = { ...readersEnvironment(server), PORT: String(server.port) }
})
after(() => server?.[Symbol.asyncDispose]())

const EXAMPLES = readdirSync(FOLDER).filter((name) => name.endsWith('.sh'))

for (const name of EXAMPLES) {
  test(`example: ${name} does what it shows, twice`, { skip }, async () => {
    for (let turn = 0; turn < 2; turn++) await succeed(join(FOLDER, name), [], { env, cwd: server.folder })
  })
}

test('examples: leave nothing of theirs behind', { skip }, () => {
  assert.ok(EXAMPLES.length >= 4)
  assert.deepEqual(readdirSync(server.home('zhangsan')), [])
})
