import assert from 'node:assert/strict'
import { createHash, createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { answerHybrid, combine, startHybrid } from '../../../src/ssh/mlkem.ts'
import known from './ml-kem-768.json' with { type: 'json' }

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const privateKey = (info: string, secret: string) =>
  createPrivateKey({ key: hex(info + secret), format: 'der', type: 'pkcs8' })

// The keys of RFC 7748 section 6.1: Alice is the client, Bob the server.
const ALICE = '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'
const ALICE_PUBLIC = '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'
const BOB_PUBLIC = 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'
const BOTH = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'

test('mlkem: known keys give the known first message, and a known answer the known secret', () => {
  const kem = privateKey('3054020100300b060960864801650304040204428040', known.seed)
  const curve = privateKey('302e020100300506032b656e04220420', ALICE)
  const { init, secret } = startHybrid(kem, curve)

  const found = secret(hex(known.ciphertext.join('') + BOB_PUBLIC))

  assert.equal(createHash('sha256').update(init.subarray(0, 1184)).digest('hex'), known.encapsulationKey)
  assert.equal(init.subarray(1184).toString('hex'), ALICE_PUBLIC)
  assert.deepEqual(
    found,
    createHash('sha256')
      .update(hex(known.sharedKey + BOTH))
      .digest(),
  )
  assert.equal(found?.toString('hex'), '3bf1aaebb6176ce1d56c325770f85682004e875f556570be61e6444a26b07a59')
})

test('mlkem: both sides come to one secret of 32 bytes, another each time', () => {
  const client = startHybrid()
  const first = answerHybrid(client.init)!
  const second = answerHybrid(client.init)!

  assert.equal(client.init.length, 1184 + 32)
  assert.equal(first.reply.length, 1088 + 32)
  assert.deepEqual(client.secret(first.reply), first.secret)
  assert.equal(first.secret.length, 32)
  assert.notDeepEqual(first.secret, second.secret)
})

test('mlkem: the secret is SHA-256 of the quantum part and then the classic part', () => {
  const expected = createHash('sha256').update('quantumclassic').digest()

  assert.deepEqual(combine(Buffer.from('quantum'), Buffer.from('classic')), expected)
})

test('mlkem: a key of the wrong length, out of range or of low order gets no secret', () => {
  const { init, secret } = startHybrid()
  const outOfRange = Buffer.from(init).fill(255, 0, 1184)
  const lowOrder = Buffer.from(init).fill(0, 1184)
  const reply = answerHybrid(init)!.reply

  for (const bad of [init.subarray(1), Buffer.alloc(0), Buffer.concat([init, init]), outOfRange, lowOrder]) {
    assert.equal(answerHybrid(bad), undefined)
  }
  assert.equal(secret(reply.subarray(1)), undefined)
  assert.equal(secret(Buffer.from(reply).fill(0, 1088)), undefined)
})
