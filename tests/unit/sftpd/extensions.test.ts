import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { advertised } from '../../../src/sftpd/extensions.ts'
import { MAX_HANDLES } from '../../../src/sftpd/handles.ts'
import { Builder } from '../../../src/wire/builder.ts'
import { MAX_DATA, MAX_PACKET, Status } from '../../../src/wire/constants.ts'
import { Cursor } from '../../../src/wire/cursor.ts'
import type { Request } from '../../../src/wire/requests.ts'
import { openFile, startSftp, writeOf } from '../../support/running-sftp.ts'

const extended = (name: string, fields = new Builder()): Request => ({
  type: 'extended',
  id: 7,
  name,
  body: fields.done(),
})
const text = (value: string): Builder => new Builder().text(value)

/** All that is left, as 64-bit numbers. */
function numbers(body: Uint8Array): number[] {
  const fields = new Cursor(body)
  const all: number[] = []
  while (fields.left >= 8) all.push(fields.uint64())
  return all
}

test('extensions: PROTOCOL.md tells of those that are advertised, with their versions', () => {
  const protocol = readFileSync(join(import.meta.dirname, '../../../PROTOCOL.md'), 'latin1')
  const rows = protocol.slice(protocol.indexOf('## 3. Extensions')).matchAll(/^\| (`[^|]+) \|/gm)
  const told = [...rows].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)` (\d)/g)].map(([, name, version]) => `${name} ${version}`),
  )

  assert.deepEqual(told.sort(), advertised.map(({ name, data }) => `${name} ${data}`).sort())
})

test('extensions: each one that is advertised is served, and no other', async () => {
  const running = await startSftp()

  assert.deepEqual(running.hello.extensions.map(({ name, data }) => `${name}=${data}`).sort(), [
    'check-file-handle=1',
    'check-file-name=1',
    'check-file=1',
    'copy-data=1',
    'expand-path@openssh.com=1',
    'fstatvfs@openssh.com=2',
    'fsync@openssh.com=1',
    'hardlink@openssh.com=1',
    'home-directory=1',
    'limits@openssh.com=1',
    'lsetstat@openssh.com=1',
    'md5-hash-handle=1',
    'md5-hash=1',
    'posix-rename@openssh.com=1',
    'resume@miniftp=1',
    'space-available=1',
    'statvfs@openssh.com=2',
    'users-groups-by-id@openssh.com=1',
  ])
  for (const { name } of running.hello.extensions) {
    const [reply] = await running.answers(extended(name))
    assert.ok(reply?.type !== 'status' || reply.code !== Status.unsupported, name)
  }
  const refused = await running.answer('status', extended('posix-rename@example.com'))
  assert.equal(refused.code, Status.unsupported)
})

test('limits: tells the numbers that hold', async () => {
  const running = await startSftp()

  const { body } = await running.answer('extendedReply', extended('limits@openssh.com'))

  assert.deepEqual(numbers(body), [MAX_PACKET, MAX_DATA, MAX_DATA, MAX_HANDLES])
})

test('statvfs, fstatvfs, space-available: tell the quota as the disk', async () => {
  const running = await startSftp()
  running.vfs.limit = 10 * 1024
  running.vfs.put('/a', Buffer.alloc(3 * 1024))
  const handle = await openFile(running, '/a')
  const expected = [1024, 1024, 10, 7, 7, 0, 0, 0, 0, 0, 255]

  const byPath = await running.answer('extendedReply', extended('statvfs@openssh.com', text('/')))
  const byHandle = await running.answer('extendedReply', extended('fstatvfs@openssh.com', text(handle)))
  const space = await running.answer('extendedReply', extended('space-available', text('/')))

  assert.deepEqual(numbers(byPath.body), expected)
  assert.deepEqual(numbers(byHandle.body), expected)
  assert.deepEqual(numbers(space.body), [10240, 7168, 10240, 7168])
  assert.equal(space.body.length, 36)
})

test('statvfs: a quota that was lowered below what is used leaves nothing, not less', async () => {
  const running = await startSftp()
  running.vfs.put('/a', Buffer.alloc(3000))
  running.vfs.limit = 1024

  const { body } = await running.answer('extendedReply', extended('statvfs@openssh.com', text('/')))

  assert.deepEqual(numbers(body).slice(2, 5), [1, 0, 0])
})

test('posix-rename replaces, RENAME does not', async () => {
  const running = await startSftp()
  running.vfs.put('/a', 'a')
  running.vfs.put('/b', 'b')

  const refused = await running.answer('status', { type: 'rename', id: 1, from: '/a', to: '/b' })
  const done = await running.answer('status', extended('posix-rename@openssh.com', text('/a').text('/b')))

  assert.deepEqual([refused.code, done.code], [Status.failure, Status.ok])
  assert.equal(running.vfs.text('/b'), 'a')
})

test('hardlink, lsetstat, fsync: do what they say', async () => {
  const running = await startSftp()
  running.vfs.put('/a', 'a')
  running.vfs.symlink('a', '/link' as never)
  const handle = await openFile(running, '/a')
  const times = text('/link').uint32(8).uint32(11).uint32(12)

  for (const request of [
    extended('hardlink@openssh.com', text('/a').text('/b')),
    extended('lsetstat@openssh.com', times),
    extended('fsync@openssh.com', text(handle)),
  ])
    assert.equal((await running.answer('status', request)).code, Status.ok)

  const sized = text('/link').uint32(1).uint64(0)
  assert.equal(
    (await running.answer('status', extended('lsetstat@openssh.com', sized))).code,
    Status.badMessage,
  )
  assert.equal(running.vfs.text('/a'), 'a')
  assert.equal(running.vfs.nodes.get('/b'), running.vfs.nodes.get('/a'))
  assert.equal(running.vfs.nodes.get('/link')!.mtime, 12)
  assert.ok(running.vfs.calls.includes('sync /a'))
})

test('expand-path, home-directory: the root is home, and other accounts are not known', async () => {
  const running = await startSftp()
  const name = async (request: Request): Promise<string | number> => {
    const [reply] = await running.answers(request)
    if (reply?.type === 'name') return reply.names[0]!.name
    return reply?.type === 'status' ? reply.code : -1
  }

  assert.equal(await name(extended('expand-path@openssh.com', text('~'))), '/')
  assert.equal(await name(extended('expand-path@openssh.com', text('~/x/../y'))), '/y')
  assert.equal(await name(extended('expand-path@openssh.com', text('~ada/y'))), '/y')
  assert.equal(await name(extended('expand-path@openssh.com', text('a/b'))), '/a/b')
  assert.equal(await name(extended('expand-path@openssh.com', text('~mallory/y'))), Status.noSuchFile)
  assert.equal(await name(extended('home-directory', text(''))), '/')
  assert.equal(await name(extended('home-directory', text('ada'))), '/')
  assert.equal(await name(extended('home-directory', text('root'))), Status.noSuchFile)
})

test('users-groups-by-id: the owner of the root has the name of the account, others have none', async () => {
  const running = await startSftp()
  const ids = (...all: number[]): Uint8Array => all.reduce((to, id) => to.uint32(id), new Builder()).done()

  const request = extended(
    'users-groups-by-id@openssh.com',
    new Builder().bytes(ids(1000, 5)).bytes(ids(1000)),
  )
  const { body } = await running.answer('extendedReply', request)

  const fields = new Cursor(body)
  const [users, groups] = [new Cursor(fields.bytes()), new Cursor(fields.bytes())]
  assert.deepEqual([users.text(), users.text(), groups.text()], ['ada', '', 'ada'])
})

test('copy-data: copies a range, or all that is left, into another file', async () => {
  const running = await startSftp()
  running.vfs.put('/a', `${'x'.repeat(300_000)}the end`)
  const [from, to] = [await openFile(running, '/a'), await openFile(running, '/b')]
  const copy = (offset: number, length: number, at: number, target = to): Request =>
    extended('copy-data', text(from).uint64(offset).uint64(length).text(target).uint64(at))

  assert.equal((await running.answer('status', copy(300_000, 0, 3))).code, Status.ok)
  assert.equal((await running.answer('status', copy(300_004, 3, 0))).code, Status.ok)
  assert.equal(running.vfs.text('/b'), 'endthe end')
  assert.equal((await running.answer('status', copy(0, 0, 0))).code, Status.ok)
  assert.equal(running.vfs.text('/b'), running.vfs.text('/a'))
})

test('copy-data: refuses ranges that lie over each other in one file, and handles that are not open for it', async () => {
  const running = await startSftp()
  running.vfs.put('/a', 'abcdef')
  const [one, two] = [await openFile(running, '/a'), await openFile(running, '/a')]
  const readOnly = await openFile(running, '/a', { write: false })
  const copy = (from: string, to: string, offset: number, length: number, at: number): Request =>
    extended('copy-data', text(from).uint64(offset).uint64(length).text(to).uint64(at))

  assert.equal((await running.answer('status', copy(one, one, 0, 3, 2))).code, Status.badMessage)
  assert.equal((await running.answer('status', copy(one, two, 0, 0, 6))).code, Status.badMessage)
  assert.equal((await running.answer('status', copy(one, readOnly, 0, 3, 3))).code, Status.failure)
  assert.equal(running.vfs.text('/a'), 'abcdef')
  assert.equal((await running.answer('status', copy(one, two, 0, 3, 3))).code, Status.ok)
  assert.equal(running.vfs.text('/a'), 'abcabc')
})

test('check-file: the first algorithm that is known, over a range, by name and by handle', async () => {
  const running = await startSftp()
  running.vfs.put('/a', 'hello world')
  const handle = await openFile(running, '/a')
  const asked = (first: Builder): Builder => first.text('crc32,sha256,md5').uint64(6).uint64(5).uint32(0)
  const hash = createHash('sha256').update('world').digest()

  const byName = await running.answer('extendedReply', extended('check-file-name', asked(text('/a'))))
  const byHandle = await running.answer('extendedReply', extended('check-file-handle', asked(text(handle))))
  const asParamiko = await running.answer('extendedReply', extended('check-file', asked(text(handle))))

  const expected = text('sha256').raw(hash).done()
  assert.deepEqual(Buffer.from(byName.body), Buffer.from(expected))
  assert.deepEqual(Buffer.from(byHandle.body), Buffer.from(expected))
  assert.deepEqual(Buffer.from(asParamiko.body), Buffer.from(text('check-file').raw(expected).done()))
})

test('check-file: refuses blocks under 256 bytes, hashes that do not fit, and algorithms it does not have', async () => {
  const running = await startSftp()
  running.vfs.put('/a', 'x')
  running.vfs.stat = () =>
    ({ ...running.vfs.open('/a' as never, { read: true }).stat(), size: 2 ** 40 }) as never
  const huge = await openFile(running, '/a')
  running.vfs.nodes.get('/a')!.data = Buffer.alloc(4_000_000)
  const ask = (algorithms: string, block: number): Request =>
    extended('check-file-handle', text(huge).text(algorithms).uint64(0).uint64(0).uint32(block))

  const tooSmall = await running.answer('status', ask('md5', 255))
  const tooMany = await running.answer('status', ask('md5', 256))
  assert.deepEqual([tooSmall.code, tooMany.code], [Status.badMessage, Status.badMessage])
  assert.match(tooSmall.message, /256 bytes/)
  assert.match(tooMany.message, /do not fit/)
  assert.equal((await running.answer('status', ask('crc32', 0))).code, Status.unsupported)
  const { body } = await running.answer('extendedReply', ask('md5', 1_000_000))
  assert.equal(body.length, 4 + 3 + 4 * 16)
})

test('md5-hash: over a range, and empty when the first 2,048 bytes differ already', async () => {
  const running = await startSftp()
  const content = 'y'.repeat(5000)
  running.vfs.put('/a', content)
  const md5 = (data: string): Buffer => createHash('md5').update(data).digest()
  const ask = (quick: Uint8Array): Request =>
    extended('md5-hash', text('/a').uint64(0).uint64(0).bytes(quick))
  const answer = (hash: Uint8Array): Buffer => Buffer.from(text('md5-hash').bytes(hash).done())

  const plain = await running.answer('extendedReply', ask(Buffer.alloc(0)))
  const right = await running.answer('extendedReply', ask(md5(content.slice(0, 2048))))
  const wrong = await running.answer('extendedReply', ask(md5('other')))

  assert.deepEqual(Buffer.from(plain.body), answer(md5(content)))
  assert.deepEqual(Buffer.from(right.body), answer(md5(content)))
  assert.deepEqual(Buffer.from(wrong.body), answer(Buffer.alloc(0)))
})

test('extensions: a body that is cut short is a bad message, and does nothing', async () => {
  const running = await startSftp()
  running.vfs.put('/a', 'a')

  const reply = await running.answer('status', extended('posix-rename@openssh.com', text('/a')))
  const [written] = await running.answers(writeOf(1, await openFile(running, '/a'), 0, 'b'))

  assert.equal(reply.code, Status.badMessage)
  assert.equal(written?.type === 'status' && written.code, Status.ok)
})
