import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { eventOf, miniftp } from '../support/run-miniftp.ts'
import { startServer } from '../support/start-server.ts'
import { md5, noise, sameFile } from '../support/trees.ts'
import { until } from '../support/workers.ts'

const server = await startServer()
const proxy = await startCuttingProxy(server.port)
after(async () => {
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})
const here = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.home('ada'), name)

async function may(rights: string): Promise<void> {
  const { status, stderr } = await server.console(['user', 'set', 'ada', '--rights', rights])
  assert.equal(status, 0, stderr)
}

test('client: what an account may not do is one sentence, and nothing is changed', async () => {
  mkdirSync(there('folder'))
  writeFileSync(there('old'), 'old')
  writeFileSync(here('old'), 'other')
  writeFileSync(here('new'), 'new')
  await may('read-only')

  const refused = [
    await miniftp(server, ['put', 'new', 'ftp:']),
    await miniftp(server, ['put', '-f', 'old', 'ftp:']),
    await miniftp(server, ['mkdir', 'ftp:made']),
    await miniftp(server, ['rm', 'ftp:old']),
    await miniftp(server, ['rm', '-r', 'ftp:folder']),
  ]
  const get = await miniftp(server, ['get', 'ftp:old', 'fetched'])

  for (const { status, stderr } of refused) {
    assert.equal(status, 1)
    assert.match(stderr, /^[^\n]*Not allowed to [^\n]*: this account is read-only\n$/)
  }
  assert.equal(get.status, 0, get.stderr)
  assert.deepEqual(readdirSync(server.home('ada')).sort(), ['folder', 'old'])
  sameFile(here('fetched'), there('old'))
})

test('client: what an account may not read, or not even look at, leaves nothing here', async () => {
  writeFileSync(there('secret'), 'secret')
  mkdirSync(here('into'))
  for (const rights of ['drop-box', 'list']) {
    await may(rights)

    const get = await miniftp(server, ['get', 'ftp:secret', 'into'])

    assert.equal(get.status, 1)
    assert.match(get.stderr, /^[^\n]*Not allowed to [^\n]* "\/secret": this account [^\n]*\n$/)
    assert.deepEqual(readdirSync(here('into')), [])
  }
})

test('client: a partial is kept while the right to go on with it is gone, and gone on with when it is back', async () => {
  await may('full')
  writeFileSync(here('cut.bin'), noise(3_000_000))
  proxy.cutAfter([1_500_000], () =>
    until('a part of the file', () => existsSync(there('cut.bin')) && statSync(there('cut.bin')).size > 0),
  )
  await miniftp(server, ['put', '--retry-for', '0ms', 'cut.bin', 'ftp:'], { port: proxy.port })
  const before = md5(there('cut.bin'))
  await may('read-only')

  const refused = await miniftp(server, ['put', 'cut.bin', 'ftp:'])
  assert.equal(md5(there('cut.bin')), before)
  await may('full')
  const again = await miniftp(server, ['put', '--json', 'cut.bin', 'ftp:'])

  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /^[^\n]*Not allowed to [^\n]*: this account is read-only\n$/)
  assert.equal(again.status, 0, again.stderr)
  assert.ok(Number(eventOf(again.stdout, 'done').resumedAt) > 0)
  sameFile(there('cut.bin'), here('cut.bin'))
})
