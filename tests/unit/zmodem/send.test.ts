import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { isOpError } from '../../../src/base/error.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { CAN_CRC32, Frame, type Header, hexHeader } from '../../../src/zmodem/frames.ts'
import { TRIES } from '../../../src/zmodem/line.ts'
import { sendFiles } from '../../../src/zmodem/send.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'
import { zmodemPeer } from '../../support/zmodem-peer.ts'

const CONTENT = 'what is sent'
const FIN = hexHeader(Frame.fin)
const TAKEN = hexHeader(Frame.rinit)

/** Sends a file of `content` to a receiver that answers so. */
function send(answers: readonly (Uint8Array | undefined)[], content = CONTENT, window = 0) {
  const vfs = new TinyVfs()
  vfs.put('/a', content)
  const peer = zmodemPeer(answers)
  const ready: Header = { type: Frame.rinit, position: window, flags: CAN_CRC32 }
  const files = [{ name: 'a', open: () => vfs.open(virtualPath('/a'), { read: true }) }]
  const sent = sendFiles(peer.line, ready, files, new AbortController().signal)
  return { ...peer, sent }
}

const noAnswer = (error: unknown) => isOpError(error, 'EIO') && /does not answer/.test(error.message)

test('zmodem send: a receiver that says nothing is offered the file a few times, and given up', async () => {
  const { sent, written } = send([])

  await assert.rejects(sent, noAnswer)

  assert.equal(written.length, TRIES)
})

test('zmodem send: a place behind the end of the file is refused, by a sentence that says why', async () => {
  const beyond = CONTENT.length + 1
  const { sent } = send([hexHeader(Frame.rpos, beyond), TAKEN, FIN])

  await assert.rejects(
    sent,
    (error) =>
      isOpError(error, 'EINVAL') && error.message.startsWith(`Your side asks for byte ${beyond} of "a"`),
  )
})

test('zmodem send: the end of the file may be asked for, as one who has it all does', async () => {
  const { sent } = send([hexHeader(Frame.rpos, CONTENT.length), TAKEN, FIN])

  assert.deepEqual(await sent, [{ from: CONTENT.length, proved: false }])
})

test('zmodem send: a receiver that asks for the CRC of what it has can see for itself, as far as it asked', async () => {
  const asks = hexHeader(Frame.crc, 4)
  const proved = send([asks, hexHeader(Frame.rpos, 4), TAKEN, FIN])
  const more = send([asks, hexHeader(Frame.rpos, 5), TAKEN, FIN])
  const all = send([hexHeader(Frame.crc, 0), hexHeader(Frame.rpos, 5), TAKEN, FIN])

  assert.deepEqual(await proved.sent, [{ from: 4, proved: true }])
  assert.deepEqual(await more.sent, [{ from: 5, proved: false }])
  assert.deepEqual(await all.sent, [{ from: 5, proved: true }])
  assert.deepEqual(proved.written[1], hexHeader(Frame.crc, crc32(CONTENT.slice(0, 4))))
  assert.deepEqual(all.written[1], hexHeader(Frame.crc, crc32(CONTENT)))
})

test('zmodem send: a receiver that never says that it has all is given up', async () => {
  const { sent, written } = send([hexHeader(Frame.rpos, 0)])

  await assert.rejects(sent, noAnswer)

  assert.ok(written.length <= TRIES + 2, `${written.length} frames`)
})

test('zmodem send: one with a window that stops to answer is given up, and not sent the rest', async () => {
  const { sent, written } = send([hexHeader(Frame.rpos, 0)], 'x'.repeat(1_000_000), 16_384)

  await assert.rejects(sent, noAnswer)

  assert.ok(written.length < 10, `${written.length} frames`)
})

test('zmodem send: one with a window gets no more than fits, until it has answered', async () => {
  const content = 'x'.repeat(40_000)
  const acks = [16_384, 32_768].map((at) => hexHeader(Frame.ack, at))
  const { sent, written } = send([hexHeader(Frame.rpos, 0), ...acks, TAKEN, FIN], content, 16_384)

  assert.deepEqual(await sent, [{ from: 0, proved: true }])
  assert.ok(Math.max(...written.map(({ length }) => length)) < 16_384 + 100)
})

test('zmodem send: one that does not say goodbye is not waited for for ever', async () => {
  const { sent, written } = send([hexHeader(Frame.rpos, 0), TAKEN])

  assert.deepEqual(await sent, [{ from: 0, proved: true }])
  assert.equal(written.filter((bytes) => bytes.equals(FIN)).length, TRIES)
})

test('zmodem send: a receiver that skips the file in its midst gets no more of it, and has not been sent it', async () => {
  const skip = hexHeader(Frame.skip)
  const { sent, written } = send([hexHeader(Frame.rpos, 0), skip, FIN], 'x'.repeat(1_000_000))

  assert.deepEqual(await sent, [{ from: undefined, proved: false }])
  assert.ok(written.length < 8, `${written.length} frames`)
})
