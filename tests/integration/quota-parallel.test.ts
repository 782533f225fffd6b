import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { measure } from '../../src/vfs/measure.ts'
import { run, succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { sameFile } from '../support/trees.ts'
import { watchQuota } from '../support/watch-quota.ts'

const UPLOADS = 100
const FIT = 37
/** One WRITE for each of the clients. */
const SIZE = 30_000
/** Something is left, so that files are begun to the end, and their WRITE is what is refused. */
const LIMIT = FIT * SIZE + 10_000

/** A hundred logins at once take their time on a small machine, and none of them is a stranger. */
const PATIENCE_MS = 180_000

const skip = without('lftp', 'sftp', 'ssh-keygen')

/** It brings no types along. */
const SftpClient = createRequire(import.meta.url)('ssh2-sftp-client') as new () => {
  connect(options: Readonly<Record<string, unknown>>): Promise<unknown>
  fastPut(from: string, to: string): Promise<unknown>
  end(): Promise<unknown>
}

/** Undefined when it went well, else what the client said. */
type Upload = (server: TestServer, from: string, to: string) => Promise<string | undefined>

const openssh: Upload = async (server, from, to) => {
  const { status, stderr } = await run('sftp', ['-F', server.sshConfig, '-b', '-', 'ftp'], {
    input: `put ${from} ${to}\n`,
  })
  return status === 0 ? undefined : stderr
}

const lftp: Upload = async (server, from, to) => {
  const script = [
    'set cmd:fail-exit yes',
    'set net:max-retries 1',
    `set sftp:connect-program "ssh -a -x -F ${server.sshConfig}"`,
    `open -p ${server.port} sftp://ada:@127.0.0.1`,
    `put ${from} -o ${to}`,
  ]
  const env = { ...process.env, HOME: server.folder, LFTP_HOME: server.folder }
  const { status, stderr } = await run('lftp', ['-c', script.join('; ')], { env })
  return status === 0 ? undefined : stderr
}

const fastPut: Upload = async ({ host, port, key }, from, to) => {
  const client = new SftpClient()
  try {
    await client.connect({
      host,
      port,
      username: 'ada',
      privateKey: readFileSync(key),
      readyTimeout: PATIENCE_MS,
    })
    await client.fastPut(from, `/${to}`)
    return undefined
  } catch (error) {
    return String(error)
  } finally {
    await client.end()
  }
}

test('quota: of 100 uploads at once by lftp, OpenSSH and fastPut exactly the 37 that fit are there', {
  skip,
}, async () => {
  await using server = await startServer({
    ada: ['--quota', String(LIMIT)],
    args: ['--login-grace', `${PATIENCE_MS / 1000}s`, '--silent-time', `${PATIENCE_MS / 1000}s`],
  })
  const source = join(server.folder, 'source')
  writeFileSync(source, Buffer.alloc(SIZE, 'quota'))
  const upload = [openssh, lftp, fastPut]

  const said = await watchQuota(server, 'ada', () =>
    Promise.all(Array.from({ length: UPLOADS }, (_, i) => upload[i % 3]!(server, source, `f${i}`))),
  )

  const done = said.flatMap((refusal, i) => (refusal === undefined ? [`f${i}`] : []))
  assert.equal(done.length, FIT)
  for (const refusal of said) if (refusal !== undefined) assert.match(refusal, /Quota used up: /)
  for (const name of done) sameFile(join(server.home('ada'), name), source)
  assert.equal((await measure(server.home('ada'))).bytes, FIT * SIZE)
  for (let i = 0; i < UPLOADS; i++) {
    if (done.includes(`f${i}`)) continue
    const left = statSync(join(server.home('ada'), `f${i}`), { throwIfNoEntry: false })
    assert.equal(left?.size ?? 0, 0)
  }

  await succeed('sftp', ['-F', server.sshConfig, '-b', '-', 'ftp'], {
    input: `rm ${done[0]}\nput ${source} next\n`,
  })
  sameFile(join(server.home('ada'), 'next'), source)
  const { limit, used, reserved } = JSON.parse(
    (await server.console(['quota', 'show', 'ada', '--json'])).stdout,
  )
  assert.deepEqual([limit, used, reserved], [LIMIT, FIT * SIZE, 0])
})
