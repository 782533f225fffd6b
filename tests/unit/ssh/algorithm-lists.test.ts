import assert from 'node:assert/strict'
import { test } from 'node:test'
import { algorithmLists } from '../../../src/ssh/algorithm-lists.ts'

const AES = ['aes256-ctr']
const PLAIN = ['hmac-sha2-256', 'hmac-sha1']

/** A client's KEXINIT as a packet in clear. */
function kexInit(ciphers: readonly string[], macs: readonly string[]): Buffer {
  const lists = [
    ['curve25519-sha256'],
    ['ssh-ed25519'],
    ciphers,
    ciphers,
    macs,
    macs,
    ['none'],
    ['none'],
    [],
    [],
  ]
  const fields = lists.flatMap((list) => {
    const text = Buffer.from(list.join(','))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(text.length)
    return [length, text]
  })
  const payload = Buffer.concat([Buffer.from([20]), Buffer.alloc(16, 7), ...fields, Buffer.alloc(5)])
  const padding = Buffer.alloc(4 + ((8 - ((payload.length + 9) % 8)) % 8))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(1 + payload.length + padding.length)
  head[4] = padding.length
  return Buffer.concat([head, payload, padding])
}

test('algorithm lists: gives exchanges, host keys, and ciphers and MACs of both directions', () => {
  assert.deepEqual(algorithmLists(kexInit(AES, PLAIN)), {
    kex: ['curve25519-sha256'],
    hostKeys: ['ssh-ed25519'],
    ciphers: [AES, AES],
    macs: [PLAIN, PLAIN],
  })
})

test('algorithm lists: asks for more while the packet is cut', () => {
  const whole = kexInit(AES, PLAIN)

  for (let at = 0; at < whole.length; at++) {
    assert.equal(algorithmLists(whole.subarray(0, at)), 'incomplete', `cut at ${at}`)
  }
})

test('algorithm lists: takes nothing from a packet whose lists run over its end, or that is another', () => {
  const over = kexInit(AES, PLAIN)
  over.writeUInt32BE(0xffffffff, 22)
  const other = kexInit(AES, PLAIN)
  other[5] = 21

  assert.equal(algorithmLists(over), undefined)
  assert.equal(algorithmLists(other), undefined)
})
