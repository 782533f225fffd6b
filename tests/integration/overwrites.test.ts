import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { run, without } from '../support/run-client.ts'
import { whileRead } from '../support/second-reader.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { noise } from '../support/trees.ts'
import { uploaders } from '../support/uploaders.ts'

const skip = without('ssh-keygen')
const OLD = noise(1_000_003)
let server: TestServer
let large: string
let tooLarge: string

before(async () => {
  if (skip) return
  server = await startServer({ ada: ['--quota', '4MiB'] })
  large = join(server.folder, 'large.bin')
  tooLarge = join(server.folder, 'too-large.bin')
  writeFileSync(large, noise(2_500_007, 2))
  writeFileSync(tooLarge, noise(6_000_011, 3))
})
after(() => server?.[Symbol.asyncDispose]())

const target = () => join(server.home('ada'), 'over.bin')

const CLIENTS = [
  'OpenSSH sftp',
  'OpenSSH scp',
  'OpenSSH scp -O',
  'lftp',
  'psftp',
  'rclone',
  'fastPut',
  'exec',
]

for (const name of CLIENTS) {
  test(`${name}: an overwrite that is killed or over the quota leaves the old bytes readable at every instant`, {
    skip,
  }, async (t) => {
    const client = uploaders(server).find((one) => one.name === name)!
    if (client.skip) return t.skip(client.skip)
    writeFileSync(target(), OLD)
    await whileRead(target(), async () => {
      await using way = await startCuttingProxy(server.port)
      way.cutAfter([1_200_000, ...Array.from({ length: 20 }, () => 1)])
      assert.notEqual((await client.put(large, 'over.bin', way.port)).status, 0)

      const over = await client.put(tooLarge, 'over.bin', server.port)

      assert.notEqual(over.status, 0, `${over.command} said that it was done`)
    })

    assert.ok(readFileSync(target()).equals(OLD))
  })
}

test("after ^C in OpenSSH's sftp restore brings the old file back", {
  skip: skip || without('sftp', 'ssh'),
}, async () => {
  const file = join(server.home('ada'), 'stopped.bin')
  const staging = join(server.var, 'staging/ada')
  const old = noise(300_001, 5)
  const put = await run('ssh', ['-F', server.sshConfig, 'ftp', 'put stopped.bin'], { input: old })
  assert.equal(put.status, 0, put.stderr)
  const before = new Set(existsSync(staging) ? readdirSync(staging) : [])
  const sftp = spawn('sftp', ['-F', server.sshConfig, '-l', '4000', 'ftp'], { cwd: server.folder })
  sftp.stdin.write(`put ${large} stopped.bin\n`)
  const staged = () =>
    readdirSync(staging).find((id) => !before.has(id) && statSync(join(staging, id)).size > 100_000)
  while (staged() === undefined) await delay(10)

  sftp.kill('SIGINT')
  sftp.stdin.end('bye\n')
  await once(sftp, 'close')

  assert.ok(!readFileSync(file).equals(old), 'sftp sent no CLOSE: what is restored would show nothing')
  const restored = await run('ssh', ['-F', server.sshConfig, 'ftp', 'restore stopped.bin'])
  assert.equal(restored.status, 0, restored.stderr)
  assert.ok(readFileSync(file).equals(old))
})

test('quota show tells what is set aside after a restart, before anybody of the account has come', {
  skip: skip || without('ssh'),
}, async () => {
  await using first = await startServer({ ada: ['--quota', '1MiB'] })
  const aside = async (): Promise<unknown> => {
    const { reserved, used } = JSON.parse((await first.console(['quota', 'show', 'ada', '--json'])).stdout)
    return [used, reserved]
  }
  for (const [name, bytes] of [
    ['one', 1000],
    ['one', 20],
    ['two', 400_000],
    ['two', 1_048_576 - 400_000 - 1020],
  ] as const) {
    const put = ['-F', first.sshConfig, 'ftp', `put -f ${name}`]
    const { status, stderr } = await run('ssh', put, { input: noise(bytes) })
    assert.equal(status, 0, stderr)
  }
  const before = await aside()
  await first.stop()
  const stopped = await aside()
  await using _ = await first.again()

  assert.deepEqual(before, [20 + 1_048_576 - 400_000 - 1020, 401_000])
  assert.deepEqual([stopped, await aside()], [before, before])
})
