import assert from 'node:assert/strict'
import { test } from 'node:test'
import { now } from '../../../src/base/awaitable.ts'
import { OpError } from '../../../src/base/error.ts'
import { type Log, silentLog } from '../../../src/base/log.ts'
import type { FileHandle } from '../../../src/vfs/vfs.ts'
import { Status } from '../../../src/wire/constants.ts'
import { encodeRequest, type Request } from '../../../src/wire/requests.ts'
import { lateVfs } from '../../support/late-vfs.ts'
import { openFile, startSftp, startSftpOver, writeOf } from '../../support/running-sftp.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

const OK = { type: 'status', code: Status.ok, message: '' }

test('write: what goes on where the last ended is one call, with an answer each', async () => {
  const running = await startSftp()
  const handle = await openFile(running, '/a')

  const replies = await running.answers(
    writeOf(1, handle, 0, 'one'),
    writeOf(2, handle, 3, 'two'),
    writeOf(3, handle, 6, 'three'),
    writeOf(4, handle, 20, 'apart'),
  )

  assert.deepEqual(replies, [OK, OK, OK, OK])
  assert.deepEqual(running.vfs.calls, ['write /a 0 11', 'write /a 20 5'])
})

test('write: a handle that appends has a call for each', async () => {
  const running = await startSftp()
  const handle = await openFile(running, '/a', { append: true })

  await running.answers(writeOf(1, handle, 0, 'one'), writeOf(2, handle, 3, 'two'))

  assert.deepEqual(running.vfs.calls, ['write /a 0 3', 'write /a 3 3'])
})

test('write: data that lie in several chunks are written without being gathered, and are right', async () => {
  const running = await startSftp()
  const handle = await openFile(running, '/a')
  const data = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i * 31))
  const packet = encodeRequest(writeOf(1, handle, 0, data))

  running.channel.send(packet.subarray(0, 3), packet.subarray(3, 20), packet.subarray(20, 40_000))
  running.channel.send(packet.subarray(40_000, 60_000))
  running.channel.send(packet.subarray(60_000))

  assert.deepEqual((await running.reply()).reply, OK)
  assert.deepEqual(running.vfs.nodes.get('/a')!.data, data)
})

test('write: of a run that does not fit, what fits is written, and only the others are refused', async () => {
  const running = await startSftp()
  running.vfs.limit = 8
  const handle = await openFile(running, '/a')

  const replies = await running.answers(
    writeOf(1, handle, 0, 'four'),
    writeOf(2, handle, 4, 'four'),
    writeOf(3, handle, 8, 'four'),
    writeOf(4, handle, 12, 'more'),
  )

  const codes = replies.map((reply) => (reply.type === 'status' ? reply.code : undefined))
  assert.deepEqual(codes, [Status.ok, Status.ok, Status.failure, Status.failure])
  assert.equal(running.vfs.text('/a'), 'fourfour')
})

test('write: a run that is refused late is tried one by one, with the bytes that were sent', async () => {
  const vfs = new TinyVfs()
  vfs.limit = 8
  const running = await startSftpOver(lateVfs(vfs, () => 'later'))
  const handle = await openFile(running, '/a')

  const replies = await running.answers(
    writeOf(1, handle, 0, 'four'),
    writeOf(2, handle, 4, 'five'),
    writeOf(3, handle, 8, 'more'),
  )

  const codes = replies.map((reply) => (reply.type === 'status' ? reply.code : undefined))
  assert.deepEqual(codes, [Status.ok, Status.ok, Status.failure])
  assert.equal(vfs.text('/a'), 'fourfive')
})

test('read: a file that is not quick is read into memory of its own, and may answer late', async () => {
  const vfs = new TinyVfs()
  vfs.put('/a', 'hello world')
  const running = await startSftpOver(lateVfs(vfs, () => 'later'))
  const handle = await openFile(running, '/a')

  const replies = await running.answers(
    { type: 'read', id: 1, handle, offset: 0, length: 6 },
    { type: 'read', id: 2, handle, offset: 6, length: 6 },
    { type: 'read', id: 3, handle, offset: 12, length: 6 },
  )

  assert.deepEqual(
    replies.map((reply) => (reply.type === 'data' ? Buffer.from(reply.data).toString() : reply.type)),
    ['hello ', 'world', 'status'],
  )
})

test('read: of a file that breaks its word to be quick, no byte of the memory for its answer is sent', async () => {
  const vfs = new TinyVfs()
  vfs.put('/a', 'hello world')
  const late = lateVfs(vfs, () => 'later')
  const open = late.open
  late.open = async (...asked) => Object.assign(await open(...asked), { quick: () => true })
  const running = await startSftpOver(late)
  const handle = await openFile(running, '/a')

  running.ask({ type: 'read', id: 1, handle, offset: 0, length: 6 })

  await assert.rejects(running.ended, /called itself quick/)
  assert.equal(running.channel.untaken + running.channel.queued, 0)
})

test('write: a full quota is told in the status, and once a file on stderr', async () => {
  const running = await startSftp()
  running.vfs.limit = 0
  const handle = await openFile(running, '/a\u202e\x1b[2J')

  const [refused] = await running.answers(writeOf(1, handle, 0, 'x'))
  await running.answers(writeOf(2, handle, 1, 'x'))

  const sentence = 'Quota used up, no room for "/a.\\u{1b}[2J"'
  assert.equal(refused?.type === 'status' && refused.message, sentence)
  assert.equal(running.channel.errors, `${sentence}\r\n`)
})

// phpseclib 2 and 3 take what comes on stderr while they send for the beginning of the next answer.
test('write: who is a program of its own for SFTP is told of a full quota in the status alone', async () => {
  const running = await startSftp({ client: 'phpseclib_3.0' })
  running.vfs.limit = 0
  const handle = await openFile(running, '/a')

  const [refused] = await running.answers(writeOf(1, handle, 0, 'x'))

  assert.equal(refused?.type === 'status' && refused.message, 'Quota used up, no room for "/a"')
  assert.equal(running.channel.errors, '')
})

test('a full disk is told in the status, and once a file on stderr, and logged as what it is', async () => {
  const logged: string[] = []
  const log: Log = { ...silentLog, info: (event) => void logged.push(event) }
  const running = await startSftp({ log })
  running.vfs.mkdir = (path) => {
    throw new OpError('ENOSPC', `The server's disk is full: "${path}"`, { path })
  }
  const mkdir = (id: number, path: string): Request => ({ type: 'mkdir', id, path, attrs: {} })

  const [refused] = await running.answers(mkdir(1, '/a'), mkdir(2, '/a'), mkdir(3, '/b'))

  assert.equal(refused?.type === 'status' && refused.message, `The server's disk is full: "/a"`)
  assert.equal(
    running.channel.errors,
    `The server's disk is full: "/a"\r\nThe server's disk is full: "/b"\r\n`,
  )
  assert.deepEqual(logged, ['disk full', 'disk full'])
})

test('read: what goes on where the last ended is one call, into the packets that are sent', async () => {
  const running = await startSftp()
  const content = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i * 17))
  running.vfs.put('/a', content)
  const handle = await openFile(running, '/a')

  const replies = await running.answers(
    { type: 'read', id: 1, handle, offset: 0, length: 70_000 },
    { type: 'read', id: 2, handle, offset: 70_000, length: 70_000 },
    { type: 'read', id: 3, handle, offset: 140_000, length: 50_000 },
  )

  const data = replies.map((reply) => (reply.type === 'data' ? reply.data : Buffer.alloc(0)))
  assert.deepEqual(
    data.map(({ length }) => length),
    [70_000, 70_000, 50_000],
  )
  assert.deepEqual(Buffer.concat(data), content.subarray(0, 190_000))
  assert.deepEqual(running.vfs.calls, ['read /a 0 190000'])
})

test('read: at the end of the file come the bytes that are there, then the end, and no half-built packet', async () => {
  const running = await startSftp()
  running.vfs.put('/a', 'x'.repeat(100))
  const handle = await openFile(running, '/a')

  const replies = await running.answers(
    { type: 'read', id: 1, handle, offset: 0, length: 60 },
    { type: 'read', id: 2, handle, offset: 60, length: 60 },
    { type: 'read', id: 3, handle, offset: 120, length: 60 },
  )

  assert.deepEqual(
    replies.map((reply) => (reply.type === 'data' ? reply.data.length : reply.type)),
    [60, 40, 'status'],
  )
})

test('read: a file cut short between the READs of a run gives what was read and no more', async () => {
  const running = await startSftp()
  running.vfs.put('/a', Buffer.alloc(300_000, 1))
  const handle = await openFile(running, '/a')
  running.vfs.nodes.get('/a')!.data = Buffer.alloc(100_000, 2)

  const replies = await running.answers(
    { type: 'read', id: 1, handle, offset: 0, length: 90_000 },
    { type: 'read', id: 2, handle, offset: 90_000, length: 90_000 },
    { type: 'stat', id: 3, path: '/' },
  )

  assert.deepEqual(
    replies.map(({ type }) => type),
    ['data', 'data', 'attrs'],
  )
  assert.equal(replies[1]?.type === 'data' && replies[1].data.length, 10_000)
})

test('read: at most 255 KiB, however much is asked', async () => {
  const running = await startSftp()
  running.vfs.put('/a', Buffer.alloc(600_000))
  const handle = await openFile(running, '/a')

  const { data } = await running.answer('data', {
    type: 'read',
    id: 1,
    handle,
    offset: 0,
    length: 0xffffffff,
  })

  assert.equal(data.length, 255 * 1024)
})

/** A file of 100 bytes of which is known how long it was when it was opened, as of those on a disk. */
async function knownFile() {
  const vfs = new TinyVfs()
  vfs.put('/a', 'x'.repeat(100))
  const open = vfs.open.bind(vfs)
  const asked: number[] = []
  vfs.open = (...how) => {
    const file = open(...how)
    const read: FileHandle['read'] = (into, offset) => {
      asked.push(into.reduce((sum, { length }) => sum + length, 0))
      return file.read(into, offset)
    }
    return { ...file, found: now(file.stat()), read }
  }
  const running = await startSftpOver(vfs)
  const handle = await openFile(running, '/a')
  const read = async (offset: number, length: number): Promise<string> => {
    const [reply] = await running.answers({ type: 'read', id: 1, handle, offset, length })
    return reply?.type === 'data' ? Buffer.from(reply.data).toString() : `${reply?.type}`
  }
  const becomes = (text: string): void => {
    vfs.nodes.get('/a')!.data = Buffer.from(text)
  }
  return { asked, read, becomes }
}

test('read: of a file whose end is near as much is asked as is there, and a byte more', async () => {
  const { asked, read } = await knownFile()

  assert.equal(await read(0, 261_120), 'x'.repeat(100))
  assert.equal(await read(60, 261_120), 'x'.repeat(40))
  assert.equal(await read(100, 261_120), 'status')
  assert.equal(await read(5000, 261_120), 'status')
  assert.equal(await read(10, 20), 'x'.repeat(20))
  assert.equal(await read(99, 1), 'x')

  assert.deepEqual(asked, [101, 41, 1, 1, 20, 1])
})

// §6.4: of a disk's file what was asked, or up to its end.
test('read: what a file has grown by since it was opened is part of the answer', async () => {
  const { read, becomes } = await knownFile()
  becomes(`${'x'.repeat(100)}${'y'.repeat(400)}`)

  assert.equal(await read(0, 261_120), `${'x'.repeat(100)}${'y'.repeat(400)}`)
  assert.equal(await read(50, 200), `${'x'.repeat(50)}${'y'.repeat(150)}`)
  assert.equal(await read(300, 1000), 'y'.repeat(200))
  assert.equal(await read(500, 1000), 'status')

  becomes('z'.repeat(30))
  assert.equal(await read(0, 1000), 'z'.repeat(30))
  assert.equal(await read(30, 1000), 'status')
})

test('read: a handle that is not open for reading, and one that is closed', async () => {
  const running = await startSftp()
  const handle = await openFile(running, '/a', { read: false })

  const replies = await running.answers(
    { type: 'read', id: 1, handle, offset: 0, length: 10 },
    { type: 'read', id: 2, handle, offset: 10, length: 10 },
    { type: 'close', id: 3, handle },
    { type: 'read', id: 4, handle, offset: 0, length: 10 },
    writeOf(5, handle, 0, 'x'),
  )

  const codes = replies.map((reply) => (reply.type === 'status' ? reply.code : undefined))
  assert.deepEqual(codes, [Status.failure, Status.failure, Status.ok, Status.failure, Status.failure])
})
