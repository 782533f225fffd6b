import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { eventOf, miniftp } from '../support/run-miniftp.ts'
import { startServer } from '../support/start-server.ts'
import { md5, noise, sameFile } from '../support/trees.ts'

const server = await startServer()
after(() => server[Symbol.asyncDispose]())
const here = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.home('ada'), name)

test('client: puts a file and gets it back, each verified by MD5 before it is done', async () => {
  writeFileSync(here('a.bin'), noise(3_000_001))
  mkdirSync(here('back'))

  const put = await miniftp(server, ['put', 'a.bin', 'ftp:'])
  const get = await miniftp(server, ['get', 'ftp:a.bin', 'back'])

  assert.equal(put.status, 0, put.stderr)
  assert.equal(get.status, 0, get.stderr)
  assert.match(put.stdout, new RegExp(`2.86 MiB, MD5 ${md5(here('a.bin'))}`))
  assert.match(get.stdout, new RegExp(`MD5 ${md5(here('a.bin'))}`))
  sameFile(there('a.bin'), here('a.bin'))
  sameFile(here('back/a.bin'), here('a.bin'))
  assert.deepEqual(readdirSync(here('back')), ['a.bin'])
})

test('client: logs in by password, and remembers the host key it was told to accept', async () => {
  writeFileSync(here('p.txt'), 'by password')
  const known = here('known-by-password')
  const words = (...rest: string[]) => [
    'put',
    '-P',
    String(server.port),
    '-o',
    `UserKnownHostsFile=${known}`,
    '-o',
    'IdentityFile=/dev/null',
    ...rest,
  ]
  const env = { ...process.env, MINIFTP_PASSWORD: server.password, SSH_AUTH_SOCK: undefined }
  const plain = { ...server, sshConfig: '/dev/null' }

  const refused = await miniftp(plain, words('p.txt', 'ada@127.0.0.1:'), { env })
  const put = await miniftp(
    plain,
    words('-o', 'StrictHostKeyChecking=accept-new', 'p.txt', 'ada@127.0.0.1:'),
    { env },
  )

  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /"127.0.0.1:\d+" is not known \(ed25519 SHA256:\S+\) and nobody can be asked/)
  assert.equal(put.status, 0, put.stderr)
  assert.equal(readFileSync(there('p.txt'), 'utf8'), 'by password')
  assert.match(readFileSync(known, 'utf8'), /^\[127\.0\.0\.1\]:\d+ ssh-ed25519 /)
})

test('client: goes on where a part was left, and sends nothing that is there already', async () => {
  const whole = noise(2_000_000, 7)
  writeFileSync(here('r.bin'), whole)
  writeFileSync(there('r.bin'), whole.subarray(0, 1_200_000))
  mkdirSync(here('resumed'))
  writeFileSync(here('resumed/r.bin.part'), whole.subarray(0, 700_000))

  const put = await miniftp(server, ['put', 'r.bin', 'ftp:', '--json'])
  const again = await miniftp(server, ['put', 'r.bin', 'ftp:'])
  const get = await miniftp(server, ['get', 'ftp:r.bin', 'resumed', '--json'])

  assert.equal(put.status, 0, put.stderr)
  assert.equal(eventOf(put.stdout, 'done').moved, 800_000)
  assert.match(again.stdout, /is at the server already with the same content/)
  assert.equal(eventOf(get.stdout, 'done').resumedAt, 700_000)
  sameFile(there('r.bin'), here('r.bin'))
  sameFile(here('resumed/r.bin'), here('r.bin'))
})

test('client: -p keeps times and permissions both ways', async () => {
  writeFileSync(here('kept.txt'), 'kept')
  chmodSync(here('kept.txt'), 0o640)
  utimesSync(here('kept.txt'), 1_000_000_000, 1_000_000_000)
  const facts = (path: string) => [statSync(path).mtimeMs, statSync(path).mode & 0o777]

  const put = await miniftp(server, ['put', '-p', 'kept.txt', 'ftp:'])
  const get = await miniftp(server, ['get', '-p', 'ftp:kept.txt', 'kept-back.txt'])

  assert.deepEqual([put.status, get.status], [0, 0], put.stderr + get.stderr)
  assert.deepEqual(facts(there('kept.txt')), facts(here('kept.txt')))
  assert.deepEqual(facts(here('kept-back.txt')), facts(here('kept.txt')))
})

test('client: what is new is as private, or as much a program, as what it comes from; what is replaced stays so', async () => {
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
  const each = { 'own/run.sh': 0o755, 'own/secret': 0o600, 'own/locked': 0o444, 'own/large': 0o700 }
  mkdirSync(here('own'), { mode: 0o700 })
  for (const [name, rights] of Object.entries(each))
    writeFileSync(here(name), name.endsWith('large') ? noise(1_500_000, 3) : name, { mode: rights })
  mkdirSync(here('own-back'))
  for (const [name, rights] of [
    ['secret-back', 0o640],
    // Those that a umask would take, and one that nobody may write.
    ['shared-back', 0o664],
    ['locked-back', 0o444],
  ] as const) {
    writeFileSync(here(name), 'another')
    chmodSync(here(name), rights)
  }

  const put = await miniftp(server, ['put', '-r', 'own', 'ftp:'])
  const get = await miniftp(server, ['get', '-r', 'ftp:own', 'own-back'])
  const one = await miniftp(server, ['get', 'ftp:own/run.sh', 'run-back.sh'])
  const replaced = await miniftp(server, ['get', '-f', 'ftp:own/run.sh', 'secret-back'])
  for (const name of ['shared-back', 'locked-back'])
    await miniftp(server, ['get', '-f', 'ftp:own/run.sh', name])

  assert.deepEqual(
    [put.status, get.status, one.status, replaced.status],
    [0, 0, 0, 0],
    put.stderr + get.stderr,
  )
  for (const at of [there('own'), here('own-back/own')]) {
    assert.equal(mode(at), '700')
    for (const [name, want] of Object.entries({
      'run.sh': '755',
      secret: '600',
      locked: '644',
      large: '700',
    }))
      assert.equal(mode(join(at, name)), want, name)
  }
  assert.equal(mode(here('run-back.sh')), mode(there('own/run.sh')))
  for (const [name, want] of [
    ['secret-back', '640'],
    ['shared-back', '664'],
    ['locked-back', '444'],
  ] as const) {
    sameFile(here(name), there('own/run.sh'))
    assert.equal(mode(here(name)), want, name)
  }
})

test('client: -rp keeps times and permissions of folders, too', async () => {
  mkdirSync(here('old/deep'), { recursive: true })
  writeFileSync(here('old/deep/file'), 'old')
  const made = ['old/deep', 'old']
  for (const name of made) utimesSync(here(name), 1_000_000_000, 1_000_000_000)
  chmodSync(here('old/deep'), 0o550)
  mkdirSync(here('old-back'))
  const facts = (path: string) => [statSync(path).mtimeMs, statSync(path).mode & 0o777]

  const put = await miniftp(server, ['put', '-rp', 'old', 'ftp:'])
  const get = await miniftp(server, ['get', '-rp', 'ftp:old', 'old-back'])

  assert.deepEqual([put.status, get.status], [0, 0], put.stderr + get.stderr)
  for (const name of made) {
    assert.deepEqual(facts(there(name)), facts(here(name)), `sent ${name}`)
    assert.deepEqual(facts(here(join('old-back', name))), facts(here(name)), `fetched ${name}`)
  }
  chmodSync(here('old/deep'), 0o750)
  chmodSync(here('old-back/old/deep'), 0o750)
})

test('client: a file whose name is that of another one not yet whole is fetched beside it', async () => {
  const whole = noise(2_500_000, 21)
  mkdirSync(there('parts'))
  for (const [name, size] of [
    ['a.part', 2_000_000],
    ['a', whole.length],
    ['a.part.part', 5],
  ] as const)
    writeFileSync(there(join('parts', name)), whole.subarray(0, size))

  const get = await miniftp(server, ['get', '-r', '-j', '4', 'ftp:parts', 'parts-back'])

  assert.equal(get.status, 0, get.stderr)
  assert.deepEqual(readdirSync(here('parts-back')).sort(), ['a', 'a.part', 'a.part.part'])
  for (const name of readdirSync(here('parts-back')))
    sameFile(here(join('parts-back', name)), there(join('parts', name)))
})

test('client: a file that is named twice is moved once, and nothing failed', async () => {
  writeFileSync(here('once.bin'), noise(1_500_000, 40))
  mkdirSync(here('once-back'))

  const put = await miniftp(server, ['put', 'once.bin', './once.bin', 'ftp:'])
  const get = await miniftp(server, ['get', 'ftp:once*', 'ftp:once.bin', 'once-back'])

  for (const { status, stderr } of [put, get]) assert.equal(status, 0, stderr)
  sameFile(here('once-back/once.bin'), here('once.bin'))
})

test('client: of two files that would get one name the first is moved, and the other is told and fails', async () => {
  for (const at of [here, there])
    for (const [index, name] of ['twice/1', 'twice/2'].entries()) {
      mkdirSync(at(name), { recursive: true })
      writeFileSync(at(join(name, 'same.bin')), noise(1_500_000, 30 + index))
    }
  mkdirSync(here('twice-back'))

  const put = await miniftp(server, ['put', '-f', 'twice/1/same.bin', 'twice/2/same.bin', 'ftp:'])
  const get = await miniftp(server, ['get', '-f', 'ftp:twice/*/same.bin', 'twice-back'])

  for (const { status, stderr } of [put, get]) {
    assert.equal(status, 1)
    assert.match(stderr, /2\/same.bin" is left out: ".*twice\/1\/same.bin" goes to the same name/)
  }
  sameFile(there('same.bin'), here('twice/1/same.bin'))
  sameFile(here('twice-back/same.bin'), there('twice/1/same.bin'))
})

test('client: names as long as a disk takes them are fetched', async () => {
  mkdirSync(there('long'))
  const names = ['n'.repeat(255), `${'n'.repeat(254)}m`, '長'.repeat(85), `${'n'.repeat(246)}.part`]
  for (const name of names)
    writeFileSync(there(join('long', name)), noise(1_200_000, name.charCodeAt(254) || 1))

  const get = await miniftp(server, ['get', '-r', 'ftp:long', 'long-back'])

  assert.equal(get.status, 0, get.stderr)
  assert.deepEqual(readdirSync(here('long-back')).sort(), names.toSorted())
  for (const name of names) sameFile(here(join('long-back', name)), there(join('long', name)))
})
