// Senders of ZMODEM that say anything, in any order: each ends; an old file stays what it was unless it may be replaced,
// and begins with what it was then, or is wholly new; nothing stays open, and the book is what is on the disk.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { isOpError } from '../../src/base/error.ts'
import { storageIn } from '../../src/shell/incoming.ts'
import { CANCEL, End, Frame, FrameWriter, hexHeader } from '../../src/zmodem/frames.ts'
import { FrameReader } from '../../src/zmodem/reader.ts'
import { receiveFiles } from '../../src/zmodem/receive.ts'
import { stagedAccount } from '../support/staged-account.ts'
import { balanced, onDisk, openUnder, p, put } from '../support/staged-files.ts'

const RUNS = Number(process.env.ZMODEM_RUNS ?? 150)
const OLD = 'the old file, whole'
const LIMIT = 40_000
/** Looks for more bytes than any of these senders is worth. */
const MOST_LOOKS = 2_000

/** What a sender says next, when it was asked for the bytes from `at` on. */
type Word = (at: number) => Uint8Array | undefined

/** A binary header, and a subpacket if there is data. */
function frame(type: number, position: number, data?: Uint8Array, end: number = End.ackStop): Buffer {
  const writer = new FrameWriter(false, true)
  writer.header(type, position)
  if (data !== undefined) writer.data(data, end)
  return writer.take()
}

const NAMES = [
  'a',
  'b',
  'old',
  'old',
  'dir',
  '..',
  '.',
  '',
  '../../x',
  '.miniftp-staged-x',
  '\xff\xfe',
  'n\nl',
]
const names = fc.constantFrom(...NAMES, 'x'.repeat(256), 'x'.repeat(5_000))
const sizes = fc.constantFrom('0', '5000', '99999', '-1', '0x1', '999999999999999', '9'.repeat(30), '')
const ends = fc.constantFrom(End.header, End.go, End.ackGo, End.ackStop)
const places = fc.oneof(fc.constantFrom(0, OLD.length, 0xffffffff), fc.nat(60_000))

const files = fc.tuple(names, sizes, fc.constantFrom(0, 3, 255)).map(
  ([name, size, flags]): Word =>
    () =>
      frame(Frame.file, flags * 2 ** 24, Buffer.from(`${name}\0${size} 777777777777 107777 0`, 'latin1')),
)
/** Behind what a word has sent it goes on. */
const lengths = new WeakMap<Word, number>()
const right = fc.tuple(fc.nat(9_000), ends).map(([length, end]): Word => {
  const word: Word = (at) => frame(Frame.data, at, Buffer.alloc(length, 'd'), end)
  lengths.set(word, length)
  return word
})
const wrong = fc.tuple(places, fc.nat(70_000), ends).map(
  ([at, length, end]): Word =>
    () =>
      frame(Frame.data, at, Buffer.alloc(length, 'd'), end),
)
const headers = fc.tuple(fc.nat(20), places, fc.boolean()).map(
  ([type, at, hex]): Word =>
    () =>
      hex ? hexHeader(type, at) : frame(type, at),
)
const noise = fc.uint8Array({ maxLength: 300 }).map(
  (bytes): Word =>
    () =>
      bytes,
)
const proofs = fc.boolean().map(
  (good): Word =>
    () =>
      hexHeader(Frame.crc, good ? crc32(OLD) : 77),
)
const eof: Word = (at) => hexHeader(Frame.eof, at)
const silence: Word = () => undefined
const cancel: Word = () => CANCEL

const words = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: files },
    { weight: 6, arbitrary: right },
    { weight: 3, arbitrary: fc.constant(eof) },
    { weight: 2, arbitrary: fc.oneof(wrong, headers, noise, proofs) },
    { weight: 1, arbitrary: fc.constantFrom(silence, cancel) },
  ),
  { maxLength: 25 },
)

/** The line to a sender that says these words, one whenever it is listened to. */
function lineTo(said: readonly Word[]) {
  let at = 0
  let looks = 0
  const left = [...said]
  return {
    reader: new FrameReader(async () => {
      looks += 1
      assert.ok(looks < MOST_LOOKS, 'it never ends')
      const word = left.shift()
      if (word === undefined) return undefined
      const bytes = word(at)
      at += lengths.get(word) ?? 0
      return bytes
    }),
    async write(bytes: Uint8Array) {
      const asked = /\*\*\x18B(?:09|03)([0-9a-f]{8})/.exec(Buffer.from(bytes).toString('latin1'))
      if (asked !== null) at = Buffer.from(asked[1]!, 'hex').readUInt32LE(0)
    },
  }
}

test('zmodem: whatever a sender says, it ends, and no old file is lost to it', async () => {
  await fc.assert(
    fc.asyncProperty(words, fc.boolean(), async (said, force) => {
      await using ada = await stagedAccount({ bytes: LIMIT, files: 30 })
      const vfs = await ada.session()
      await put(vfs, '/old', OLD)
      await vfs.mkdir(p('/dir'))
      const first = { type: Frame.rqinit, position: 0, flags: 0 }
      const { signal } = new AbortController()
      const storage = storageIn({
        vfs,
        cwd: p('/'),
        name: undefined,
        force,
        refusals: [],
        signal,
        log: () => {},
      })
      try {
        await receiveFiles(lineTo(said), first, storage)
      } catch (error) {
        if (!isOpError(error)) throw error
      }

      const there = await onDisk(ada, 'old')
      const whole = there.startsWith(OLD) ? there.slice(OLD.length) : force ? there : 'lost'
      assert.match(whole, /^d*$/)
      assert.equal(openUnder(ada.home) + openUnder(ada.staging), 0)
      const { used, reserved } = ada.book.usage
      assert.ok(used + reserved <= LIMIT)
      await vfs[Symbol.asyncDispose]()
      await balanced(ada)
    }),
    { numRuns: RUNS },
  )
})
