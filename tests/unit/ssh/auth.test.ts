// What a stranger sends is what ssh2 makes of it: every field may be missing or of another type than it is said to be.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import ssh2 from 'ssh2'
import type { Authenticator, Credential } from '../../../src/accounts/account.ts'
import { OpError } from '../../../src/base/error.ts'
import { silentLog } from '../../../src/base/log.ts'
import { decide, type Shown } from '../../../src/ssh/auth.ts'

const origin = { address: '127.0.0.1', port: 1, client: 'test' }
const ecdsa = ssh2.utils.parseKey(ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private)
if (ecdsa instanceof Error) throw ecdsa
const key = { algo: ecdsa.type, data: ecdsa.getPublicSSH() }
const publicLine = `${key.algo} ${key.data.toString('base64')}`
const blob = Buffer.from('what is signed')
const signature = ecdsa.sign(blob) as Buffer

/** A context of ssh2 with these fields; `heard` is what it was told, `answers` what a person would type. */
function context(fields: object, answers: unknown = undefined) {
  const heard: string[] = []
  const made = {
    username: 'ada',
    accept: () => void heard.push('accept'),
    reject: () => void heard.push('reject'),
    once: () => {},
    prompt: (_: unknown, then: (answers: unknown) => void) => then(answers),
    ...fields,
  }
  return { context: made as unknown as ssh2.AuthContext, heard }
}

/** Lets everybody in, and tells what it was asked. */
function credulous(): { readonly authenticator: Authenticator; readonly asked: Credential[] } {
  const asked: Credential[] = []
  return {
    asked,
    authenticator: {
      offered: async (_, { type, blob }) => asked.push({ method: 'publickey', key: { type, blob } }) > 0,
      async verify(account, credential) {
        asked.push(credential)
        return { account, role: 'user', by: credential.method }
      },
    },
  }
}

for (const [what, fields, answers] of [
  ['a name that is none', { method: 'password', username: undefined, password: 'x' }],
  ['a name that is an object', { method: 'password', username: { length: 1 }, password: 'x' }],
  ['a name of 257 characters', { method: 'password', username: 'a'.repeat(257), password: 'x' }],
  ['a password that is an object', { method: 'password', password: { oldPassword: 'x', newPassword: 'y' } }],
  ['a password that is missing', { method: 'password' }],
  ['a password of 4,097 bytes', { method: 'password', password: 'x'.repeat(4097) }],
  ['no answer to the prompt', { method: 'keyboard-interactive' }, undefined],
  ['no answers', { method: 'keyboard-interactive' }, []],
  ['two answers', { method: 'keyboard-interactive' }, ['x', 'y']],
  ['an answer that is no text', { method: 'keyboard-interactive' }, [{}]],
  ['an answer of 4,097 bytes', { method: 'keyboard-interactive' }, ['x'.repeat(4097)]],
  ['no key', { method: 'publickey' }],
  ['a key without bytes', { method: 'publickey', key: { algo: key.algo } }],
  ['a key whose bytes are text', { method: 'publickey', key: { ...key, data: publicLine } }],
  ['a key whose bytes are none', { method: 'publickey', key: { ...key, data: Buffer.from('rubbish') } }],
  ['a key of another algorithm', { method: 'publickey', key: { ...key, algo: 'ssh-ed25519' } }],
  [
    'a true signature of another algorithm',
    { method: 'publickey', key: { ...key, algo: 'ssh-ed25519' }, signature, blob },
  ],
  [
    'a true signature by SHA-1',
    { method: 'publickey', key, hashAlgo: 'sha1', signature: ecdsa.sign(blob, 'sha1') as Buffer, blob },
  ],
  ['a signature that is text', { method: 'publickey', key, signature: signature.toString('latin1'), blob }],
  ['a signature over what is text', { method: 'publickey', key, signature, blob: blob.toString() }],
  ['a signature over something else', { method: 'publickey', key, signature, blob: Buffer.from('else') }],
  ['a method that is not offered', { method: 'hostbased', key, signature, blob }],
  ['no method', { method: 'none' }],
] as const) {
  test(`login: ${what} is refused, and nobody is asked about it`, async () => {
    const { authenticator, asked } = credulous()
    const { context: shown, heard } = context(fields, answers)

    const decision = await decide(shown, authenticator, origin, {}, silentLog)

    assert.ok('refused' in decision)
    assert.equal(decision.counts, fields.method !== 'none')
    assert.deepEqual(heard, ['reject'])
    assert.deepEqual(asked, [])
  })
}

test('login: a true signature lets in, a key that is only shown does not', async () => {
  const { authenticator } = credulous()

  const proved = await decide(
    context({ method: 'publickey', key, signature, blob }).context,
    authenticator,
    origin,
    {},
    silentLog,
  )
  const offered = context({ method: 'publickey', key })
  const shown = await decide(offered.context, authenticator, origin, {}, silentLog)

  assert.ok('identity' in proved)
  // ssh2's accept() answers PK_OK here, and not SUCCESS.
  assert.deepEqual(offered.heard, ['accept'])
  assert.deepEqual(shown, { refused: 'offered', counts: false })
})

test('login: a key that nobody has is not said to be good', async () => {
  const { context: shown, heard } = context({ method: 'publickey', key })
  const authenticator = { ...credulous().authenticator, offered: async () => false }

  const decision = await decide(shown, authenticator, origin, {}, silentLog)

  assert.deepEqual([decision, heard], [{ refused: 'publickey', counts: true }, ['reject']])
})

for (const [what, error] of [
  ['refuses', new OpError('EACCES', 'Permission denied')],
  ['fails', new Error('the disk is gone')],
] as const) {
  test(`login: when the authenticator ${what}, the answer is a refusal`, async () => {
    const { context: shown, heard } = context({ method: 'password', password: 'x' })
    const authenticator = { ...credulous().authenticator, verify: () => Promise.reject(error) }

    const decision = await decide(shown, authenticator, origin, {}, silentLog)

    assert.ok('refused' in decision && decision.counts)
    assert.deepEqual(heard, ['reject'])
  })
}

for (const answers of [undefined, [], ['1', '2'], [{}], ['x'.repeat(4097)]]) {
  test(`login: a one-time code that is ${JSON.stringify(answers)?.slice(0, 12)} is refused`, async () => {
    const { context: shown, heard } = context({ method: 'keyboard-interactive' }, answers)
    const first: Shown['first'] = { account: 'ada', role: 'user', by: 'password' }
    const second = { needed: async () => true, verify: async () => {} }

    const decision = await decide(
      shown,
      { ...credulous().authenticator, second },
      origin,
      { first },
      silentLog,
    )

    assert.deepEqual([decision, heard], [{ refused: 'one-time code', counts: true }, ['reject']])
  })
}
