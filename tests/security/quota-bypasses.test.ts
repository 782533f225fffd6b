// Ways around a quota, each tried on the real server by a client that is logged in. After each the account is looked
// at from outside: what `quota show` says is what a scan of the disk finds, and neither is above the limit.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { askServer } from '../../src/control.ts'
import { type Measure, measure } from '../../src/vfs/measure.ts'
import { run, without } from '../support/run-client.ts'
import { type SftpClient, sftpClient } from '../support/sftp-client.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const KIB = 1024
const LIMIT = 1000 * KIB
const FILES = 24
/** An SFTP open without TRUNC: WRITE | CREAT. */
const WRITE_CREATE = 0x02 | 0x08

const skip = without('ssh', 'scp', 'sftp', 'ssh-keygen')
let server: TestServer
let ada: SftpClient

before(async () => {
  if (skip) return
  server = await startServer({ ada: ['--quota', String(LIMIT), '--files', String(FILES)] })
  ada = await sftpClient(server)
})
after(async () => {
  ada?.[Symbol.dispose]()
  await server?.[Symbol.asyncDispose]()
})
afterEach(async () => {
  if (skip) return
  await checkBooks()
  await empty('/')
  // A REMOVE after a refused overwrite takes the upload that failed away, once; the next one means the file.
  await empty('/')
  await quota('quota', 'set', 'ada', String(LIMIT), '--files', String(FILES))
  assert.deepEqual(await checkBooks(), { bytes: 0, files: 0 })
})

const bytes = (count: number, fill = 7): Uint8Array => Buffer.alloc(count, fill)

/** Words of the console, over the server's control socket. */
async function quota(...words: readonly string[]): Promise<string> {
  const said: string[] = []
  const status = await askServer(server.var, words, {
    print: (line) => void said.push(line),
    complain: (line) => void said.push(line),
    input: async () => '',
    confirm: async () => true,
  })
  assert.equal(status, 0, said.join('\n'))
  return said.join('\n')
}

interface Told {
  readonly limit: number
  readonly used: number
  readonly reserved: number
  readonly files: number
}

const told = async (): Promise<Told> => JSON.parse(await quota('quota', 'show', 'ada', '--json')) as Told

/** What lies in the home, if nothing of it is open without a name and that is what is told. */
async function checkBooks(): Promise<Measure> {
  const { used, reserved, files } = await told()
  const found = await measure(server.home('ada'))
  assert.deepEqual({ bytes: used, files }, found)
  assert.ok(used >= 0 && used + reserved <= LIMIT, `${used} + ${reserved}`)
  return found
}

async function empty(folder: string): Promise<void> {
  const real = join(server.home('ada'), folder)
  for (const entry of readdirSync(real, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) await ada.unlink(path)
    else {
      await empty(path)
      await ada.rmdir(path)
    }
  }
}

const full = (error: Error & { code?: number }): boolean => {
  assert.match(error.message, /^Quota used up: /)
  assert.equal(error.code, 4)
  return true
}

async function openNew(path: string): Promise<Buffer> {
  return await ada.open(path, WRITE_CREATE)
}

test('a byte far beyond the limit makes a sparse file that costs no disk: refused, and nothing grows', {
  skip,
}, async () => {
  const handle = await openNew('/sparse')

  await assert.rejects(ada.write(handle, 'x', 10 * LIMIT), full)
  await assert.rejects(ada.write(handle, 'x', LIMIT), full)
  await assert.rejects(ada.write(handle, 'x', 2 ** 53 - 2), full)

  assert.equal((await ada.stat('/sparse')).size, 0)
  await ada.close(handle).catch(() => {})
})

test('a hole within the limit is paid for as if it were full', { skip }, async () => {
  const handle = await openNew('/hole')
  await ada.write(handle, 'x', LIMIT - 1)

  await assert.rejects(ada.put('/other', 'y'), full)

  assert.equal((await told()).used, LIMIT)
  await ada.close(handle)
})

test('SETSTAT of a size by name', { skip }, async () => {
  await ada.put('/grown', 'x')

  await assert.rejects(ada.setstat('/grown', { size: LIMIT + 1 }), full)
  await ada.setstat('/grown', { size: LIMIT })
  await assert.rejects(ada.put('/other', 'y'), full)

  assert.equal((await ada.stat('/grown')).size, LIMIT)
})

test('FSETSTAT of a size on a handle', { skip }, async () => {
  const handle = await openNew('/grown')

  await assert.rejects(ada.fsetstat(handle, { size: LIMIT + 1 }), full)
  await ada.fsetstat(handle, { size: LIMIT })
  await assert.rejects(ada.put('/other', 'y'), full)

  await ada.close(handle).catch(() => {})
})

test('open, unlink, write on: the file has no name and goes on counting until it is closed', {
  skip,
}, async () => {
  const handle = await openNew('/ghost')
  await ada.write(handle, bytes(600 * KIB), 0)
  await ada.unlink('/ghost')

  await ada.write(handle, bytes(200 * KIB), 600 * KIB)
  await assert.rejects(ada.write(handle, bytes(201 * KIB), 800 * KIB), full)
  await assert.rejects(ada.put('/second', bytes(201 * KIB)), full)
  assert.equal((await told()).used, 800 * KIB)

  await ada.close(handle).catch(() => {})
  assert.equal((await told()).used, 0)
})

test('a file that is only read, and unlinked meanwhile, counts until the reader closes it', {
  skip,
}, async () => {
  await ada.put('/read', bytes(900 * KIB))
  const reader = await ada.open('/read', 'r')
  await ada.unlink('/read')

  await assert.rejects(ada.put('/next', bytes(101 * KIB)), full)
  await ada.close(reader)

  await ada.put('/next', bytes(1000 * KIB))
})

test('unlinking again and again what several handles have open gives its bytes back once', {
  skip,
}, async () => {
  const one = await openNew('/many')
  await ada.write(one, bytes(500 * KIB), 0)
  const two = await ada.open('/many', 'r+')
  await ada.unlink('/many')
  await ada.put('/many', bytes(100 * KIB))
  await ada.close(one)
  assert.equal((await told()).used, 600 * KIB)

  await assert.rejects(ada.put('/more', bytes(401 * KIB)), full)
  await ada.close(two)

  assert.equal((await told()).used, (await measure(server.home('ada'))).bytes)
})

test('two uploads that fit singly, piece by piece in parallel', { skip }, async () => {
  using grace = await sftpClient(server)
  const [one, two] = [await openNew('/one'), await grace.open('/two', WRITE_CREATE)]
  const piece = 50 * KIB

  const outcomes = await Promise.allSettled(
    Array.from({ length: 14 }, (_, i) => [
      ada.write(one, bytes(piece), i * piece),
      grace.write(two, bytes(piece), i * piece),
    ]).flat(),
  )

  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, LIMIT / piece)
  assert.equal((await told()).used, LIMIT)
  await ada.close(one).catch(() => {})
  await grace.close(two).catch(() => {})
})

test('sixteen connections at once, a file each', { skip }, async () => {
  const clients = await Promise.all(Array.from({ length: 16 }, () => sftpClient(server)))

  const outcomes = await Promise.allSettled(
    clients.map((client, i) => client.put(`/at-once-${i}`, bytes(100 * KIB))),
  )

  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 10)
  for (const client of clients) client[Symbol.dispose]()
})

test('APPEND with an offset that lies: the end of the file is what counts', { skip }, async () => {
  await ada.put('/log', bytes(900 * KIB))
  const handle = await ada.open('/log', 'a')

  await ada.write(handle, bytes(100 * KIB), 0)
  await assert.rejects(ada.write(handle, 'x', 0), full)

  await ada.close(handle).catch(() => {})
  assert.equal((await ada.stat('/log')).size, LIMIT)
})

test('TRUNC while another handle writes: its next byte lies behind a hole again', { skip }, async () => {
  const writer = await openNew('/raced')
  await ada.write(writer, bytes(600 * KIB), 0)
  await ada.fsetstat(writer, { size: 0 })
  await ada.put('/other', bytes(500 * KIB))

  await assert.rejects(ada.write(writer, 'x', 600 * KIB), full)
  await ada.write(writer, 'x', 500 * KIB - 1)
  assert.equal((await told()).used, LIMIT)

  // A write of it was refused: it stays partial, and its hole is cut off.
  await ada.close(writer).catch(() => {})
  assert.equal((await told()).used, 500 * KIB)
})

test('sizes up and down a hundred times drift by nothing', { skip }, async () => {
  const [one, two] = [await openNew('/drift'), await openNew('/drift')]
  for (let i = 0; i < 100; i++) {
    await ada.write(i % 2 ? one : two, bytes(100 + i), i * 9)
    await ada.fsetstat(i % 3 ? one : two, { size: (i * 37) % 1000 })
  }

  assert.equal((await told()).used, (await ada.stat('/drift')).size)
  await ada.close(one)
  await ada.close(two)
})

test('rename over: what is replaced is free once, and a rename onto itself frees nothing', {
  skip,
}, async () => {
  await ada.put('/a', bytes(400 * KIB))
  await ada.put('/b', bytes(500 * KIB))

  await ada.posixRename('/a', '/a')
  assert.equal((await told()).used, 900 * KIB)
  await ada.posixRename('/a', '/b')
  assert.equal((await told()).used, 400 * KIB)
  await assert.rejects(ada.put('/c', bytes(601 * KIB)), full)
})

test('rename over a file that is open: its bytes count until it is closed', { skip }, async () => {
  await ada.put('/a', bytes(100 * KIB))
  await ada.put('/b', bytes(500 * KIB))
  const reader = await ada.open('/b', 'r')
  await ada.posixRename('/a', '/b')

  assert.equal((await told()).used, 600 * KIB)
  await assert.rejects(ada.put('/c', bytes(401 * KIB)), full)
  await ada.close(reader)
})

test('a new name in mid-upload: the handle goes on being charged', { skip }, async () => {
  const handle = await openNew('/up.filepart')
  await ada.write(handle, bytes(600 * KIB), 0)
  await ada.rename('/up.filepart', '/up')

  await assert.rejects(ada.write(handle, bytes(401 * KIB), 600 * KIB), full)
  await ada.write(handle, bytes(400 * KIB), 600 * KIB)

  await ada.close(handle).catch(() => {})
  assert.equal((await ada.stat('/up')).size, LIMIT)
})

test('hard links, which would be many names for the bytes of one, are refused with a sentence', {
  skip,
}, async () => {
  await ada.put('/one', 'x')

  await assert.rejects(ada.hardlink('/one', '/two'), {
    message: 'Hard links are not possible in an account with a quota: make a symbolic link, or a copy',
    code: 3,
  })
})

test('hard links from before there was a quota: unlinking one name frees nothing', { skip }, async () => {
  await quota('quota', 'set', 'ada', 'none', '--files', 'none')
  await ada.put('/one', bytes(900 * KIB))
  await ada.hardlink('/one', '/two')
  await quota('quota', 'set', 'ada', String(LIMIT), '--files', String(FILES))

  await ada.unlink('/one')
  assert.equal((await told()).used, 900 * KIB)
  await assert.rejects(ada.put('/more', bytes(101 * KIB)), full)
  await ada.unlink('/two')

  assert.equal((await told()).used, (await measure(server.home('ada'))).bytes)
})

test('copy-data writes at the server, without a WRITE', { skip }, async () => {
  await ada.put('/source', bytes(600 * KIB))
  const [from, to] = [await ada.open('/source', 'r'), await openNew('/copy')]

  await assert.rejects(ada.copyData(from, 0, 0, to, 0), full)
  await assert.rejects(ada.copyData(from, 0, 1, to, 2 * LIMIT), full)

  await ada.close(from)
  await ada.close(to).catch(() => {})
})

test('an overwrite that outgrows its room: refused, the old file whole, nothing left aside', {
  skip,
}, async () => {
  await ada.put('/big', bytes(600 * KIB, 1))
  await ada.put('/rest', bytes(300 * KIB))
  const handle = await ada.open('/big', 'w')
  await ada.write(handle, bytes(700 * KIB, 2), 0)

  await assert.rejects(ada.write(handle, 'x', 700 * KIB), full)
  await assert.rejects(ada.close(handle))

  assert.deepEqual(readFileSync(join(server.home('ada'), 'big')), Buffer.alloc(600 * KIB, 1))
})

test('overwrites that are cut, ten times: what they leave aside fits the quota with the rest', {
  skip,
}, async () => {
  await ada.put('/whole', bytes(300 * KIB, 1))
  for (let i = 0; i < 10; i++) {
    const client = await sftpClient(server)
    const handle = await client.open('/whole', 'w')
    await client.write(handle, bytes(290 * KIB, 2), 0)
    client.destroy()
    await client.closed
  }
  const { used, reserved } = await told()
  const aside = await measure(join(server.var, 'staging', 'ada'))

  assert.ok(
    used + reserved <= LIMIT && aside.bytes <= LIMIT - used,
    `${used} + ${reserved}, ${aside.bytes} aside`,
  )
  assert.deepEqual(readFileSync(join(server.home('ada'), 'whole')), Buffer.alloc(300 * KIB, 1))
  await ada.put('/takes-all', bytes(700 * KIB))
})

test('an upload that goes on after its refusal, and one more OPEN: each refused until something is removed', {
  skip,
}, async () => {
  await ada.put('/most', bytes(900 * KIB))
  const handle = await openNew('/again')
  await ada.write(handle, bytes(60 * KIB), 0)
  await assert.rejects(ada.write(handle, bytes(60 * KIB), 60 * KIB), full)
  await ada.close(handle).catch(() => {})

  await assert.rejects(openNew('/again'), full)
  await assert.rejects(ada.open('/again', 'w'), full)
  await ada.unlink('/most')

  const again = await openNew('/again')
  await ada.write(again, bytes(120 * KIB), 0)
  await ada.close(again)
})

test('when nothing is left no file is begun', { skip }, async () => {
  await ada.put('/all', bytes(LIMIT))

  await assert.rejects(openNew('/empty'), full)
  await assert.rejects(ada.open('/empty', 'w'), full)

  assert.deepEqual(readdirSync(server.home('ada')), ['all'])
})

test('entries without bytes: files, folders and links up to their own limit', { skip }, async () => {
  const entries = { message: 'Quota used up: 24 of 24 files and folders', code: 4 }
  for (let i = 0; i < FILES / 3; i++) {
    await ada.put(`/file${i}`, '')
    await ada.mkdir(`/folder${i}`)
    await ada.symlink('file0', `/link${i}`)
  }

  await assert.rejects(ada.put('/one', ''), entries)
  await assert.rejects(ada.mkdir('/one'), entries)
  await assert.rejects(ada.symlink('/file0', '/one'), entries)
  await ada.symlink('missing', '/file0/x').catch(() => {})
  await ada.rename('/file0', '/folder0/file0')
  await assert.rejects(ada.put('/file0', ''), entries)
  await ada.unlink('/folder0/file0')
  await ada.put('/file0', '')
})

test('more names than may be, in one SFTP session after another that ends without a CLOSE', {
  skip,
}, async () => {
  for (let i = 0; i < 3; i++) {
    const client = await sftpClient(server)
    for (let one = 0; one < FILES; one++) await client.open(`/left${i}-${one}`, WRITE_CREATE).catch(() => {})
    client.destroy()
    await client.closed
  }

  assert.equal(readdirSync(server.home('ada')).length, FILES)
})

test('failing to make what is there gives no entry away', { skip }, async () => {
  await ada.mkdir('/there')
  for (let i = 0; i < 2 * FILES; i++) {
    await assert.rejects(ada.mkdir('/there'))
    await assert.rejects(ada.symlink('x', '/there'))
    await assert.rejects(ada.open('/there', 'wx'))
  }

  assert.equal((await told()).files, 1)
})

test('through a link: a dangling one makes its target, which is charged', { skip }, async () => {
  await ada.symlink('target', '/dangling')
  const handle = await openNew('/dangling')

  await assert.rejects(ada.write(handle, 'x', LIMIT), full)
  await ada.write(handle, bytes(10), 0)
  await ada.close(handle).catch(() => {})

  assert.deepEqual(await measure(server.home('ada')), { bytes: 10, files: 2 })
})

test('a WRITE of nothing, anywhere, makes nothing', { skip }, async () => {
  const handle = await openNew('/nothing')

  await ada.write(handle, '', 2 ** 40)
  await ada.write(handle, '', 0)

  assert.equal((await ada.stat('/nothing')).size, 0)
  await ada.close(handle)
})

test('a limit that is lowered in mid-upload holds at the next byte', { skip }, async () => {
  const handle = await openNew('/lowered')
  await ada.write(handle, bytes(300 * KIB), 0)
  await quota('quota', 'set', 'ada', String(400 * KIB))

  await ada.write(handle, bytes(100 * KIB), 300 * KIB)
  await assert.rejects(ada.write(handle, 'x', 400 * KIB), full)
  await quota('quota', 'set', 'ada', String(100 * KIB))
  await assert.rejects(ada.write(handle, 'x', 400 * KIB), full)
  const { f_frsize, f_blocks, f_bavail } = await ada.statvfs('/')

  assert.deepEqual([f_frsize * f_blocks, f_bavail], [100 * KIB, 0])
  await ada.close(handle).catch(() => {})
})

test('statvfs and quota show count what is used, and nothing that is only held ahead', { skip }, async () => {
  await ada.put('/some', bytes(100 * KIB))

  const { f_frsize, f_blocks, f_bavail } = await ada.statvfs('/')

  assert.deepEqual([f_frsize * f_blocks, f_frsize * f_bavail], [LIMIT, 900 * KIB])
  assert.deepEqual([(await told()).used, (await told()).reserved], [100 * KIB, 0])
})

test('other doors: scp -O, scp, exec put, exec cp and sftp meet the same limit, and say why', {
  skip,
}, async () => {
  const big = join(server.folder, 'big')
  writeFileSync(big, bytes(1001 * KIB))
  await ada.put('/half', bytes(600 * KIB))
  const ssh = ['-F', server.sshConfig]

  const tries = [
    await run('scp', [...ssh, '-O', big, 'ftp:scp-o']),
    await run('scp', [...ssh, big, 'ftp:scp']),
    await run('ssh', [...ssh, '-T', 'ftp', 'put exec'], { input: bytes(500 * KIB) }),
    await run('ssh', [...ssh, '-T', 'ftp', 'cp half copy']),
    await run('sftp', [...ssh, '-b', '-', 'ftp'], { input: `put ${big} sftp\n` }),
  ]

  for (const { command, status, stderr } of tries) {
    assert.notEqual(status, 0, command)
    assert.match(stderr, /Quota used up: /, command)
  }
})
