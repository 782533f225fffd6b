import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import ssh2 from 'ssh2'
import { type Done, run, without } from '../support/run-client.ts'
import { runExec } from '../support/run-exec.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { noise } from '../support/trees.ts'
import { md5 } from '../support/uploaders.ts'

const skip = without('ssh')
const SOURCE = noise(300_001)
const OTHER = noise(300_001, 2)
let server: TestServer

before(async () => {
  if (!skip) server = await startServer()
})
after(() => server?.[Symbol.asyncDispose]())

const exec = (line: string, input: Uint8Array): Promise<Done> =>
  run('ssh', ['-F', server.sshConfig, 'ftp', line], { input })
const stored = (name: string): string => join(server.home('ada'), name)
const stat = async (name: string) =>
  JSON.parse((await run('ssh', ['-F', server.sshConfig, 'ftp', `stat --json ${name}`])).stdout)

/** The line of the log of such an event about the file; it is written a moment later. */
async function logged(event: string, name: string): Promise<Readonly<Record<string, unknown>>> {
  const folder = join(server.var, 'log')
  for (;;) {
    const lines = readdirSync(folder).flatMap((day) => readFileSync(join(folder, day), 'utf8').split('\n'))
    const line = lines.find((one) => one.includes(`"${event}"`) && one.includes(name))
    if (line !== undefined) return JSON.parse(line)
    await delay(10)
  }
}

test('exec put: a token of other content is refused with both MD5s at both ends, and nothing is changed', {
  skip,
}, async () => {
  writeFileSync(stored('a.bin'), SOURCE.subarray(0, 200_000))
  const [ours, theirs] = [SOURCE, OTHER].map((bytes) => md5(bytes.subarray(0, 200_000)))

  const done = await exec(`put --offset 200000 --md5 ${theirs} a.bin`, OTHER.subarray(200_000))

  assert.equal(done.status, 1)
  assert.match(done.stderr, /^Same name, different content: /)
  assert.ok(done.stderr.includes(`MD5 ${ours} here and ${theirs} at your side`), done.stderr)
  const line = await logged('resume refused', 'a.bin')
  assert.deepEqual([line.ours, line.theirs], [ours, theirs])
  assert.ok(readFileSync(stored('a.bin')).equals(SOURCE.subarray(0, 200_000)))
  assert.equal((await stat('a.bin')).partial, false)
})

test('exec get: a token of other content is refused with both MD5s at both ends', { skip }, async () => {
  writeFileSync(stored('got.bin'), SOURCE.subarray(0, 200_000))
  const [ours, theirs] = [SOURCE, OTHER].map((bytes) => md5(bytes.subarray(0, 100_000)))

  const done = await exec(`get --offset 100000 --md5 ${theirs} got.bin`, new Uint8Array(0))

  assert.deepEqual([done.status, done.stdout], [1, ''])
  assert.ok(done.stderr.includes(`MD5 ${ours} here and ${theirs} at your side`), done.stderr)
  const line = await logged('resume refused', 'got.bin')
  assert.deepEqual([line.ours, line.theirs], [ours, theirs])
})

for (const before of ['nothing', 'an old file'])
  test(`exec put: a whole of another MD5 is not put in place of ${before}, and both ends hear the two`, {
    skip,
  }, async () => {
    const name = before === 'nothing' ? 'new.bin' : 'old.bin'
    if (before === 'an old file') writeFileSync(stored(name), 'the old')

    const done = await exec(`put -f --whole-md5 ${md5(OTHER)} ${name}`, SOURCE)

    assert.equal(done.status, 1)
    assert.ok(done.stderr.includes(`MD5 ${md5(SOURCE)} here and ${md5(OTHER)} at your side`), done.stderr)
    const line = await logged('upload refused', name)
    assert.deepEqual([line.ours, line.theirs], [md5(SOURCE), md5(OTHER)])
    if (before === 'nothing') assert.equal((await stat(name)).partial, true)
    else assert.equal(readFileSync(stored(name), 'utf8'), 'the old')
  })

test('exec put: a resume takes over from one that hangs, which is told', { skip }, async () => {
  const hanging = spawn('ssh', ['-F', server.sshConfig, 'ftp', 'put half.bin'])
  let told = ''
  hanging.stderr.on('data', (bytes: Buffer) => {
    told += bytes
  })
  const over = once(hanging, 'close')
  hanging.stdin.on('error', () => {})
  hanging.stdin.write(SOURCE.subarray(0, 100_000))
  const size = (): number => (existsSync(stored('half.bin')) ? statSync(stored('half.bin')).size : 0)
  while (size() < 100_000) await delay(10)
  assert.equal((await stat('half.bin')).partial, true)

  const token = `--offset 100000 --md5 ${md5(SOURCE.subarray(0, 100_000))}`
  const done = await exec(`put ${token} half.bin`, SOURCE.subarray(100_000))
  hanging.stdin.write(OTHER)

  assert.equal(done.status, 0, done.stderr)
  const [status] = await over
  assert.equal(status, 1)
  assert.match(told, /^Taken over by a newer upload$/m)
  assert.ok(readFileSync(stored('half.bin')).equals(SOURCE))
  assert.equal((await stat('half.bin')).partial, false)
})

test('exec put: what had come in when its connection was killed is kept, and goes on from there', {
  skip,
}, async () => {
  // The first piece is paid for long enough that the others wait in the channel.
  await server.console(['user', 'set', 'ada', '--rate-up', '1KiB'])
  const came = SOURCE.subarray(0, 200_000)
  const client = new ssh2.Client()
  client.on('error', () => {})
  client.connect({
    host: server.host,
    port: server.port,
    username: 'ada',
    privateKey: readFileSync(server.key),
  })
  await once(client, 'ready')
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.exec('put killed.bin', (error, opened) => (error ? reject(error) : resolve(opened))),
  )
  channel.on('error', () => {})
  channel.write(came)
  // Its answer comes behind all of that.
  await runExec(client, 'pwd')
  client.destroy()
  while (!(await run('ssh', ['-F', server.sshConfig, 'ftp', 'ls'])).stdout.includes('killed.bin'))
    await delay(10)
  while ((await stat('killed.bin')).size < came.length) await delay(10)
  await server.console(['user', 'set', 'ada', '--rate-up', 'none'])

  assert.equal((await stat('killed.bin')).partial, true)
  const token = `--offset ${came.length} --md5 ${md5(came)}`
  const done = await exec(`put ${token} killed.bin`, SOURCE.subarray(came.length))
  assert.equal(done.status, 0, done.stderr)
  assert.ok(readFileSync(stored('killed.bin')).equals(SOURCE))
})

test('exec: quota and stat show an interrupted replacement with its size and how long it is kept', {
  skip,
}, async () => {
  writeFileSync(stored('shown.bin'), 'the old')
  await exec(`put -f --size ${SOURCE.length} shown.bin`, SOURCE.subarray(0, 50_000))

  const { aside } = await stat('shown.bin')
  const quota = await run('ssh', ['-F', server.sshConfig, 'ftp', 'quota'])

  assert.equal(aside.length, 1)
  assert.deepEqual([aside[0].kind, aside[0].size], ['part', 50_000])
  const hours = (Date.parse(aside[0].until) - Date.now()) / 3_600_000
  assert.ok(hours > 23.5 && hours <= 24, aside[0].until)
  assert.match(quota.stdout, /part .*of an interrupted replacement of "\/shown\.bin", kept until /)
})

test('exec: ls -l and its --json say which file is partial', { skip }, async () => {
  await exec(`put --size ${SOURCE.length} early.bin`, SOURCE.subarray(0, 50_000))

  const long = await run('ssh', ['-F', server.sshConfig, 'ftp', 'ls -l'])
  const json = await run('ssh', ['-F', server.sshConfig, 'ftp', 'ls --json'])

  assert.match(long.stdout, /^.*early\.bin.*partial.*$|^.*partial.*early\.bin.*$/m)
  const entries: { name: string; partial: boolean }[] = JSON.parse(json.stdout)
  assert.equal(entries.find(({ name }) => name.endsWith('early.bin'))?.partial, true)
  assert.equal(entries.find(({ name }) => name.endsWith('a.bin'))?.partial, false)
})
