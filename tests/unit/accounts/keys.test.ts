import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyCalled, keyInfo, parseKeyLine } from '../../../src/accounts/keys.ts'
import { sshString } from '../../support/raw-client.ts'

const ED25519 = sshString('ssh-ed25519')
const P256 = Buffer.concat([sshString('ecdsa-sha2-nistp256'), sshString('nistp256')])
/** The point that every key of this curve is made from. */
const POINT = Buffer.from(
  '046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
  'hex',
)
const modulus = (bits: number): Buffer => Buffer.concat([Buffer.from([0]), Buffer.alloc(bits / 8, 0xd5)])
const rsa = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat([sshString('ssh-rsa'), ...parts.map(sshString)])
const THREE = Buffer.from([3])

function taken(blob: Buffer): string {
  const type = blob.toString('latin1', 4, 4 + blob.readUInt32BE(0))
  return parseKeyLine(`${type} ${blob.toString('base64')} ada@home`).key.type
}

test('key lines: a key of each type is taken', () => {
  assert.equal(taken(Buffer.concat([ED25519, sshString(Buffer.alloc(32, 9))])), 'ssh-ed25519')
  assert.equal(taken(Buffer.concat([P256, sshString(POINT)])), 'ecdsa-sha2-nistp256')
  assert.equal(taken(rsa(THREE, modulus(2048))), 'ssh-rsa')
})

// Nobody can log in with such a key; and whoever asked "does its signature fail" and not "is it good" let everybody in.
for (const [what, blob] of [
  ['an Ed25519 key of 31 bytes', Buffer.concat([ED25519, sshString(Buffer.alloc(31, 9))])],
  ['an Ed25519 key without its bytes', ED25519],
  [
    'an Ed25519 key with more behind it',
    Buffer.concat([ED25519, sshString(Buffer.alloc(32)), sshString('')]),
  ],
  ['a point on no curve', Buffer.concat([P256, sshString(Buffer.alloc(65, 4))])],
  ['half a point', Buffer.concat([P256, sshString(POINT.subarray(0, 33))])],
  [
    "another curve's name",
    Buffer.concat([sshString('ecdsa-sha2-nistp256'), sshString('nistp384'), sshString(POINT)]),
  ],
  ['an RSA key without a modulus', rsa(THREE)],
  ['an RSA key whose modulus is cut', rsa(THREE, modulus(2048)).subarray(0, -1)],
] as const) {
  test(`key lines: ${what} is refused as damaged`, () => {
    assert.throws(() => taken(blob), { code: 'EINVAL', message: /^That public key is damaged: / })
  })
}

test('key lines: an RSA key under 2,048 bits is refused, however it is padded', () => {
  for (const bytes of ['', modulus(1024), Buffer.concat([Buffer.alloc(200), modulus(1024)])])
    assert.throws(() => taken(rsa(THREE, bytes)), { code: 'EINVAL', message: /too short/ })
})

// A line that was taken when less was asked of it must not make its account a riddle that nobody can change.
test('key lines: one that is stored is shown and found, though it would not be taken any more', () => {
  const line = `ssh-ed25519 ${ED25519.toString('base64')} old key`

  assert.throws(() => parseKeyLine(line), { code: 'EINVAL' })
  assert.deepEqual(keyInfo(line).comment, 'old key')
  assert.equal(keyCalled({ name: 'ada', keys: [line] }, 'old key'), line)
})
