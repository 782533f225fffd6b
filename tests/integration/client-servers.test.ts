import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { type OtherServer, startRclone, startSshd } from '../support/other-servers.ts'
import { without } from '../support/run-client.ts'
import { miniftp } from '../support/run-miniftp.ts'
import { makeTree, noise, sameFile, sameTree } from '../support/trees.ts'

const whole = noise(3_000_000, 11)

async function movesBothWays(server: OtherServer, proof: RegExp): Promise<void> {
  const at = (name: string): string => `ftp:${server.remote === '' ? '' : `${server.remote}/`}${name}`
  const here = (name: string): string => join(server.folder, name)
  const there = (name: string): string => join(server.root, name)
  writeFileSync(here('a b.bin'), whole)
  mkdirSync(here('back'))

  const put = await miniftp(server, ['put', 'a b.bin', at('')])
  const same = await miniftp(server, ['put', 'a b.bin', at('')])
  const get = await miniftp(server, ['get', at('a b.bin'), 'back'])

  for (const done of [put, get]) {
    assert.equal(done.status, 0, done.stderr)
    assert.match(done.stdout, proof)
  }
  sameFile(there('a b.bin'), here('a b.bin'))
  sameFile(here('back/a b.bin'), here('a b.bin'))
  if (proof.source.startsWith('MD5 '))
    assert.match(same.stdout, /is at the server already with the same content/)
  else assert.match(same.stderr, /this server cannot tell whether they are the same: add --trust-size/)
}

async function movesTrees(server: OtherServer): Promise<void> {
  const tree = makeTree(join(server.folder, 'tree'))
  const up = await miniftp(server, ['put', '-r', '-j', '4', 'tree', `ftp:${server.remote}/copy`])
  const down = await miniftp(server, ['get', '-r', '-j', '4', `ftp:${server.remote}/copy`, 'again'])
  assert.equal(up.status, 0, up.stderr)
  assert.equal(down.status, 0, down.stderr)
  sameTree(join(server.root, 'copy'), tree)
  sameTree(join(server.folder, 'again'), tree)
}

async function survivesCuts(server: OtherServer): Promise<void> {
  await using proxy = await startCuttingProxy(server.port)
  const at = (name: string): string => `ftp:${server.remote === '' ? '' : `${server.remote}/`}${name}`
  writeFileSync(join(server.folder, 'cut.bin'), whole)
  mkdirSync(join(server.folder, 'cut-back'))
  proxy.cutAfter([1_000_000, 5_000, 1_200_000])
  const put = await miniftp(server, ['put', 'cut.bin', at('')], { port: proxy.port })
  assert.equal(put.status, 0, put.stderr)
  proxy.cutAfter([1_000_000, 5_000, 1_200_000])
  const get = await miniftp(server, ['get', at('cut.bin'), 'cut-back'], { port: proxy.port })
  assert.equal(get.status, 0, get.stderr)
  assert.equal(proxy.cuts, 6)
  sameFile(join(server.root, 'cut.bin'), join(server.folder, 'cut.bin'))
  sameFile(join(server.folder, 'cut-back/cut.bin'), join(server.folder, 'cut.bin'))
}

test('client and sshd: files, trees and cuts, verified by md5sum', { skip: without('sshd') }, async () => {
  await using server = await startSshd({ shell: true })
  await movesBothWays(server, /MD5 [0-9a-f]{32}/)
  await survivesCuts(server)
  await movesTrees(server)
})

test('client and sshd without a shell: moves, says what it could not verify, and resumes by size only when asked', {
  skip: without('sshd'),
}, async () => {
  await using server = await startSshd({ shell: false })
  await movesBothWays(server, /not verified: the server cannot tell MD5s/)
  await survivesCuts(server)
  writeFileSync(join(server.root, 'part.bin'), whole.subarray(0, 1_000_000))
  writeFileSync(join(server.folder, 'part.bin'), whole)
  const place = `ftp:${server.remote}`

  const refused = await miniftp(server, ['put', 'part.bin', place])
  const trusted = await miniftp(server, ['put', '--trust-size', '--json', 'part.bin', place])

  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /add --trust-size to go on from there, or -f to replace what is at the server/)
  assert.equal(trusted.status, 0, trusted.stderr)
  assert.match(trusted.stdout, /"resumedAt":1000000/)
  sameFile(join(server.root, 'part.bin'), join(server.folder, 'part.bin'))
})

for (const sessions of [1, 2])
  test(`client and sshd with MaxSessions ${sessions}: trees go over as many sessions as there are`, {
    skip: without('sshd'),
  }, async () => {
    await using server = await startSshd({ shell: true, sessions })
    await movesTrees(server)
  })

test('client and sshd with MaxSessions 1: words of the prompt and transfers have the one session in turn', {
  skip: without('sshd'),
}, async () => {
  await using server = await startSshd({ shell: true, sessions: 1 })
  writeFileSync(join(server.folder, 'a.txt'), 'a')
  const words = [
    `cd ${server.remote}`,
    'put a.txt',
    'ls',
    'get a.txt b.txt',
    'mv a.txt c.txt',
    'mget *.txt',
    'ls',
  ]

  const { status, stdout, stderr } = await miniftp(server, ['ftp'], { input: words.join('\n') })

  assert.equal(status, 0, stderr)
  assert.match(stdout, /a\.txt\n.*c\.txt\n$/s)
  assert.deepEqual(
    readdirSync(server.folder)
      .filter((name) => /^[bc]\.txt$/.test(name))
      .sort(),
    ['b.txt', 'c.txt'],
  )
  assert.doesNotMatch(stderr, /again/)
})

test('client and rclone serve sftp: files and cuts, verified by its md5sum', {
  skip: without('rclone'),
}, async () => {
  await using server = await startRclone()
  await movesBothWays(server, /MD5 [0-9a-f]{32}/)
  await survivesCuts(server)
})
