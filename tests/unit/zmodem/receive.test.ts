import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError, OpError } from '../../../src/base/error.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import type { FileHandle } from '../../../src/vfs/vfs.ts'
import { End, Frame, FrameWriter, type Header, hexHeader } from '../../../src/zmodem/frames.ts'
import { MOST_SIZE, TRIES } from '../../../src/zmodem/line.ts'
import { receiveFiles, type Storage } from '../../../src/zmodem/receive.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'
import { zmodemPeer } from '../../support/zmodem-peer.ts'

const FIRST: Header = { type: Frame.rqinit, position: 0, flags: 0 }
const FILE = frame(Frame.file, 0, Buffer.from('a\0' + '10\0'), End.ackStop)

/** A binary header, and a subpacket if there is data. */
function frame(type: number, position: number, data?: Uint8Array, end: number = End.header): Buffer {
  const writer = new FrameWriter(false, true)
  writer.header(type, position)
  if (data !== undefined) writer.data(data, end)
  return writer.take()
}

function* forever<T>(...items: readonly T[]): Generator<T> {
  for (;;) yield* items
}

function* after<T>(first: Iterable<T>, then: Iterable<T>): Generator<T> {
  yield* first
  yield* then
}

/** Everything is wanted, from `from` on, into the file "/a"; `refusals` hears the code and how much is there. */
function storageOf(
  vfs: TinyVfs,
  from = 0,
  change: Partial<FileHandle> = {},
  refusals: (readonly [string, number])[] = [],
): Storage {
  const path = virtualPath('/a')
  return {
    async open() {
      return {
        handle: { ...vfs.open(path, { write: true, create: true }), ...change },
        from,
        refused: ({ code }, bytes) => void refusals.push([code, bytes]),
      }
    },
  }
}

const gaveUp = (words: RegExp) => (error: unknown) =>
  isOpError(error, 'ECANCELED') && words.test(error.message)

test('zmodem receive: a sender that says nothing is asked a few times, and given up', async () => {
  const { line, written } = zmodemPeer([])

  await assert.rejects(receiveFiles(line, FIRST, storageOf(new TinyVfs())), gaveUp(/does not answer/))

  assert.equal(written.length, TRIES + 1)
})

test('zmodem receive: one that falls silent in the midst of a file is given up, and what came is kept', async () => {
  const vfs = new TinyVfs()
  const { line } = zmodemPeer([FILE, frame(Frame.data, 0, Buffer.from('begin'), End.ackStop)])

  await assert.rejects(receiveFiles(line, FIRST, storageOf(vfs)), gaveUp(/does not answer/))

  assert.equal(vfs.text('/a'), 'begin')
  assert.deepEqual(vfs.calls, ['write /a 0 5', 'abandon /a'])
})

test('zmodem receive: a line that damages all is given up', async () => {
  const vfs = new TinyVfs()
  const bad = frame(Frame.data, 0, Buffer.from('begin'), End.ackStop)
  bad[bad.length - 8] = bad[bad.length - 8]! ^ 1
  const { line, written } = zmodemPeer(after([FILE], forever(bad)))

  await assert.rejects(
    receiveFiles(line, FIRST, storageOf(vfs)),
    (error) => isOpError(error, 'EIO') && /damages too much/.test(error.message),
  )

  assert.ok(written.length < 40, `${written.length} frames`)
  assert.equal(vfs.text('/a'), '')
})

test('zmodem receive: data and an end that are of another place are asked for again, never taken', async () => {
  const vfs = new TinyVfs()
  const { line } = zmodemPeer([
    FILE,
    Buffer.concat([frame(Frame.data, 5, Buffer.from('wrong')), frame(Frame.eof, 10)]),
    Buffer.concat([frame(Frame.data, 0, Buffer.from('right')), frame(Frame.eof, 5)]),
    hexHeader(Frame.fin),
  ])

  assert.equal(await receiveFiles(line, FIRST, storageOf(vfs)), 1)

  assert.equal(vfs.text('/a'), 'right')
  assert.deepEqual(vfs.calls, ['write /a 0 5', 'close /a'])
})

test('zmodem receive: what goes beyond 4 GiB is refused, whatever was announced', async () => {
  const vfs = new TinyVfs()
  const from = MOST_SIZE - 2
  const beyond = frame(Frame.data, from, Buffer.from('beyond'), End.ackStop)
  const { line } = zmodemPeer([FILE, beyond, hexHeader(Frame.fin)])
  const refusals: (readonly [string, number])[] = []
  let written = 0
  const write = (data: readonly Uint8Array[]): void => {
    for (const { length } of data) written += length
  }

  assert.equal(await receiveFiles(line, FIRST, storageOf(vfs, from, { write }, refusals)), 0)

  assert.deepEqual(refusals, [['EFBIG', from]])
  assert.equal(written, 0)
  assert.deepEqual(vfs.calls, ['abandon /a'])
})

test('zmodem receive: a file that is refused in its midst is skipped, and what follows of it passed over', async () => {
  const vfs = new TinyVfs()
  vfs.limit = 8
  const refusals: (readonly [string, number])[] = []
  const { line, written } = zmodemPeer([
    FILE,
    frame(Frame.data, 0, Buffer.alloc(60_000, 'x'), End.ackStop),
    frame(Frame.data, 60_000, Buffer.alloc(60_000, 'x'), End.ackStop),
    frame(Frame.data, 120_000, Buffer.alloc(60_000, 'x'), End.ackStop),
    Buffer.concat([Buffer.from('on its way\r**'), frame(Frame.eof, 180_000)]),
    FILE,
    Buffer.concat([frame(Frame.data, 0, Buffer.from('small')), frame(Frame.eof, 5)]),
    hexHeader(Frame.fin),
  ])

  assert.equal(await receiveFiles(line, FIRST, storageOf(vfs, 0, {}, refusals)), 1)

  assert.deepEqual(refusals, [['EDQUOT', 0]])
  assert.equal(written.filter((bytes) => bytes.equals(hexHeader(Frame.skip))).length, 1)
  assert.equal(vfs.text('/a'), 'small')
})

test('zmodem receive: a file that cannot be closed is skipped, and what was there of it is told', async () => {
  const vfs = new TinyVfs()
  const refusals: (readonly [string, number])[] = []
  const { line, written } = zmodemPeer([
    FILE,
    Buffer.concat([frame(Frame.data, 0, Buffer.from('small')), frame(Frame.eof, 5)]),
    hexHeader(Frame.fin),
  ])
  const close = (): never => {
    throw new OpError('EDQUOT', 'Quota used up')
  }

  assert.equal(await receiveFiles(line, FIRST, storageOf(vfs, 0, { close }, refusals)), 0)

  assert.deepEqual(refusals, [['EDQUOT', 5]])
  assert.ok(written.some((bytes) => bytes.equals(hexHeader(Frame.skip))))
})

test('zmodem receive: a sender that proves nothing is asked twice', async () => {
  const proofs: (number | undefined)[] = []
  const storage: Storage = {
    async open(_, proof) {
      proofs.push(await proof(7))
      return undefined
    },
  }
  const crc = hexHeader(Frame.crc, 0xfedcba98)
  const silent = zmodemPeer([FILE])
  await assert.rejects(receiveFiles(silent.line, FIRST, storage), gaveUp(/does not answer/))
  const late = zmodemPeer([FILE, hexHeader(Frame.rqinit), crc, hexHeader(Frame.fin)])
  assert.equal(await receiveFiles(late.line, FIRST, storage), 0)

  assert.deepEqual(proofs, [undefined, 0xfedcba98])
  const asked = silent.written.filter((bytes) => bytes.equals(hexHeader(Frame.crc, 7)))
  assert.equal(asked.length, 2)
})
