import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { miniftp } from '../support/run-miniftp.ts'
import { startServer } from '../support/start-server.ts'
import { noise, sameFile } from '../support/trees.ts'

/** Cuts in all; 50 with CLIENT_CUTS=50. Half of them under uploads, half under downloads. */
const CUTS = Number(process.env.CLIENT_CUTS ?? 6)
const SIZE = 12 * 1024 * 1024
/** Cuts under one transfer. */
const TOGETHER = 5
const PATIENCE_MS = 60_000

const server = await startServer()
const proxy = await startCuttingProxy(server.port)
after(async () => {
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

/** The same moments each time: in the login, in the first bytes, anywhere in the file. */
function moments(count: number, seed: number): number[] {
  const random = noise(4 * count, seed)
  return Array.from({ length: count }, (_, at) => {
    const part = random.readUInt32LE(4 * at) / 2 ** 32
    return 1 + Math.floor(at % 3 === 0 ? part * 16_000 : part * (SIZE / TOGETHER) * 1.6)
  })
}

for (const verb of ['put', 'get'] as const)
  test(`client: a ${verb} whose connection is cut again and again ends by itself, with the same bytes`, {
    timeout: CUTS * 30_000 + 120_000,
  }, async (t) => {
    let longest = 0
    for (let round = 0; round * TOGETHER < CUTS / 2; round++) {
      const name = `${verb}-${round}.bin`
      const count = Math.min(TOGETHER, Math.ceil(CUTS / 2) - round * TOGETHER)
      const [from, to] = [join(server.folder, name), join(server.home('ada'), name)]
      mkdirSync(join(server.folder, 'back'), { recursive: true })
      writeFileSync(verb === 'put' ? from : to, noise(SIZE, 100 + round))
      const before = proxy.cuts
      proxy.cutAfter(moments(count, 1 + round))

      const words = verb === 'put' ? ['put', name, 'ftp:'] : ['get', `ftp:${name}`, 'back']
      const done = await miniftp(server, words, { port: proxy.port, seconds: 200 })

      longest = Math.max(longest, Date.now() - proxy.lastCut)
      assert.equal(done.status, 0, done.stderr)
      assert.equal(proxy.cuts - before, count, 'every connection was cut where it should be')
      assert.ok(Date.now() - proxy.lastCut < PATIENCE_MS, 'it ended soon after the last cut')
      sameFile(verb === 'put' ? to : join(server.folder, 'back', name), verb === 'put' ? from : to)
    }
    t.diagnostic(`longest from the last cut to the end: ${longest} ms`)
  })
