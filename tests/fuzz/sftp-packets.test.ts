// Mallory has an account, and writes packets herself: each request cut at each of its bytes, with lengths that cannot be,
// and thousands with changes anywhere. ProFTPD read past their end four times (its issues 2102, 2104, 2115, 2190). Each
// must be answered once, in order, or end the session; and the server must go on as if nothing had been.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Request } from '../../src/wire/requests.ts'
import { encodeRequest } from '../../src/wire/requests.ts'
import { ABSURD, chance, TIMES } from '../support/fuzz.ts'
import { type SftpPipe, sftpPipes } from '../support/sftp-pipe.ts'
import { startServer, type TestServer } from '../support/start-server.ts'

const random = chance()
let server: TestServer
let pipes: Awaited<ReturnType<typeof sftpPipes>>
before(async () => {
  // With a quota: a hash of the exabyte that a WRITE far out makes would take for ever.
  server = await startServer({ ada: ['--quota', '64MiB'] })
  pipes = await sftpPipes(server)
})
after(async () => {
  pipes?.end()
  await server?.[Symbol.asyncDispose]()
})

function text(value: string): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(value.length)
  return Buffer.concat([head, Buffer.from(value)])
}

/** One of each request, about the file `handle` is open on. */
function requests(handle: string): readonly Request[] {
  const id = 1
  const data = [Buffer.from('some bytes')]
  const extended: readonly (readonly [string, Buffer])[] = [
    ['posix-rename@openssh.com', Buffer.concat([text('/a'), text('/b')])],
    ['hardlink@openssh.com', Buffer.concat([text('/a'), text('/c')])],
    ['statvfs@openssh.com', text('/')],
    ['fstatvfs@openssh.com', text(handle)],
    ['fsync@openssh.com', text(handle)],
    ['lsetstat@openssh.com', Buffer.concat([text('/a'), Buffer.from([0, 0, 0, 4, 0, 0, 1, 0xa4])])],
    ['expand-path@openssh.com', text('~/x')],
    ['copy-data', Buffer.concat([text(handle), Buffer.alloc(16), text(handle), Buffer.alloc(8)])],
    ['home-directory', text('ada')],
    ['users-groups-by-id@openssh.com', Buffer.concat([text('\0\0\0\0'), text('\0\0\0\0')])],
    ['space-available', text('/')],
    ['check-file-name', Buffer.concat([text('/a'), text('md5,sha256'), Buffer.alloc(20)])],
    ['check-file-handle', Buffer.concat([text(handle), text('md5'), Buffer.alloc(20)])],
    ['md5-hash', Buffer.concat([text('/a'), Buffer.alloc(16), text('')])],
    ['limits@openssh.com', Buffer.alloc(0)],
    ['nobody@example.com', Buffer.from('anything')],
  ]
  return [
    {
      type: 'open',
      id,
      path: '/a',
      flags: { read: true, write: true, create: true },
      attrs: { mode: 0o644 },
    },
    { type: 'read', id, handle, offset: 0, length: 100 },
    { type: 'write', id, handle, offset: 3, data, length: 10 },
    { type: 'fstat', id, handle },
    { type: 'fsetstat', id, handle, attrs: { mode: 0o600 } },
    { type: 'stat', id, path: '/a' },
    { type: 'lstat', id, path: '/a/../a' },
    { type: 'setstat', id, path: '/a', attrs: { atime: 1, mtime: 2 } },
    { type: 'opendir', id, path: '/' },
    { type: 'readdir', id, handle },
    { type: 'remove', id, path: '/none' },
    { type: 'mkdir', id, path: '/d', attrs: { mode: 0o755 } },
    { type: 'rmdir', id, path: '/d' },
    { type: 'realpath', id, path: '.' },
    { type: 'readlink', id, path: '/l' },
    { type: 'symlink', id, first: '/a', second: '/l' },
    { type: 'rename', id, from: '/x', to: '/y' },
    { type: 'close', id, handle: 'none' },
    ...extended.map(([name, body]): Request => ({ type: 'extended', id, name, body })),
  ]
}

/** Type, id and the rest, under the length that they really have, with the id `id`. */
function framed(body: Buffer, id: number): Buffer {
  const packet = Buffer.concat([Buffer.alloc(4), body])
  packet.writeUInt32BE(body.length)
  packet.writeUInt32BE(id, 5)
  return packet
}

const BATCH = 64

/** Sends these bodies in batches over one session after another; how many were answered, and how many sessions that took. */
async function answered(bodies: readonly Buffer[]): Promise<{ answers: number; sessions: number }> {
  let answers = 0
  let sessions = 0
  let pipe: SftpPipe | undefined
  for (let at = 0; at < bodies.length; at += BATCH) {
    // Handles that were opened are many by now.
    if (sessions === 0 || answers % 1024 < BATCH || pipe?.over !== false) {
      pipe?.[Symbol.dispose]()
      pipe = await pipes.open()
      sessions += 1
    }
    const batch = bodies.slice(at, at + BATCH)
    pipe.send(Buffer.concat(batch.map((body, index) => framed(body, at + index))))
    for (const index of batch.keys()) {
      const heard = await pipe.reply()
      assert.equal(heard?.id, at + index, `packet ${at + index}: ${batch[index]!.toString('hex')}`)
      answers += 1
    }
  }
  pipe?.[Symbol.dispose]()
  return { answers, sessions }
}

async function bodiesOf(path: string): Promise<readonly Buffer[]> {
  using pipe = await pipes.open()
  const opened = await pipe.ask({
    type: 'open',
    id: 1,
    path,
    flags: { read: true, write: true, create: true },
    attrs: {},
  })
  assert.equal(opened.type, 'handle')
  // The first handle of a session has the same name in each.
  const { handle } = opened as { readonly handle: string }
  return requests(handle).map((request) => Buffer.from(encodeRequest(request).subarray(4)))
}

function nothingBroke(): void {
  const folder = join(server.var, 'log')
  const errors = readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line.includes('"level":"error"'))
  assert.deepEqual(errors, [])
}

test('sftp packets: each request, cut at each byte and with each absurd length, is answered once', async () => {
  const bodies: Buffer[] = []
  for (const body of await bodiesOf('/first')) {
    for (let length = 5; length <= body.length; length++) bodies.push(body.subarray(0, length))
    for (let at = 5; at + 4 <= body.length; at += at < 13 ? 4 : 3) {
      for (const value of ABSURD) {
        const changed = Buffer.from(body)
        changed.writeUInt32BE(value, at)
        bodies.push(changed)
      }
    }
  }

  const { answers } = await answered(bodies)

  assert.ok(bodies.length >= 2650, String(bodies.length))
  assert.equal(answers, bodies.length)
  nothingBroke()
})

test('sftp packets: thousands of mutants are answered once each', async () => {
  const whole = await bodiesOf('/second')
  const bodies = Array.from({ length: 5000 * TIMES }, () => {
    const body = random.mutant(random.pick(whole))
    // Without an id there is nothing to answer; that has its own test. INIT is not mutated into.
    const padded = body.length < 5 ? Buffer.concat([body, Buffer.alloc(5 - body.length)]) : body
    if (padded[0] === 1) padded[0] = 3
    return padded
  })

  const { answers } = await answered(bodies)

  assert.equal(answers, bodies.length)
  nothingBroke()
})

test('sftp packets: a stream of anything ends its session at most', async () => {
  for (let i = 0; i < 60 * TIMES; i++) {
    using pipe = await pipes.open()
    const packet = Buffer.concat([Buffer.alloc(4), random.bytes(1 + random.below(60))])
    packet.writeUInt32BE(random.pick([...ABSURD, 2, 5, 9, 262_145]))
    pipe.send(packet)
    pipe.send(Buffer.alloc(64 * 1024))
  }

  using pipe = await pipes.open()
  const reply = await pipe.ask({ type: 'realpath', id: 7, path: '.' })
  assert.equal(reply.type, 'name')
  nothingBroke()
})
