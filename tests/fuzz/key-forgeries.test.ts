// Mallory has ada's public keys, and nothing else. She signs with whatever may pass for a signature: of another kind, of
// another length, with another key, with one of ada's under the name of the other. Ten of these once logged in.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import { wholeEd25519 } from '../../src/ssh/hostkeys.ts'
import { chance } from '../support/fuzz.ts'
import { type RawClient, rawClient, sshString } from '../support/raw-client.ts'
import { ADA, startPorch } from '../support/start-porch.ts'

function made(type: 'ed25519' | 'rsa' | 'ecdsa'): ssh2.ParsedKey {
  const bits = type === 'rsa' ? 2048 : type === 'ecdsa' ? 256 : undefined
  const make = () => ssh2.utils.generateKeyPairSync(type as 'rsa', { bits: bits! })
  const { private: text } = type === 'ed25519' ? wholeEd25519(make) : make()
  const key = ssh2.utils.parseKey(text)
  if (key instanceof Error) throw key
  return key
}

const KEYS = { ed25519: made('ed25519'), rsa: made('rsa'), ecdsa: made('ecdsa') }
const MALLORY = { ed25519: made('ed25519'), rsa: made('rsa'), ecdsa: made('ecdsa') }
const ALGORITHMS = ['ssh-ed25519', 'rsa-sha2-256', 'rsa-sha2-512', 'ssh-rsa', 'ecdsa-sha2-nistp256']
const KINDS = ['ed25519', 'rsa', 'ecdsa'] as const

const random = chance()
const SIGNATURES: readonly ((blob: Buffer, kind: (typeof KINDS)[number]) => Buffer)[] = [
  () => Buffer.alloc(0),
  (_, kind) => random.bytes(kind === 'rsa' ? 256 : 64),
  (blob, kind) => MALLORY[kind].sign(blob, kind === 'rsa' ? 'sha256' : undefined) as Buffer,
]

/** A login by key (RFC 4252 §7), signed by `sign`. */
async function attempt(
  client: RawClient,
  key: ssh2.ParsedKey,
  algorithm: string,
  sign: (blob: Buffer) => Buffer,
): Promise<string> {
  const request = Buffer.concat([
    Buffer.from([50]),
    ...[ADA.name, 'ssh-connection', 'publickey'].map(sshString),
    Buffer.from([1]),
    sshString(algorithm),
    sshString(key.getPublicSSH()),
  ])
  const blob = Buffer.concat([sshString(client.protocol._kex.sessionID), request])
  const heard = client.next('USERAUTH_SUCCESS', 'USERAUTH_FAILURE')
  client.send(
    Buffer.concat([request, sshString(Buffer.concat([sshString(algorithm), sshString(sign(blob))]))]),
  )
  return (await heard).name
}

test('forgeries: none of 45 made from public keys logs in, and the keys themselves still do', async () => {
  const keys = KINDS.map((kind) => KEYS[kind].getPublicSSH())
  await using porch = await startPorch(async () => 0, { keys, limits: { tries: 1000 } })
  const answers: string[] = []

  for (const kind of KINDS) {
    for (const algorithm of ALGORITHMS) {
      for (const forge of SIGNATURES) {
        using mallory = await rawClient(porch.port, false)
        answers.push(await attempt(mallory, KEYS[kind], algorithm, (blob) => forge(blob, kind)))
      }
    }
  }
  const good: string[] = []
  for (const [kind, algorithm, hash] of [
    ['ed25519', 'ssh-ed25519', undefined],
    ['rsa', 'rsa-sha2-512', 'sha512'],
  ] as const) {
    using ada = await rawClient(porch.port, false)
    good.push(await attempt(ada, KEYS[kind], algorithm, (blob) => KEYS[kind].sign(blob, hash) as Buffer))
  }

  assert.equal(answers.length, 45)
  // One that is no message at all may end the connection instead.
  assert.ok(
    answers.every((name) => name === 'USERAUTH_FAILURE' || name === 'closed'),
    answers.join(),
  )
  assert.deepEqual(good, Array(2).fill('USERAUTH_SUCCESS'))
})
