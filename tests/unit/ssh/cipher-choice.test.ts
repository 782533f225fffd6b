import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fastestCiphers } from '../../../src/ssh/cipher-choice.ts'

const CHACHA = 'chacha20-poly1305@openssh.com'
const GCM128 = 'aes128-gcm@openssh.com'
const GCM256 = 'aes256-gcm@openssh.com'

function choice(toUs: readonly string[], fromUs: readonly string[] = toUs): readonly string[] | undefined {
  return fastestCiphers({ kex: [], hostKeys: [], ciphers: [toUs, fromUs], macs: [[], []] })
}

test('cipher choice: AES-GCM alone for a client that names it anywhere', () => {
  assert.deepEqual(choice([CHACHA, 'aes256-ctr', GCM256, GCM128]), [GCM128])
  assert.deepEqual(choice([CHACHA, GCM256]), [GCM256])
})

test('cipher choice: none for a client that names no AES-GCM, or names it one way only', () => {
  assert.equal(choice([CHACHA, 'aes128-ctr']), undefined)
  assert.equal(choice([GCM128], [CHACHA]), undefined)
})
