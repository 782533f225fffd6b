import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { startRclone, startSshd } from '../support/other-servers.ts'
import { miniftp } from '../support/run-miniftp.ts'
import { startServer } from '../support/start-server.ts'
import { noise, sameFile } from '../support/trees.ts'

/** Cuts in all, half of them under uploads, and the size of each file: CLIENT_CUTS=50 CLIENT_CUT_MIB=256 is real life. */
const CUTS = Number(process.env.CLIENT_CUTS ?? 6)
const SIZE = Number(process.env.CLIENT_CUT_MIB ?? 12) * 1024 * 1024
/** CLIENT_CUT_SERVER=sshd or rclone: somebody else's server. */
const SERVER = process.env.CLIENT_CUT_SERVER ?? 'ours'
/** Cuts under one transfer. */
const TOGETHER = 5
const PATIENCE_MS = 60_000

const server = await started()
const proxy = await startCuttingProxy(server.port)
after(async () => {
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

/** Where the files of its server lie, and what the client calls that place. */
async function started() {
  if (SERVER !== 'ours') {
    const other = await (SERVER === 'sshd' ? startSshd({ shell: true }) : startRclone())
    return { ...other, at: (name: string) => `ftp:${join(other.remote, name)}` }
  }
  const own = await startServer()
  return { ...own, root: own.home('ada'), at: (name: string) => `ftp:${name}` }
}

/** The same moments each time: in the login, in the first bytes, anywhere in the file. */
function moments(count: number, seed: number): number[] {
  const random = noise(4 * count, seed)
  return Array.from({ length: count }, (_, at) => {
    const part = random.readUInt32LE(4 * at) / 2 ** 32
    return 1 + Math.floor(at % 3 === 0 ? part * 16_000 : part * (SIZE / TOGETHER) * 1.6)
  })
}

for (const verb of ['put', 'get'] as const)
  test(`client and ${SERVER}: a ${verb} whose connection is cut again and again ends by itself, with the same bytes`, {
    timeout: CUTS * 60_000 + 600_000,
  }, async (t) => {
    let longest = 0
    for (let round = 0; round * TOGETHER < CUTS / 2; round++) {
      const name = `${verb}-${round}.bin`
      const count = Math.min(TOGETHER, Math.ceil(CUTS / 2) - round * TOGETHER)
      const [from, to] = [join(server.folder, name), join(server.root, name)]
      mkdirSync(join(server.folder, 'back'), { recursive: true })
      writeFileSync(verb === 'put' ? from : to, noise(SIZE, 100 + round))
      const before = proxy.cuts
      proxy.cutAfter(moments(count, 1 + round))

      const words = verb === 'put' ? ['put', name, server.at(name)] : ['get', server.at(name), 'back']
      const done = await miniftp(server, words, { port: proxy.port, seconds: 600 })

      longest = Math.max(longest, Date.now() - proxy.lastCut)
      assert.equal(done.status, 0, done.stderr)
      assert.equal(proxy.cuts - before, count, 'every connection was cut where it should be')
      assert.ok(Date.now() - proxy.lastCut < PATIENCE_MS, 'it ended soon after the last cut')
      sameFile(verb === 'put' ? to : join(server.folder, 'back', name), verb === 'put' ? from : to)
    }
    t.diagnostic(`longest from the last cut to the end: ${longest} ms`)
  })
