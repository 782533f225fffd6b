import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { without } from '../support/run-client.ts'
import { whileRead } from '../support/second-reader.ts'
import { isStaged, stagingArea } from '../support/staging-area.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { noise } from '../support/trees.ts'
import { uploaders } from '../support/uploaders.ts'

/** More than a way that stands still takes in. */
const SIZE = 24 * 1024 * 1024
const OLD = noise(1_000_003)
const skip = without('ssh-keygen')
let server: TestServer
let source: string

before(async () => {
  if (skip) return
  server = await startServer()
  source = join(server.folder, 'source.bin')
  writeFileSync(source, noise(SIZE, 2))
})
after(() => server?.[Symbol.asyncDispose]())

const interrupted = (name: string): boolean => server.said().includes(`interrupted ada /${name} `)

for (const name of [
  'OpenSSH sftp',
  'OpenSSH scp',
  'OpenSSH scp -O',
  'lftp',
  'psftp',
  'rclone',
  'fastPut',
  'exec',
]) {
  test(`${name}: killed in mid-overwrite, it leaves the old bytes readable at every instant`, {
    skip,
  }, async (t) => {
    const killer = new AbortController()
    const client = uploaders(server, killer.signal).find((one) => one.name === name)!
    if (client.skip) return t.skip(client.skip)
    const target = `${name.replaceAll(' ', '')}.bin`
    const path = join(server.home('ada'), target)
    writeFileSync(path, OLD)
    await using way = await startCuttingProxy(server.port)
    const others = stagingArea(server)

    await whileRead(path, async () => {
      way.holdAfter(1_200_000, async () => {
        while (!isStaged(server, others)) await delay(5)
        killer.abort()
      })

      const { status, command } = await client.put(source, target, way.port)

      assert.equal(status, null, `${command} was not killed`)
      while (!interrupted(target)) await delay(5)
    })

    assert.ok(readFileSync(path).equals(OLD))
    const again = await uploaders(server)
      .find((one) => one.name === name)!
      .put(source, target, server.port)
    assert.equal(again.status, 0, again.stderr)
    assert.ok(readFileSync(path).equals(readFileSync(source)))
  })
}
