import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import type { AlgorithmLists } from '../../../src/ssh/algorithm-lists.ts'
import { offerFor } from '../../../src/ssh/offer.ts'
import { ADA, startPorch } from '../../support/start-porch.ts'

const KEYS = ['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa', 'ecdsa-sha2-nistp256']

const both = (names: readonly string[]) => [names, names]

/** A client of today: all that it is offered is what everybody is. */
const TODAY: AlgorithmLists = {
  kex: ['curve25519-sha256', 'ecdh-sha2-nistp256'],
  hostKeys: ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512'],
  ciphers: both(['aes256-ctr']),
  macs: both(['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-256']),
}

const PLAIN_MACS = both(['hmac-sha2-256', 'hmac-sha1'])
const GCM = both(['aes128-gcm@openssh.com', 'aes256-ctr'])

for (const [who, has, more] of [
  ['a client of today', {}, {}],
  ['one whose lists did not come', undefined, {}],
  ['libssh2 1.10', { macs: PLAIN_MACS }, { macs: true }],
  ['one with AES-GCM', { macs: PLAIN_MACS, ciphers: GCM }, {}],
  ['one without curve25519', { kex: ['ecdh-sha2-nistp521', 'ecdh-sha2-nistp256'] }, { kex: true }],
  ['one with the post-quantum exchange alone', { kex: ['mlkem768x25519-sha256'] }, {}],
  ['one without Ed25519', { hostKeys: ['ssh-rsa', 'ecdsa-sha2-nistp256'] }, { hostKeys: true }],
  ['one with RSA by SHA-2', { hostKeys: ['ssh-rsa', 'rsa-sha2-256', 'ecdsa-sha2-nistp256'] }, {}],
] as const) {
  test(`offer: ${who} is offered what is older only where it has nothing better`, () => {
    const { kex, hostKeys, macs } = offerFor(has && { ...TODAY, ...has }, KEYS, false)

    assert.deepEqual(
      {
        kex: kex.includes('ecdh-sha2-nistp256'),
        hostKeys: hostKeys.includes('ecdsa-sha2-nistp256'),
        macs: macs.includes('hmac-sha2-256'),
      },
      { kex: false, hostKeys: false, macs: false, ...more },
    )
    assert.ok(!hostKeys.includes('ssh-rsa'))
  })
}

// What JSch 0.1.54 (Debian 12's libjsch-java) names, less what ssh2 does not know.
test('offer: JSch comes in, by an exchange and a host key that nobody else is offered', async () => {
  await using porch = await startPorch(async () => 0)
  const client = new ssh2.Client()
  const agreed = once(client, 'handshake')
  client.on('error', () => {})

  client.connect({
    host: '127.0.0.1',
    port: porch.port,
    username: ADA.name,
    password: ADA.password,
    algorithms: {
      kex: ['ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'diffie-hellman-group14-sha1'],
      serverHostKey: ['ssh-rsa', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384'],
      cipher: ['aes128-ctr', 'aes256-ctr'],
      hmac: ['hmac-md5', 'hmac-sha1', 'hmac-sha2-256'],
    },
  })
  await Promise.race([once(client, 'ready'), once(client, 'close').then(() => assert.fail('refused'))])
  client.end()

  const [{ kex, serverHostKey }] = await agreed
  assert.deepEqual([kex, serverHostKey], ['ecdh-sha2-nistp256', 'ecdsa-sha2-nistp256'])
})
