import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { run } from '../support/run-client.ts'
import { MINIFTP, miniftp } from '../support/run-miniftp.ts'
import { startServer } from '../support/start-server.ts'
import { md5, noise, sameFile } from '../support/trees.ts'

const server = await startServer()
after(() => server[Symbol.asyncDispose]())
const here = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.home('ada'), name)

/** What a prompt does that reads its lines from a pipe. */
const prompt = (...lines: readonly string[]) =>
  miniftp(server, ['ftp'], { input: lines.map((line) => `${line}\n`).join('') })

test('client: lcd and lpwd go through folders here, and mput and mget move what patterns name', async () => {
  mkdirSync(here('mine/deep'), { recursive: true })
  mkdirSync(here('mine/back'))
  mkdirSync(there('theirs'))
  for (const name of ['a.txt', 'b.txt', 'c.bin'])
    writeFileSync(here(`mine/${name}`), noise(1000, name.length))

  const done = await prompt(
    'lcd mine/deep',
    'lpwd',
    'lcd ..',
    'cd theirs',
    'mput *.txt',
    'pwd',
    'lls',
    'lcd back',
    'mget *',
    'lpwd',
  )

  assert.equal(done.status, 0, done.stderr)
  const lines = done.stdout.split('\n')
  const places = lines.filter((line) => line.startsWith('/'))
  assert.deepEqual(places, [here('mine/deep'), '/theirs', here('mine/back')])
  assert.deepEqual(readdirSync(there('theirs')).sort(), ['a.txt', 'b.txt'])
  assert.deepEqual(readdirSync(here('mine/back')).sort(), ['a.txt', 'b.txt'])
  for (const name of ['a.txt', 'b.txt']) sameFile(here(`mine/back/${name}`), here(`mine/${name}`))
  assert.ok(lines.includes('c.bin'), 'lls lists this side')
})

test('client: lcd into what is no folder, and mput of a pattern that fits nothing, say so and end a script', async () => {
  writeFileSync(here('plain'), '')
  writeFileSync(here('never'), '')

  const file = await prompt('lcd plain', 'put never')
  const missing = await prompt('lcd no-such', 'put never')
  const pattern = await prompt('mput *.none', 'put never')

  for (const done of [file, missing, pattern]) {
    assert.equal(done.status, 1)
    assert.equal(done.stderr.trim().split('\n').length, 1, done.stderr)
  }
  assert.match(file.stderr, /"plain" is not a folder/)
  assert.match(missing.stderr, /no-such/)
  assert.match(pattern.stderr, /\*\.none/)
  assert.ok(!existsSync(there('never')), 'nothing behind it is done')
})

test('client: mkdir, md5 and rm in one command each', async () => {
  const made = await miniftp(server, ['mkdir', '-p', 'ftp:one/two', 'ftp:one/three'])
  const taken = await miniftp(server, ['mkdir', 'ftp:one'])
  writeFileSync(there('one/two/x y.bin'), noise(300_000))
  writeFileSync(there('one/z'), 'z')
  const hashed = await miniftp(server, ['md5', 'ftp:one/two/x y.bin', 'ftp:one/z'])
  const json = await miniftp(server, ['md5', '--json', 'ftp:one/z'])
  const missing = await miniftp(server, ['md5', 'ftp:none'])

  assert.deepEqual([made.status, hashed.status, json.status], [0, 0, 0], made.stderr + hashed.stderr)
  assert.deepEqual([taken.status, missing.status], [1, 1])
  assert.match(taken.stderr, /^miniftp: .*"\/one"/)
  assert.match(missing.stderr, /^miniftp: .*"\/none"/)
  const sums = [md5(there('one/two/x y.bin')), md5(there('one/z'))]
  assert.deepEqual(
    hashed.stdout
      .trim()
      .split('\n')
      .map((line) => line.slice(0, 32)),
    sums,
  )
  assert.deepEqual(JSON.parse(json.stdout), { name: 'z', md5: sums[1], size: 1 })

  const full = await miniftp(server, ['rm', 'ftp:one'])
  const file = await miniftp(server, ['rm', 'ftp:one/z'])
  const tree = await miniftp(server, ['rm', '-r', 'ftp:one'])
  const gone = await miniftp(server, ['rm', 'ftp:one'])
  const forced = await miniftp(server, ['rm', '-f', 'ftp:one'])

  assert.deepEqual([full.status, file.status, tree.status, gone.status, forced.status], [1, 0, 0, 1, 0])
  assert.match(full.stderr, /"one" is not empty: remove it with all in it by rm -r/)
  assert.ok(!existsSync(there('one')))
})

test('client: -q says nothing of what went well, and one sentence of what did not', async () => {
  writeFileSync(here('quiet'), noise(5000))
  mkdirSync(here('hush'))
  for (const name of ['1', '2']) writeFileSync(here(`hush/${name}`), name)

  const put = await miniftp(server, ['put', '-q', 'quiet', 'ftp:'])
  const tree = await miniftp(server, ['put', '-q', '-r', 'hush', 'ftp:'])
  const get = await miniftp(server, ['get', '-q', 'ftp:quiet', 'quiet-back'])
  writeFileSync(here('quiet'), noise(5000, 2))
  const refused = await miniftp(server, ['put', '-q', 'quiet', 'ftp:'])

  for (const done of [put, tree, get]) assert.deepEqual([done.status, done.stdout, done.stderr], [0, '', ''])
  assert.deepEqual([refused.status, refused.stdout], [1, ''])
  assert.match(refused.stderr, /^quiet: Same name, different content: [^\n]+\n$/)
  assert.equal(readFileSync(there('hush/2'), 'utf8'), '2')
  sameFile(here('quiet-back'), there('quiet'))
})

for (const [what, words, into, status, complaint] of [
  ['ls whose reader has heard enough ends without a word', 'ls', '| true', 141, /^$/],
  [
    'ls whose lines have no room is told',
    'ls',
    '> /dev/full',
    1,
    /^miniftp: What is told could not be written \(ENOSPC\)/,
  ],
  ['what is put whose lines nobody reads is there', 'put tells', '| true', 0, /^$/],
  [
    'what is put whose lines have no room is there, and told',
    'put tells',
    '> /dev/full',
    1,
    /^miniftp: What is told could/,
  ],
] as const)
  test(`client: ${what}`, async () => {
    writeFileSync(here('tells'), into)
    writeFileSync(there('told'), into)
    const [verb, ...files] = words.split(' ')
    const line = `"${process.execPath}" --no-warnings "${MINIFTP}" ${verb} -f -F "${server.sshConfig}" ${files.join(' ')} ftp:`

    const done = await run('bash', ['-c', `${line} ${into}; exit "\${PIPESTATUS[0]}"`], {
      cwd: server.folder,
    })

    assert.equal(done.status, status, done.stderr)
    assert.match(done.stderr, complaint)
    if (verb === 'put') sameFile(there('tells'), here('tells'))
  })
