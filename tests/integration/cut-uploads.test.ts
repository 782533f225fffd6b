import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts'
import { run, without } from '../support/run-client.ts'
import { isStaged, stagingArea } from '../support/staging-area.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { noise } from '../support/trees.ts'
import { md5, type Uploader, uploaders } from '../support/uploaders.ts'

/** Cuts of each client; the 50 by CUTS=50. */
const CUTS = Number(process.env.CUTS ?? 2)
const SIZE = 1_500_007
/** What a client sends before the first byte of a file, at most. */
const HANDSHAKE = 24_000

const skip = without('ssh-keygen')
let server: TestServer
let clients: readonly Uploader[]
let source: string
let changed: string

before(async () => {
  if (skip) return
  server = await startServer({ ada: ['--quota', '1GiB'] })
  clients = uploaders(server)
  source = join(server.folder, 'source.bin')
  changed = join(server.folder, 'changed.bin')
  writeFileSync(source, noise(SIZE))
  writeFileSync(changed, noise(SIZE, 2))
})
after(() => server?.[Symbol.asyncDispose]())

const stored = (name: string) => readFileSync(join(server.home('ada'), name))

const heard = new Map<string, number>()

/** Resolves when the server has noticed: the size of what is left does not change any more. */
async function interrupted(name: string): Promise<void> {
  const had = heard.get(name) ?? 0
  const count = (): number => server.said().split(`interrupted ada /${name} `).length - 1
  while (count() <= had) await delay(10)
  heard.set(name, count())
}

/**
 * A way to the server that breaks after so many bytes, once the server has `begun` to write: a slow one might not have
 * read any of them. It is no use to a client that tries again.
 */
async function brokenWay(bytes: number, begun: () => boolean): Promise<CuttingProxy> {
  const way = await startCuttingProxy(server.port)
  way.cutAfter([bytes, ...Array.from({ length: 20 }, () => 1)], async () => {
    while (!begun()) await delay(5)
  })
  return way
}

/** Where the way breaks: the same places in each run. */
function* offsets(seed: number): Generator<number> {
  let x = seed
  for (let i = 0; i < CUTS; i++) {
    x = (x * 48_271) % 2_147_483_647
    yield HANDSHAKE + (x % (SIZE - 2 * HANDSHAKE))
  }
}

for (const name of ['OpenSSH sftp', 'lftp', 'psftp', 'fastPut', 'exec']) {
  test(`${name}: an upload that is cut anywhere is gone on with to the same MD5`, { skip }, async (t) => {
    const client = clients.find((one) => one.name === name)!
    if (client.skip) return t.skip(client.skip)
    const target = `cut-${name.replace(' ', '-')}.bin`
    for (const at of offsets(name.length * 7919)) {
      await using proxy = await brokenWay(at, () => existsSync(join(server.home('ada'), target)))
      const cut = await client.put(source, target, proxy.port)
      assert.notEqual(cut.status, 0, `cut at ${at}, and it did not notice`)
      // Its holes are cut off once the server has noticed; the others send in order.
      if (name === 'exec' || name === 'fastPut') await interrupted(target)
      const left = stored(target)
      assert.ok(left.equals(readFileSync(source).subarray(0, left.length)), `at ${at}`)

      const done = await (client.resume ?? client.put)(source, target, server.port)

      assert.equal(done.status, 0, `${done.command}: ${done.stderr}`)
      assert.equal(md5(stored(target)), md5(readFileSync(source)), `cut at ${at}`)
      rmSync(join(server.home('ada'), target))
    }
  })
}

for (const name of ['OpenSSH sftp', 'lftp', 'psftp', 'exec']) {
  test(`${name}: an overwrite that is cut is never mixed with what was there, by resume neither`, {
    skip,
  }, async (t) => {
    const client = clients.find((one) => one.name === name)!
    if (client.skip) return t.skip(client.skip)
    const old = noise(700_001, 3)
    writeFileSync(join(server.home('ada'), 'over.bin'), old)
    const before = stagingArea(server)
    await using proxy = await brokenWay(900_000, () => isStaged(server, before))
    assert.notEqual((await client.put(source, 'over.bin', proxy.port)).status, 0)
    assert.ok(stored('over.bin').equals(old))
    await interrupted('over.bin')

    const other = await client.resume!(changed, 'over.bin', server.port)

    assert.notEqual(other.status, 0, 'changed content was taken')
    assert.ok(stored('over.bin').equals(old), 'the old file was touched')
    if (name === 'exec') {
      assert.match(other.stderr, /Same name, different content/)
      const same = await client.resume!(source, 'over.bin', server.port)
      assert.equal(same.status, 0, same.stderr)
      assert.equal(md5(stored('over.bin')), md5(readFileSync(source)))
    } else assert.match(other.stderr + other.stdout, /still holds the old file|Failure|failure/i)
    const again = await client.put(source, 'over.bin', server.port)
    assert.equal(again.status, 0, again.stderr)
    assert.equal(md5(stored('over.bin')), md5(readFileSync(source)))
  })
}

test('exec: a partial of other content is refused with both MD5s, and stays as it is', { skip }, async () => {
  const client = clients.find((one) => one.name === 'exec')!
  const beginning = readFileSync(source).subarray(0, 600_000)
  const early = await run('ssh', ['-F', server.sshConfig, 'ftp', `put --size ${SIZE} part.bin`], {
    input: beginning,
  })
  assert.equal(early.status, 1, 'an end before the size was taken for the end')
  const left = stored('part.bin')
  assert.ok(left.equals(beginning))

  const other = await client.resume!(changed, 'part.bin', server.port)

  assert.equal(other.status, 1)
  const theirs = md5(readFileSync(changed).subarray(0, left.length))
  assert.ok(other.stderr.includes(md5(left)) && other.stderr.includes(theirs), other.stderr)
  assert.ok(stored('part.bin').equals(left))
})
