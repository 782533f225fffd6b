import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, createReadStream, openSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { run, succeed, without } from '../support/run-client.ts'
import { growthOf, MIB } from '../support/server-memory.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { makeTree, noise, sameTree } from '../support/trees.ts'

/** PIPE_MIB=1024 for the size that the issue names. */
const SIZE = Number(process.env.PIPE_MIB ?? 64) * MIB
/** What the server may grow by, whatever the size. */
const GROWTH = 64 * MIB

const skip = without('ssh', 'sh', 'tar')
let server: TestServer
let digest: string

before(async () => {
  if (skip) return
  server = await startServer()
  const block = noise(MIB)
  const file = openSync(join(server.folder, 'big'), 'w')
  for (let at = 0; at < SIZE; at += MIB) {
    // Every MiB differs, so that a piece in the wrong place is seen.
    block.writeUInt32LE(at / MIB, 0)
    writeSync(file, block)
  }
  closeSync(file)
  digest = await md5(join(server.folder, 'big'))
  await shell(
    'head -c 20000000 big | ssh -F ssh_config -T ftp put warm; ssh -F ssh_config -T ftp get warm > warm',
  )
})
after(() => server?.[Symbol.asyncDispose]())

/** As a person types it, in a shell of their own machine. */
const shell = (line: string) => succeed('sh', ['-c', line], { cwd: server.folder, seconds: 280 })
const stored = (name: string): string => join(server.home('ada'), name)

async function md5(path: string, bytes?: number): Promise<string> {
  const hash = createHash('md5')
  if (bytes !== 0) await pipeline(createReadStream(path, bytes === undefined ? {} : { end: bytes - 1 }), hash)
  return hash.digest('hex')
}

test('pipelines: put < FILE and get > FILE give the same bytes, in little memory', { skip }, async () => {
  const up = await growthOf(server.pid, () => shell('ssh -F ssh_config -T ftp put up.bin < big'))
  const down = await growthOf(server.pid, () => shell('ssh -F ssh_config -T ftp get up.bin > down'))

  assert.equal(await md5(stored('up.bin')), digest)
  assert.equal(await md5(join(server.folder, 'down')), digest)
  assert.ok(up < GROWTH && down < GROWTH, `grew by ${up / MIB} MiB up and ${down / MIB} MiB down`)
})

test('pipelines: tar | put, and get | tar, bring a tree back', { skip }, async () => {
  makeTree(join(server.folder, 'tree'))
  await shell('tar c tree | ssh -F ssh_config -T ftp put b.tar; mkdir back')
  await shell('ssh -F ssh_config -T ftp get b.tar | tar x -C back')

  sameTree(join(server.folder, 'back', 'tree'), join(server.folder, 'tree'))
})

test('pipelines: a put whose connection is killed goes on by --offset and --md5', { skip }, async () => {
  const half = Math.floor(SIZE / 2) + 12_345
  const dying = spawn('ssh', ['-F', server.sshConfig, '-T', 'ftp', 'put', 'cut.bin'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  dying.stdin.on('error', () => {})
  createReadStream(join(server.folder, 'big'), { end: half - 1 }).pipe(dying.stdin, { end: false })
  await until(async () => (await statOf('cut.bin'))?.size === half)
  dying.kill('SIGKILL')
  await once(dying, 'exit')
  await until(async () => (await statOf('cut.bin'))?.partial === true)
  const resume = (from: number, hash: string) =>
    run(
      'sh',
      [
        '-c',
        `tail -c +${from + 1} big | ssh -F ssh_config -T ftp put cut.bin --offset ${from} --md5 ${hash}`,
      ],
      {
        cwd: server.folder,
        seconds: 280,
      },
    )

  const other = await resume(half, '0'.repeat(32))
  assert.equal(other.status, 1)
  assert.match(other.stderr, /different content/)
  assert.equal(await md5(stored('cut.bin')), await md5(join(server.folder, 'big'), half))

  const done = await resume(half, await md5(join(server.folder, 'big'), half))
  assert.equal(done.status, 0, done.stderr)
  assert.equal(await md5(stored('cut.bin')), digest)
  assert.equal((await statOf('cut.bin'))?.partial, false)
})

interface Found {
  readonly size: number
  readonly partial: boolean
}

async function statOf(name: string): Promise<Found | undefined> {
  const { stdout, status } = await run('ssh', ['-F', server.sshConfig, '-T', 'ftp', 'stat', '--json', name])
  return status === 0 ? (JSON.parse(stdout) as Found) : undefined
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const late = Date.now() + 60_000; Date.now() < late; await sleep(50)) if (await isSo()) return
  throw new Error(`it did not come to that; stored are ${statSync(stored('cut.bin')).size} bytes`)
}
