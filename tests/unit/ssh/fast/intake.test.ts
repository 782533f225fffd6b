import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { takeIn } from '../../../../src/ssh/fast/intake.ts'
import { randomPadding } from '../../../../src/ssh/fast/padding.ts'
import { PACKET_HEAD, sealOver } from '../../../../src/ssh/fast/seal.ts'
import type { ProtocolInside } from '../../../../src/ssh/peer.ts'
import { cipherPair } from '../../../support/ciphers.ts'

const CIPHERS = [
  ['aes128-gcm@openssh.com'],
  ['chacha20-poly1305@openssh.com'],
  ['aes128-ctr', 'hmac-sha2-256-etm@openssh.com'],
  ['aes256-ctr', 'hmac-sha2-512'],
] as const

/** CHANNEL_DATA for channel 5, or a packet that is ssh2's. */
function payloadOf(text: string, ours: boolean): Buffer {
  if (!ours) return Buffer.concat([Buffer.from([100]), Buffer.from(text)])
  const head = Buffer.alloc(9)
  head[0] = 94
  head.writeUInt32BE(5, 1)
  head.writeUInt32BE(text.length, 5)
  return Buffer.concat([head, Buffer.from(text)])
}

for (const [name, mac] of CIPHERS) {
  test(`intake: gives each what is his with ${name}, wherever the read buffer ends and is used again`, () => {
    const { cipher: probe } = cipherPair(name, mac)
    const seal = sealOver(probe, randomPadding())
    const texts = ['one', 'two is longer than one', 'three', '', 'four'.repeat(20)]
    const stream = Buffer.concat(
      texts.map((text, at) => {
        const payload = payloadOf(text, at % 2 === 0)
        const packet = Buffer.alloc(seal.sizeOf(payload.length))
        packet.set(payload, PACKET_HEAD)
        seal.seal(packet, 0, payload.length)
        return packet
      }),
    )

    for (let cut = 1; cut < stream.length; cut++) {
      const { decipher } = cipherPair(name, mac)
      const passed: Buffer[] = []
      const given: string[] = []
      const serve = (payload: Buffer): void => void passed.push(payload)
      decipher._onPayload = serve
      const protocol = {
        _decipher: decipher,
        _onPayload: serve,
        _onPacket() {},
      } as unknown as ProtocolInside
      const socket = new EventEmitter()
      socket.on('data', (chunk: Buffer) => decipher.decrypt(chunk, 0, chunk.length))
      let settled = 0
      takeIn(protocol, socket as Socket).receive(5, {
        data: (bytes) => given.push(Buffer.from(bytes).toString()) > 0,
        settle: () => void settled++,
      })

      const buffer = Buffer.alloc(stream.length)
      for (const part of [stream.subarray(0, cut), stream.subarray(cut)]) {
        buffer.set(part)
        socket.emit('data', buffer.subarray(0, part.length))
        buffer.fill(0xee)
      }

      assert.deepEqual(given, [texts[0], texts[2], texts[4]], `cut at ${cut}`)
      assert.deepEqual(
        passed.map((payload) => payload.subarray(1).toString()),
        [texts[1], texts[3]],
        `cut at ${cut}`,
      )
      assert.ok(settled === 1 || settled === 2)
    }
  })
}

// mallory says that a packet holds more than it does, to be given what lies behind it in the read buffer.
test('intake: leaves data with a wrong length to ssh2', () => {
  const { decipher } = cipherPair('aes128-gcm@openssh.com')
  const passed: Buffer[] = []
  const protocol = {
    _decipher: decipher,
    _onPayload: (payload: Buffer) => void passed.push(payload),
    _onPacket() {},
  } as unknown as ProtocolInside
  takeIn(protocol, new EventEmitter() as Socket).receive(5, {
    data: () => assert.fail('taken'),
    settle() {},
  })
  const long = payloadOf('data', true)
  long.writeUInt32BE(5, 5)

  protocol._onPayload(long)
  protocol._onPayload(long.subarray(0, 8))

  assert.equal(passed.length, 2)
})
