import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpError } from '../../../src/base/error.ts'
import { sftp } from '../../../src/sftpd/subsystem.ts'
import { Status } from '../../../src/wire/constants.ts'
import { encodeRequest } from '../../../src/wire/requests.ts'
import { memorySession } from '../../support/memory-channel.ts'
import { openFile, startSftp, writeOf } from '../../support/running-sftp.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

const OK = { type: 'status', code: Status.ok, message: '' }

test('sftp: a file is written, read and closed', async () => {
  const running = await startSftp()
  const handle = await openFile(running, 'a.txt')

  const replies = await running.answers(
    writeOf(2, handle, 0, 'hello '),
    writeOf(3, handle, 6, 'world'),
    { type: 'read', id: 4, handle, offset: 0, length: 100 },
    { type: 'read', id: 5, handle, offset: 11, length: 100 },
    { type: 'close', id: 6, handle },
    { type: 'close', id: 7, handle },
  )

  assert.deepEqual(replies.slice(0, 2), [OK, OK])
  assert.deepEqual(replies[2], { type: 'data', data: Buffer.from('hello world') })
  assert.equal((replies[3] as { code: number }).code, Status.eof)
  assert.deepEqual(replies[4], OK)
  assert.equal((replies[5] as { code: number }).code, Status.failure)
  assert.equal(running.vfs.text('/a.txt'), 'hello world')
})

test('sftp: a listing has both dots and all names, over several replies, then the end', async () => {
  const running = await startSftp()
  for (let i = 0; i < 3000; i++) running.vfs.put(`/file-${i}`, 'x')
  const { handle } = await running.answer('handle', { type: 'opendir', id: 1, path: '/' })

  const names: string[] = []
  let replies = 0
  for (let id = 2; ; id++) {
    const [reply] = await running.answers({ type: 'readdir', id, handle })
    const { type, names: some } = reply as { type: string; names: { name: string; longname: string }[] }
    if (type !== 'name') break
    replies++
    names.push(...some.map(({ name }) => name))
  }

  assert.equal(new Set(names).size, 3002)
  assert.deepEqual(names.slice(0, 2), ['.', '..'])
  assert.ok(replies > 1)
})

test('sftp: the end of the input ends the session with 0, and the tree is given back', async () => {
  const running = await startSftp()

  running.channel.sendEof()

  assert.equal(await running.ended, 0)
  assert.ok(running.vfs.disposed)
})

test('sftp: a session that is not opened says why and ends with 1', async () => {
  const harness = memorySession()
  const refuse = (): never => {
    throw new OpError('EACCES', 'This account has no files')
  }

  const status = await sftp({ open: refuse })(harness.session)

  assert.equal(status, 1)
  assert.equal(harness.channel.errors, 'This account has no files\r\n')
})

test('sftp: what is left open when the connection goes is abandoned, and what was closed is not', async () => {
  const running = await startSftp()
  await openFile(running, '/left')
  const handle = await openFile(running, '/closed')
  await running.answers({ type: 'close', id: 2, handle })

  running.abort()
  await running.ended

  assert.deepEqual(running.vfs.calls, ['close /closed', 'abandon /left'])
})

test('sftp: a request before INIT is answered as a bad message', async () => {
  const harness = memorySession()
  void sftp({ open: () => new TinyVfs() })(harness.session)
  await Promise.resolve()

  harness.ask({ type: 'stat', id: 9, path: '/' })

  const { id, reply } = await harness.reply()
  assert.equal(id, 9)
  assert.equal((reply as { code: number }).code, Status.badMessage)
})

test('sftp: a packet that is cut short is answered with its id, and the session goes on', async () => {
  const running = await startSftp()
  const packet = Buffer.from(encodeRequest({ type: 'stat', id: 77, path: '/abc' }))
  packet.writeUInt32BE(1000, 9)

  running.channel.send(packet)
  const bad = await running.reply()
  const [good] = await running.answers({ type: 'stat', id: 78, path: '/' })

  assert.equal(bad.id, 77)
  assert.equal((bad.reply as { code: number }).code, Status.badMessage)
  assert.equal((good as { type: string }).type, 'attrs')
})

test('sftp: an unknown request is answered as unsupported', async () => {
  const running = await startSftp()

  const [reply] = await running.answers({ type: 'unknown', id: 5, code: 99 })

  assert.equal((reply as { code: number }).code, Status.unsupported)
})

test('sftp: a length that cannot be ends the session, without memory for it', async () => {
  const running = await startSftp()

  running.channel.send(Buffer.from([0xff, 0xff, 0xff, 0xff, 3]))

  assert.equal(await running.ended, 1)
})

test('sftp: no reply to READDIR is over the 128 KiB that sshfs takes, whatever the names', async () => {
  const running = await startSftp()
  for (let i = 0; i < 1000; i++) running.vfs.put(`/${String(i).padEnd(250, 'x')}`, '')
  const { handle } = await running.answer('handle', { type: 'opendir', id: 1, path: '/' })

  let largest = 0
  for (let id = 2, names = 0; names < 1002; id++) {
    running.ask({ type: 'readdir', id, handle })
    const packet = await running.channel.packet()
    largest = Math.max(largest, packet.length)
    names += Buffer.from(packet).readUInt32BE(5)
  }

  assert.ok(largest <= 128 * 1024, String(largest))
  assert.ok(largest > 100 * 1000, String(largest))
})

test('sftp: a file is not made under a name that ends in a slash', async () => {
  const running = await startSftp()

  const [reply] = await running.answers({
    type: 'open',
    id: 1,
    path: 'nodir/',
    flags: { write: true, create: true, truncate: true },
    attrs: {},
  })

  assert.equal((reply as { code: number }).code, Status.failure)
  assert.match((reply as { message: string }).message, /"nodir\/" names a folder/)
})
