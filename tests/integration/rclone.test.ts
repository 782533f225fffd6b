import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeByteNames, sameByteNames } from '../support/byte-names.ts'
import { run, succeed, without } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { makeTree, noise, sameFile, sameTree } from '../support/trees.ts'

const skip = without('rclone', 'ssh-keygen')
let server: TestServer
let local: string
let config: string

before(async () => {
  if (skip) return
  server = await startServer()
  local = join(server.folder, 'local')
  config = join(server.folder, 'rclone.conf')
  mkdirSync(local)
  writeFileSync(join(local, 'mid.bin'), noise(3_000_001))
  const remote = ['[s]', 'type = sftp', 'host = 127.0.0.1', `port = ${server.port}`, 'user = ada']
  writeFileSync(config, [...remote, `key_file = ${server.key}`, ''].join('\n'))
})
after(() => server?.[Symbol.asyncDispose]())

const all = (args: readonly string[]) => [
  '--config',
  config,
  '--retries',
  '1',
  '--low-level-retries',
  '2',
  ...args,
]
const rclone = (...args: readonly string[]) => succeed('rclone', all(args), { cwd: local })

test('rclone: copy takes a tree up and down', { skip }, async () => {
  const tree = makeTree(join(local, 'tree'))

  await rclone('copy', '--create-empty-src-dirs', 'tree', 's:tree')
  await rclone('copy', '--create-empty-src-dirs', 's:tree', 'back')

  sameTree(join(server.home('ada'), 'tree'), tree)
  sameTree(join(local, 'back'), tree)
})

test('rclone: names of any bytes come back as they went, and the server hashes files of such names', {
  skip,
}, async () => {
  makeByteNames(join(local, 'bytes'))
  makeByteNames(join(server.home('ada'), 'raw'))

  await rclone('copy', 'bytes', 's:bytes')
  await rclone('copy', 's:bytes', 'bytes back')
  const { stdout } = await rclone('md5sum', 's:raw')

  sameByteNames(join(local, 'bytes back'))
  assert.equal([...stdout.matchAll(/^[0-9a-f]{32} /gm)].length, 4, stdout)
})

test('rclone: check compares hashes, made by the server', { skip }, async () => {
  makeTree(join(local, 'checked'))
  await rclone('copy', 'checked', 's:checked')

  const same = await rclone('check', 'checked', 's:checked')
  writeFileSync(join(server.home('ada'), 'checked/a/b/c/d/deep.txt'), 'DEEP\n')
  const other = await run('rclone', all(['check', 'checked', 's:checked']), { cwd: local })

  assert.match(same.stderr, /0 differences found/)
  assert.doesNotMatch(same.stderr, /hashes could not be checked/)
  assert.equal(other.status, 1)
  assert.match(other.stderr, /deep\.txt: (md5|sha1) differ/)
})

test('rclone: md5sum asks the server', { skip }, async () => {
  await rclone('copyto', 'mid.bin', 's:hashed.bin')

  const { stdout } = await rclone('md5sum', 's:hashed.bin')

  const hash = createHash('md5')
    .update(readFileSync(join(local, 'mid.bin')))
    .digest('hex')
  assert.equal(stdout, `${hash}  hashed.bin\n`)
})

test('rclone: sync changes, adds and removes', { skip }, async () => {
  const folder = makeTree(join(local, 'synced'))
  await rclone('sync', '--create-empty-src-dirs', 'synced', 's:synced')
  rmSync(join(folder, 'a'), { recursive: true })
  writeFileSync(join(folder, 'names/plain'), 'changed\n')
  writeFileSync(join(folder, 'new'), 'new\n')

  await rclone('sync', '--create-empty-src-dirs', 'synced', 's:synced')

  sameTree(join(server.home('ada'), 'synced'), folder)
})

test('rclone: about shows the space', { skip }, async () => {
  const { stdout } = await rclone('about', 's:')

  assert.match(stdout, /Total:\s+\d/)
  assert.match(stdout, /Free:\s+\d/)
})

test('rclone: rcat and cat stream', { skip }, async () => {
  const bytes = readFileSync(join(local, 'mid.bin'))

  await succeed('rclone', all(['rcat', 's:streamed.bin']), { cwd: local, input: bytes })
  const { bytes: back } = await rclone('cat', 's:streamed.bin')

  sameFile(join(server.home('ada'), 'streamed.bin'), join(local, 'mid.bin'))
  assert.ok(back.equals(bytes))
})

test('rclone: moveto renames at the server', { skip }, async () => {
  await rclone('copyto', 'mid.bin', 's:from.bin')

  await rclone('moveto', 's:from.bin', 's:deep/to.bin')

  sameFile(join(server.home('ada'), 'deep/to.bin'), join(local, 'mid.bin'))
})
