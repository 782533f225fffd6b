import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ownMark } from '../../src/client/own-mark.ts'
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts'
import { type OtherServer, startSshd } from '../support/other-servers.ts'
import { without } from '../support/run-client.ts'
import { eventOf, miniftp } from '../support/run-miniftp.ts'
import { noise, sameFile } from '../support/trees.ts'
import { until } from '../support/workers.ts'

const SIZE = 6_000_000
const OLD = noise(SIZE, 1)
const skip = without('sshd')

let server: OtherServer
let proxy: CuttingProxy
before(async () => {
  if (skip !== false) return
  server = await startSshd({ shell: true })
  proxy = await startCuttingProxy(server.port)
})
after(async () => {
  await proxy?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})
const here = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.root, name)
const part = (name: string): string => there(`.${name}.miniftp-part-${ownMark()}`)

/** The next connection is cut in the midst of a replacement of `name`, once some of it has come. */
function cutWhenCame(name: string): void {
  proxy.cutAfter([SIZE / 2], () =>
    until('some bytes', async () =>
      [part(name), there(name)].some((file) => existsSync(file) && isOther(file)),
    ),
  )
}

function isOther(file: string): boolean {
  return statSync(file).size > 0 && !readFileSync(file).equals(OLD)
}

test('client and sshd: a put -f that is cut leaves the old file, and the same again goes on', {
  skip,
}, async () => {
  writeFileSync(there('a.bin'), OLD)
  chmodSync(there('a.bin'), 0o604)
  writeFileSync(here('a.bin'), noise(SIZE, 2))
  cutWhenCame('a.bin')

  const cut = await miniftp(server, ['put', '-f', '--retry-for', '0ms', 'a.bin', `ftp:${server.remote}`], {
    port: proxy.port,
  })

  assert.equal(cut.status, 1, cut.stdout)
  assert.ok(readFileSync(there('a.bin')).equals(OLD))
  const kept = statSync(part('a.bin')).size
  const again = await miniftp(server, ['put', '-f', '--json', 'a.bin', `ftp:${server.remote}`])
  assert.equal(again.status, 0, again.stderr)
  assert.equal(eventOf(again.stdout, 'done').resumedAt, kept)
  sameFile(there('a.bin'), here('a.bin'))
  assert.equal(statSync(there('a.bin')).mode & 0o777, 0o604)
  assert.deepEqual(
    readdirSync(server.root).filter((name) => name.startsWith('.')),
    [],
  )
})

test('client and sshd: a put -f that comes back by itself goes on beside the old file', {
  skip,
}, async () => {
  writeFileSync(there('b.bin'), OLD)
  writeFileSync(here('b.bin'), noise(SIZE + 1, 3))
  cutWhenCame('b.bin')

  const done = await miniftp(server, ['put', '-f', '--json', 'b.bin', `ftp:${server.remote}`], {
    port: proxy.port,
  })

  assert.equal(done.status, 0, done.stderr)
  eventOf(done.stdout, 'lost')
  assert.ok(Number(eventOf(done.stdout, 'done').resumedAt) > 0, done.stdout)
  sameFile(there('b.bin'), here('b.bin'))
})

test('client and sshd: a put -f of a link replaces what it leads to', { skip }, async () => {
  mkdirSync(there('real'))
  writeFileSync(there('real/c.bin'), OLD)
  symlinkSync('real/c.bin', there('c.bin'))
  writeFileSync(here('c.bin'), 'new')

  const done = await miniftp(server, ['put', '-f', 'c.bin', `ftp:${server.remote}`])

  assert.equal(done.status, 0, done.stderr)
  assert.ok(lstatSync(there('c.bin')).isSymbolicLink())
  sameFile(there('real/c.bin'), here('c.bin'))
  assert.deepEqual(readdirSync(there('real')), ['c.bin'])
})

test('client and sshd: what a put -f left of other content is not gone on with', { skip }, async () => {
  writeFileSync(there('d.bin'), OLD)
  writeFileSync(part('d.bin'), noise(1000, 9))
  writeFileSync(here('d.bin'), noise(SIZE, 4))

  const done = await miniftp(server, ['put', '-f', '--json', 'd.bin', `ftp:${server.remote}`])

  assert.equal(done.status, 0, done.stderr)
  assert.equal(eventOf(done.stdout, 'done').resumedAt, undefined)
  sameFile(there('d.bin'), here('d.bin'))
})

test('client and sshd: two that replace one file do not write into one part', { skip }, async () => {
  writeFileSync(there('e.bin'), OLD)
  writeFileSync(here('e.bin'), noise(SIZE, 5))
  mkdirSync(here('other'))
  writeFileSync(here('other/e.bin'), noise(SIZE, 6))
  const put = (file: string) =>
    miniftp(server, ['put', '-f', file, `ftp:${server.remote}`], { port: proxy.port })
  const second = Promise.withResolvers<Awaited<ReturnType<typeof put>>>()
  // In the midst of the first, the second comes and ends.
  proxy.holdAfter(SIZE / 2, async () => {
    put('other/e.bin').then(second.resolve, second.reject)
    await second.promise
  })

  const first = await put('e.bin')

  const { status, stderr } = await second.promise
  assert.equal(status, 1, stderr)
  assert.match(stderr, /is being replaced by another miniftp: wait for that/)
  assert.equal(first.status, 0, first.stderr)
  sameFile(there('e.bin'), here('e.bin'))
})
