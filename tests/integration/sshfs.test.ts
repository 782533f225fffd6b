import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeByteNames, sameByteNames } from '../support/byte-names.ts'
import { succeed, without, withoutSshfs } from '../support/run-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'
import { makeTree, noise, sameFile, sameTree } from '../support/trees.ts'

const skip = without('ssh-keygen') || withoutSshfs()
let server: TestServer
let local: string
let mounted: string

before(async () => {
  if (skip) return
  server = await startServer()
  local = join(server.folder, 'local')
  mounted = join(server.folder, 'mounted')
  mkdirSync(local)
  mkdirSync(mounted)
  writeFileSync(join(local, 'mid.bin'), noise(3_000_001))
  await succeed('sshfs', ['-F', server.sshConfig, 'ftp:/', mounted])
})
after(async () => {
  if (skip) return
  spawnSync('fusermount3', ['-uz', mounted])
  await server?.[Symbol.asyncDispose]()
})

test('sshfs: names of any bytes arrive, and are seen, as they are', { skip }, async () => {
  makeByteNames(join(server.home('ada'), 'bytes'))
  sameByteNames(join(mounted, 'bytes'))

  await succeed('cp', ['-r', join(mounted, 'bytes'), join(mounted, 'copied')])

  sameByteNames(join(server.home('ada'), 'copied'))
})

test('sshfs: a copied file and tree are the same at the server', { skip }, () => {
  const tree = makeTree(join(local, 'tree'))

  copyFileSync(join(local, 'mid.bin'), join(mounted, 'mid.bin'))
  cpSync(tree, join(mounted, 'tree'), { recursive: true })

  sameFile(join(server.home('ada'), 'mid.bin'), join(local, 'mid.bin'))
  sameFile(join(mounted, 'mid.bin'), join(local, 'mid.bin'))
  sameTree(join(server.home('ada'), 'tree'), tree)
  sameTree(join(mounted, 'tree'), tree)
})

test('sshfs: append, truncate and writing in the middle', { skip }, () => {
  const file = join(mounted, 'edited')
  writeFileSync(file, 'one\n')
  appendFileSync(file, 'two\n')
  truncateSync(file, 6)
  const open = openSync(file, 'r+')
  writeSync(open, 'ONE', 0)
  closeSync(open)

  assert.equal(readFileSync(join(server.home('ada'), 'edited'), 'latin1'), 'ONE\ntw')
})

test('sshfs: rename goes over, also while the file is open', { skip }, () => {
  writeFileSync(join(mounted, 'old'), 'old\n')
  const open = openSync(join(mounted, 'coming'), 'w')
  writeSync(open, 'before\n')
  renameSync(join(mounted, 'coming'), join(mounted, 'old'))
  writeSync(open, 'after\n')
  closeSync(open)

  assert.equal(readFileSync(join(server.home('ada'), 'old'), 'latin1'), 'before\nafter\n')
  assert.equal(existsSync(join(mounted, 'coming')), false)
})

test('sshfs: modes, and df', { skip }, () => {
  writeFileSync(join(mounted, 'moded'), '', { mode: 0o604 })

  assert.equal(statSync(join(server.home('ada'), 'moded')).mode & 0o777, 0o604)
  assert.ok(statfsSync(mounted).blocks > 0)
})
