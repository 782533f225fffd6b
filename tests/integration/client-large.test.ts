import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { miniftp } from '../support/run-miniftp.ts'
import { startServer } from '../support/start-server.ts'
import { noise, sameFile, sameTree } from '../support/trees.ts'

/** CLIENT_MIB=1024 CLIENT_FILES=5000: what the client is for. */
const MIB = Number(process.env.CLIENT_MIB ?? 16)
const FILES = Number(process.env.CLIENT_FILES ?? 300)
const A_FOLDER = 500

const server = await startServer()
after(() => server[Symbol.asyncDispose]())
const here = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.home('ada'), name)
const patience = { seconds: 900 }

test('client: a large file goes there and comes back, the same and verified', {
  timeout: 2_000_000,
}, async () => {
  const piece = noise(1024 * 1024)
  for (let count = 0; count < MIB; count++) {
    piece.writeUInt32LE(count)
    writeFileSync(here('large'), piece, { flag: 'a' })
  }

  const put = await miniftp(server, ['put', 'large', 'ftp:'], patience)
  const get = await miniftp(server, ['get', 'ftp:large', 'back'], patience)

  for (const done of [put, get]) {
    assert.equal(done.status, 0, done.stderr)
    assert.match(done.stdout, /MD5 [0-9a-f]{32}/)
  }
  sameFile(there('large'), here('large'))
  sameFile(here('back'), here('large'))
})

test('client: a tree of many small files goes there and comes back, four files at once', {
  timeout: 2_000_000,
}, async () => {
  for (let count = 0; count < FILES; count++) {
    const folder = here(`tree/${Math.floor(count / A_FOLDER)}`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${count}.bin`), noise(count % 9000, count + 1))
  }

  const put = await miniftp(server, ['put', '-r', '-j', '4', 'tree', 'ftp:'], patience)
  const get = await miniftp(server, ['get', '-r', '-j', '4', 'ftp:tree', 'again'], patience)
  const same = await miniftp(server, ['put', '-r', '-j', '4', 'tree', 'ftp:'], patience)

  for (const done of [put, get, same]) {
    assert.equal(done.status, 0, done.stderr)
    assert.doesNotMatch(done.stdout, /not verified|failed/)
  }
  assert.match(put.stdout, new RegExp(`^${FILES} files, `, 'm'))
  assert.match(same.stdout, new RegExp(`${FILES} files already there`))
  sameTree(there('tree'), here('tree'))
  sameTree(here('again'), here('tree'))
})
