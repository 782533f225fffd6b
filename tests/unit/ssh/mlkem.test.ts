import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { answerHybrid, combine, startHybrid } from '../../../src/ssh/mlkem.ts'

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
