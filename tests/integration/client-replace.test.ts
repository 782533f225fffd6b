import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { eventOf, miniftp } from '../support/run-miniftp.ts'
import { type SftpClient, sftpClient } from '../support/sftp-client.ts'
import { startServer } from '../support/start-server.ts'
import { noise, sameFile } from '../support/trees.ts'
import { sessionsOf, until } from '../support/workers.ts'

const SIZE = 6_000_000
const OLD = noise(SIZE, 1)

const server = await startServer()
const proxy = await startCuttingProxy(server.port)
const beside: SftpClient = await sftpClient(server)
after(async () => {
  beside[Symbol.dispose]()
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})
const here = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.home('ada'), name)

/** Bytes that the server keeps of an interrupted replacement. */
async function partOf(name: string): Promise<number> {
  const { stdout } = await beside.exec(`stat --json ${name}`)
  const { aside = [] } = JSON.parse(stdout) as { aside?: { kind: string; size: number }[] }
  return aside.find(({ kind }) => kind === 'part')?.size ?? 0
}

/** Some bytes of the new content have come. */
function came(name: string): Promise<void> {
  return until('some bytes', async () =>
    (await sessionsOf(server)).some(({ transfers }) =>
      transfers.some(({ path, written }) => path === `/${name}` && written > 0),
    ),
  )
}

/** A replacement of a file that is there, cut in the middle for good; answers how many bytes were kept of it. */
async function interrupted(name: string, content: Buffer): Promise<number> {
  writeFileSync(there(name), OLD)
  writeFileSync(here(name), content)
  proxy.cutAfter([SIZE / 2], () => came(name))
  const cut = await miniftp(server, ['put', '-f', '--retry-for', '0ms', name, 'ftp:'], { port: proxy.port })
  assert.equal(cut.status, 1, cut.stderr)
  await until('a part', async () => (await partOf(name)) > 0)
  return partOf(name)
}

test('client: an interrupted put -f goes on from what the server kept, and the old file is there until it is whole', async () => {
  const kept = await interrupted('a.bin', noise(SIZE, 2))
  assert.ok(readFileSync(there('a.bin')).equals(OLD))

  const again = await miniftp(server, ['put', '-f', '--json', 'a.bin', 'ftp:'])

  assert.equal(again.status, 0, again.stderr)
  const done = eventOf(again.stdout, 'done')
  assert.ok(kept > 0 && kept < SIZE, `${kept} bytes were kept`)
  assert.deepEqual([done.resumedAt, done.moved, done.verified], [kept, SIZE - kept, true])
  sameFile(there('a.bin'), here('a.bin'))
  assert.equal(await partOf('a.bin'), 0)
})

test('client: a put -f that comes back by itself goes on, too', async () => {
  writeFileSync(there('b.bin'), OLD)
  writeFileSync(here('b.bin'), noise(SIZE, 3))
  proxy.cutAfter([SIZE / 2], async () => {
    await came('b.bin')
    // Not before the server has seen that the first connection is gone.
    proxy.holdAfter(1, () => until('a part', async () => (await partOf('b.bin')) > 0))
  })

  const done = await miniftp(server, ['put', '-f', '--json', 'b.bin', 'ftp:'], { port: proxy.port })

  assert.equal(done.status, 0, done.stderr)
  eventOf(done.stdout, 'lost')
  assert.ok(Number(eventOf(done.stdout, 'done').resumedAt) > 0, done.stdout)
  sameFile(there('b.bin'), here('b.bin'))
})

test('client: a source that changed after a put -f was cut is sent from its start, and that is said', async () => {
  const kept = await interrupted('c.bin', noise(SIZE, 4))
  writeFileSync(here('c.bin'), noise(SIZE, 5))

  const again = await miniftp(server, ['put', '-f', '--json', 'c.bin', 'ftp:'])

  assert.equal(again.status, 0, again.stderr)
  assert.ok(kept > 0)
  assert.match(
    String(eventOf(again.stdout, 'note').text),
    /^"c\.bin" is not what was being sent when its replacement was interrupted: .* given up, and it is sent from its start$/,
  )
  assert.deepEqual([eventOf(again.stdout, 'done').moved], [SIZE])
  sameFile(there('c.bin'), here('c.bin'))
})

test('client: -f --restart sends a replacement from its start, whatever was kept of an earlier one', async () => {
  await interrupted('d.bin', noise(SIZE, 6))

  const restarted = await miniftp(server, ['put', '-f', '--restart', '--json', 'd.bin', 'ftp:'])

  assert.equal(restarted.status, 0, restarted.stderr)
  assert.equal(eventOf(restarted.stdout, 'done').moved, SIZE)
  sameFile(there('d.bin'), here('d.bin'))
})
