// Mallory has an account like everybody else, and speaks SFTP by hand: she asks for gigabytes that she never reads, opens
// without closing, sends lengths that lie and names with control sequences in them. It costs her session, and nobody else.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { OpError } from '../../src/base/error.ts'
import { shown } from '../../src/base/escape.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { MAX_HANDLES } from '../../src/sftpd/handles.ts'
import { MAX_PACKET, Status } from '../../src/wire/constants.ts'
import { encodeRequest, type Request } from '../../src/wire/requests.ts'
import { openFile, startSftp, startSftpOver, writeOf } from '../support/running-sftp.ts'
import { TinyVfs } from '../support/tiny-vfs.ts'

const MiB = 1024 * 1024
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

// Mallory asks for gigabytes and reads none of the answers: the server would hold them all.
test('sftp: a client that does not read is held to a few MiB, and not credited for what waits', async () => {
  const running = await startSftp()
  running.vfs.put('/big', Buffer.alloc(8 * MiB))
  const handle = await openFile(running, '/big')
  running.channel.reads = false
  const reads: Request[] = []
  for (let id = 0; id < 200; id++)
    reads.push({ type: 'read', id, handle, offset: (id % 30) * 255 * 1024, length: 255 * 1024 })
  const before = running.channel.credited

  running.ask(...reads)
  for (let i = 0; i < 100; i++) await turn()

  assert.ok(running.channel.queued >= 4 * MiB, String(running.channel.queued))
  assert.ok(running.channel.queued < 5 * MiB, String(running.channel.queued))
  assert.ok(running.channel.credited - before < 64 * 29, 'requests that wait were credited')

  // Once it reads, all of it is served.
  running.channel.reads = true
  running.channel.read()
  for (let id = 0; id < 200; id++) assert.equal((await running.reply()).id, id)
})

// Mallory sends small requests with large answers in one go: nobody else is served until she is.
test('sftp: a session that asks for much in one turn lets others in between', async () => {
  const running = await startSftp()
  running.vfs.put('/big', Buffer.alloc(MiB))
  const handle = await openFile(running, '/big')
  const reads: Request[] = []
  for (let id = 0; id < 16; id++) reads.push({ type: 'read', id, handle, offset: 0, length: 255 * 1024 })

  const flushes = running.channel.flushes
  running.ask(...reads)
  const served = running.vfs.calls.length
  for (let id = 0; id < 16; id++) await running.reply()

  assert.ok(served <= 2, `${served} reads in the first turn`)
  assert.ok(running.channel.flushes - flushes >= 8)
})

// The same with requests that are answered by promises kept at once: the loop would never turn.
test('sftp: many small requests in one turn let others in between, however they are answered', async () => {
  const running = await startSftp()
  const requests: Request[] = []
  for (let id = 0; id < 2000; id++) requests.push({ type: 'opendir', id, path: '/missing' })
  for (let id = 2000; id < 4000; id++)
    requests.push({ type: 'extended', id, name: 'users-groups-by-id@openssh.com', body: Buffer.alloc(8) })

  running.ask(...requests)
  let turns = 0
  let answered = false
  const all = (async () => {
    for (let id = 0; id < 4000; id++) await running.reply()
    answered = true
  })()
  while (!answered) {
    await turn()
    turns++
  }
  await all

  assert.ok(turns > 20, `${turns} turns`)
})

// Mallory announces a packet of 4 GiB, or one of no bytes, and goes on sending.
for (const [name, length] of [
  ['4 GiB', 0xffffffff],
  ['one byte too much', MAX_PACKET + 1],
  ['nothing', 0],
  ['less than an id', 4],
] as const) {
  test(`sftp: a packet of ${name} ends the session; what follows is not kept`, async () => {
    const running = await startSftp()
    const head = Buffer.alloc(5)
    head.writeUInt32BE(length)

    running.channel.send(head)
    const credited = running.channel.credited
    for (let i = 0; i < 10; i++) running.channel.send(Buffer.alloc(MiB))

    assert.equal(await running.ended, 1)
    assert.equal(running.channel.credited, credited)
  })
}

// Mallory cuts her data into crumbs: the kernel refuses a call with more than 1,024 pieces.
test('sftp: data in thousands of pieces, and thousands of tiny requests, are served', async () => {
  const running = await startSftp()
  const handle = await openFile(running, '/a')
  const data = Buffer.from(Array.from({ length: 5000 }, (_, i) => i * 13))
  const packet = encodeRequest(writeOf(1, handle, 0, data))

  running.channel.send(...Array.from(packet, (byte) => Uint8Array.of(byte)))
  const written = await running.reply()
  const reads = Array.from(
    { length: 3000 },
    (_, id): Request => ({ type: 'read', id, handle, offset: id, length: 1 }),
  )
  const answers = await running.answers(...reads)
  const writes = Array.from({ length: 3000 }, (_, id) => writeOf(id, handle, id, 'x'))
  const others = await running.answers(...writes)

  assert.equal(written.reply.type === 'status' && written.reply.code, Status.ok)
  assert.deepEqual(
    Buffer.concat(answers.map((reply) => (reply.type === 'data' ? reply.data : Buffer.alloc(0)))),
    data.subarray(0, 3000),
  )
  assert.ok(others.every((reply) => reply.type === 'status' && reply.code === Status.ok))
  // A call that was refused for its pieces would have been followed by one for each request.
  assert.ok(running.vfs.calls.length < 100, `${running.vfs.calls.length} calls`)
})

// Mallory opens one file after another until the process has no descriptors left for anybody.
test('sftp: a session holds so many handles and no more, files and folders alike', async () => {
  const running = await startSftp()
  const requests: Request[] = []
  for (let id = 0; id < MAX_HANDLES - 1; id++)
    requests.push({ type: 'open', id, path: '/a', flags: { read: true, create: true }, attrs: {} })

  await running.answers(...requests)
  const { handle } = await running.answer('handle', { type: 'opendir', id: 1, path: '/' })
  const refused = await running.answers(
    { type: 'open', id: 2, path: '/new', flags: { write: true, create: true }, attrs: {} },
    { type: 'opendir', id: 3, path: '/' },
    { type: 'close', id: 4, handle },
    { type: 'opendir', id: 5, path: '/' },
  )

  assert.deepEqual(
    refused.map((reply) => (reply.type === 'status' ? reply.code : reply.type)),
    [Status.failure, Status.failure, Status.ok, 'handle'],
  )
  assert.equal(running.vfs.text('/new'), undefined, 'a file was made for an OPEN that was refused')
})

// Mallory keeps the name of a closed handle and hopes that it comes to mean somebody else's file.
test('sftp: the name of a closed handle is never given again', async () => {
  const running = await startSftp()
  const given = new Set<string>()

  for (let i = 0; i < 1000; i++) {
    const handle = await openFile(running, '/a')
    await running.answers({ type: 'close', id: 1, handle })
    given.add(handle)
  }

  assert.equal(given.size, 1000)
})

// A fault of the server must not tell a client where its files lie.
test('sftp: an error nobody foresaw is logged with its cause, and says nothing of itself', async () => {
  const logged: unknown[] = []
  const log: Log = { ...silentLog, error: (_event, cause) => void logged.push(cause) }
  const fault = new Error('ENOENT: /srv/miniftp/var/home/ada/secret')
  const vfs = new TinyVfs()
  vfs.stat = () => {
    throw fault
  }
  const running = await startSftpOver(vfs, { log })

  const reply = await running.answer('status', { type: 'stat', id: 1, path: '/x' })

  assert.deepEqual(reply, { type: 'status', code: Status.failure, message: 'Internal error' })
  assert.deepEqual(logged, [fault])
})

// Mallory names a file so that an operator's terminal does what she wants when it shows an error.
test('sftp: a name in a status text cannot move a cursor or turn the reading direction', async () => {
  const vfs = new TinyVfs()
  vfs.stat = (path) => {
    throw new OpError('ENOENT', `There is no "${shown(path)}", nor "\x1b[2J"`, { path })
  }
  const running = await startSftpOver(vfs)
  const name = Buffer.from('/\x1b]0;x\x07\r\nä\u202e\u0085', 'utf8').toString('latin1')

  const { message } = await running.answer('status', { type: 'stat', id: 1, path: `${name}\xff` })

  assert.equal(
    Buffer.from(message, 'latin1').toString('utf8'),
    'There is no "/\\u{1b}]0;x\\u{7}\\r\\nä\\u{202e}\\u{85}\\xff", nor "\\u{1b}[2J"',
  )
})

// The connection is cut while a WRITE is under way: its file must not be closed under it.
test('sftp: the end of a connection waits for what is being written, then abandons the file', async () => {
  const vfs = new TinyVfs()
  const writing = Promise.withResolvers<void>()
  const running = await startSftpOver(vfs)
  const open = vfs.open.bind(vfs)
  vfs.open = (...args) => {
    const file = open(...args)
    return { ...file, write: (data, offset) => writing.promise.then(() => file.write([...data], offset)) }
  }
  const handle = await openFile(running, '/a')

  running.ask(writeOf(1, handle, 0, ''))
  running.abort()
  await turn()
  assert.deepEqual(vfs.calls, [])
  writing.resolve()

  assert.equal(await running.ended, 1)
  assert.deepEqual(vfs.calls, ['write /a 0 0', 'abandon /a'])
})

// ssh2's own SFTP class reorders replies and holds what is not read: nothing may ever bring it in.
test('sftp: nobody listens for the sftp event of ssh2', () => {
  const src = join(import.meta.dirname, '../../src')
  const sources = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )

  assert.ok(sources.length > 20)
  for (const name of sources)
    assert.doesNotMatch(
      readFileSync(join(src, name), 'utf8'),
      /\b(?:on|once|addListener)\(\s*['"`]sftp['"`]/,
      name,
    )
})

test('sftp: thousands of packets of any bytes are answered once each, or end the session', async () => {
  let seed = 12345
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  const running = await startSftp()
  running.vfs.put('/a', 'text')
  await openFile(running, '/a')
  const types = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 200, 0, 2, 21, 101, 255]

  for (let i = 0; i < 5000; i++) {
    const body = Buffer.alloc(random(60))
    for (let at = 0; at < body.length; at++) body[at] = random(4) === 0 ? random(256) : 0
    const packet = Buffer.alloc(9 + body.length)
    packet.writeUInt32BE(5 + body.length)
    packet[4] = types[random(types.length)]!
    packet.writeUInt32BE(i, 5)
    body.copy(packet, 9)
    running.channel.send(packet)
    const { id } = await running.reply()
    assert.equal(id, i)
    assert.equal(running.channel.untaken, 0)
  }
  const good = encodeRequest({ type: 'stat', id: 1, path: '/' })
  running.channel.send(good)
  assert.equal((await running.reply()).id, 1)
})
