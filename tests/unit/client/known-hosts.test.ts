import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import { checkHost } from '../../../src/client/host-check.ts'
import { fingerprint, keyType, openKnownHosts } from '../../../src/client/known-hosts.ts'

let folder: string
let file: string
let first: Buffer
let second: Buffer

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'known-hosts-'))
  file = join(folder, 'known_hosts')
  for (const name of ['first', 'second']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
  }
  const blob = async (name: string) =>
    Buffer.from((await readFile(join(folder, `${name}.pub`), 'latin1')).split(' ')[1]!, 'base64')
  first = await blob('first')
  second = await blob('second')
})
after(() => rm(folder, { recursive: true }))

const line = (names: string, key: Buffer) => `${names} ssh-ed25519 ${key.toString('base64')}\n`

test('known hosts: unknown at first, remembered, then known; another key is changed', async () => {
  await rm(file, { force: true })
  const hosts = await openKnownHosts([file])
  assert.equal(hosts.check('Example.org', 8808, first), 'unknown')

  await hosts.remember('example.org', 8808, first)

  for (const again of [hosts, await openKnownHosts([file])]) {
    assert.equal(again.check('EXAMPLE.org', 8808, first), 'known')
    assert.equal(again.check('example.org', 8808, second), 'changed')
    assert.equal(again.check('example.org', 22, first), 'unknown')
    assert.deepEqual(again.types('example.org', 8808), ['ssh-ed25519'])
    assert.deepEqual(again.conflict('example.org', 8808, second)?.line, 1)
  }
})

test('known hosts: what we write is what ssh-keygen finds, and names hashed by ssh-keygen are found by us', async () => {
  await rm(file, { force: true })
  await (await openKnownHosts([file])).remember('example.org', 8808, first)
  assert.match(
    execFileSync('ssh-keygen', ['-F', '[example.org]:8808', '-f', file], { encoding: 'utf8' }),
    /ssh-ed25519/,
  )

  execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' })

  assert.match(await readFile(file, 'latin1'), /^\|1\|/)
  const hosts = await openKnownHosts([file])
  assert.equal(hosts.check('example.org', 8808, first), 'known')
  assert.equal(hosts.check('other.org', 8808, first), 'unknown')
})

test('known hosts: patterns, negation, revoked keys and lines that are no keys', async () => {
  await writeFile(
    file,
    `# comment\n\nnonsense\n@cert-authority * ssh-ed25519 AAAA\n@revoked * ssh-ed25519 ${second.toString('base64')}\n` +
      line('*.example.org,!bad.example.org', first),
  )
  const hosts = await openKnownHosts([file, join(folder, 'missing')])

  assert.equal(hosts.check('a.example.org', 22, first), 'known')
  assert.equal(hosts.check('bad.example.org', 22, first), 'unknown')
  assert.equal(hosts.check('axexample.org', 22, first), 'unknown')
  assert.equal(hosts.check('a.example.org', 22, second), 'revoked')
})

test('known hosts: the fingerprint is the one that ssh-keygen prints', () => {
  const printed = execFileSync('ssh-keygen', ['-l', '-f', join(folder, 'first.pub')], { encoding: 'utf8' })

  assert.equal(fingerprint(first), printed.split(' ')[1])
  assert.equal(keyType(first), 'ssh-ed25519')
  for (const cut of [0, 3, 4, 8]) assert.equal(keyType(first.subarray(0, cut)), '')
})

test('known hosts: hashed where that is wanted, and never written into a file that is only read', async () => {
  await rm(file, { force: true })
  await (await openKnownHosts([file], { hashes: true })).remember('example.org', 8808, first)
  assert.match(await readFile(file, 'latin1'), /^\|1\|/)
  assert.match(
    execFileSync('ssh-keygen', ['-F', '[example.org]:8808', '-f', file], { encoding: 'utf8' }),
    /ssh-ed25519/,
  )

  await rm(file, { force: true })
  const hosts = await openKnownHosts([], { global: [file] })
  await hosts.remember('example.org', 8808, first)

  assert.equal(hosts.check('example.org', 8808, first), 'known')
  await assert.rejects(readFile(file), { code: 'ENOENT' })
})

test('known hosts: a file that cannot be read is told, a key that cannot be written is known all the same', async () => {
  await assert.rejects(
    openKnownHosts([folder]),
    (error) => isOpError(error, 'EACCES') && /cannot be read \(EISDIR\)/.test(error.message),
  )

  await rm(file, { force: true })
  await writeFile(file, '')
  const known = await openKnownHosts([join(file, 'below-a-file')])
  const told: string[] = []
  const parts = {
    known,
    strictness: 'accept-new',
    confirm: undefined,
    tell: (text: string) => void told.push(text),
  } as const

  assert.equal(await checkHost('example.org', 22, first, parts), true)
  assert.match(told.join(), /could not be remembered \(E(EXIST|NOTDIR)\)/)
  assert.equal(known.check('example.org', 22, first), 'known')
})
