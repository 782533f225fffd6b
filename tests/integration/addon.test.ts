import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { test } from 'node:test'

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
