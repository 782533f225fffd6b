import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { PROJECT, startServer } from '../support/start-server.ts'

const crypto = createRequire(import.meta.url).resolve('ssh2/lib/protocol/crypto.js')

/** Drops ciphers as connections do that end, while the event loop's own task collects. */
const DROPS = `
const { CIPHER_INFO, createDecipher } = require(${JSON.stringify(crypto)})
const decipherInfo = CIPHER_INFO['aes128-gcm@openssh.com']
const inbound = { seqno: 0, decipherInfo, decipherKey: Buffer.alloc(16), decipherIV: Buffer.alloc(12), onPayload() {} }
let turns = 0
const timer = setInterval(() => {
  const others = []
  for (let i = 0; i < 200; i++) createDecipher({ inbound })
  for (let i = 0; i < 2000; i++) others.push({ i })
  if (++turns < 200) return
  clearInterval(timer)
  console.log('survived')
}, 2)`

// grace's server ran for a minute after ada had gone; then the collector found ada's cipher, and the process was gone too.
test('addon: a cipher that nobody has any more does not take the process along', () => {
  // Little room for what is new: then the task collects often.
  const args = ['--max-semi-space-size=1', '-e', DROPS]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })

  assert.equal(stdout, 'survived\n', stderr.slice(0, 500))
})

/** npm's own; it tells where that is to what it runs. */
const gyp =
  process.env.npm_config_node_gyp ?? '/usr/lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js'
const node = dirname(dirname(process.execPath))
const skip =
  !existsSync(gyp) || !existsSync(join(node, 'include')) || spawnSync('g++', ['--version']).status !== 0
    ? 'no node-gyp, headers or g++'
    : false

// gyp's makefiles took the path of the headers apart, and the sentence was to install a compiler, which was there.
test('addon: it is built in a folder whose name has a space', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'miniftp addon-'))
  try {
    for (const part of ['scripts', 'native'])
      cpSync(join(PROJECT, part), join(folder, part), {
        recursive: true,
        filter: (path) => !path.endsWith('/build'),
      })
    mkdirSync(join(folder, 'node/bin'), { recursive: true })
    cpSync(join(node, 'include'), join(folder, 'node/include'), { recursive: true })
    cpSync(process.execPath, join(folder, 'node/bin/node'))
    const env = { ...process.env, npm_config_node_gyp: gyp }

    const words = [join(folder, 'scripts/build-addon.mjs')]
    const { stderr } = spawnSync(join(folder, 'node/bin/node'), words, { encoding: 'utf8', env })

    assert.equal(stderr, '')
    assert.ok(existsSync(join(folder, 'native/build/Release/disk.node')))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('addon: a server that does without says so in its log', async () => {
  await using server = await startServer({ args: ['--data-path', 'plain'] })
  await server.stop()

  const log = readdirSync(join(server.var, 'log')).map((day) =>
    readFileSync(join(server.var, 'log', day), 'utf8'),
  )
  assert.match(log.join(''), /"way":"name by name","why":"it is turned off","event":"disk calls"/)
})

const addon = join(PROJECT, 'native/build/Release/disk.node')
const LOADS = `
const { addonAt, callsOver } = await import(process.argv[1])
console.log(JSON.stringify(callsOver(() => addonAt(process.argv[2]))))`

// The disk was full while it was copied: the server ended by SIGBUS, without a word, at each start.
test('addon: one that was cut is not loaded, and the log is told why', {
  skip: !existsSync(addon) && 'it was not built',
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'cut-addon-'))
  try {
    const cut = join(folder, 'disk.node')
    const whole = readFileSync(addon)
    const module = pathToFileURL(join(PROJECT, 'src/vfs/disk-calls.ts')).href
    const words = ['--no-warnings', '--input-type=module', '-e', LOADS, module, cut]
    for (const left of [0, 10, 1000, whole.length >> 1, whole.length - 1]) {
      writeFileSync(cut, whole.subarray(0, left))

      const { stdout, signal } = spawnSync(process.execPath, words, { encoding: 'utf8' })

      assert.deepEqual([left, signal], [left, null])
      assert.match(JSON.parse(stdout).why, /cannot be loaded: it is not whole: npm run prepare/)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
