import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { readersEnvironment } from '../support/reader.ts'
import { run, succeed, without } from '../support/run-client.ts'
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

test('example: 5-own-storage.ts serves files that lie nowhere, and takes none', { skip }, async () => {
  const example = spawn(process.execPath, ['--no-warnings', join(FOLDER, '5-own-storage.ts'), '0'], {
    env: { ...process.env, MINIFTP_HOSTKEYS: join(server.folder, 'hostkeys') },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(example, 'close')
  try {
    const [line] = (await once(createInterface({ input: example.stdout }), 'line')) as [string]
    const port = /^listening on 127\.0\.0\.1:(\d+)$/.exec(line)?.[1]
    const sftp = (input: string) =>
      run(
        'sftp',
        ['-oStrictHostKeyChecking=no', '-oUserKnownHostsFile=/dev/null', '-P', port!, 'ada@127.0.0.1'],
        {
          env,
          cwd: server.folder,
          input,
        },
      )

    const got = await sftp('ls -1\nget time.txt\n')
    assert.match(got.stdout, /^memory\.json *\n^time\.txt *$/m)
    assert.match(readFileSync(join(server.folder, 'time.txt'), 'latin1'), /^It is 20\d\d-.*Z\n$/)
    for (const refused of ['put time.txt', 'rm time.txt', 'mkdir new', 'get nothing'])
      assert.match((await sftp(refused)).stderr, /only to be read|denied|not found/, refused)
  } finally {
    example.kill()
    await ended
  }
})

test('examples: leave nothing of theirs behind', { skip }, () => {
  assert.ok(EXAMPLES.length >= 4)
  assert.deepEqual(readdirSync(server.home('zhangsan')), [])
})
