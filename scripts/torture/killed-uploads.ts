import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import ssh2 from 'ssh2'
import { until, workersOf } from '../../tests/support/workers.ts'

export interface Torture {
  readonly seed: number
  readonly count: number
  readonly say: (line: string) => void
  /** So many processes serve, and one of them is killed instead of the whole server. */
  readonly workers?: number
}

const PROGRAM = resolve(import.meta.dirname, '../../bin/miniftpd.mjs')
const PASSWORD = 'correct horse battery'
const CHUNK = 32 * 1024
/** Requests in flight, and how far out of order they are sent. */
const WINDOW = 32
const KINDS = ['new', 'shuffled', 'overwrite', 'scp'] as const
type Kind = (typeof KINDS)[number]

/** An upload under way, with what the client was told of it. */
interface Upload {
  readonly name: string
  readonly kind: Kind
  readonly source: Buffer
  /** What was there before. */
  readonly old: Buffer | undefined
  /** Chunks that the server has acknowledged. */
  readonly acked: Set<number>
  closed: boolean
}

/**
 * The server is killed (SIGKILL) in the middle of uploads, again and again. After each restart: nothing that was
 * acknowledged is lost, judged by the bytes on the disk and the client's own record; nothing looks whole that is
 * not; what is used is what a scan finds; and each upload is gone on with, to the same MD5.
 */
export async function killedUploads({ seed, count, say, workers = 1 }: Torture): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'torture-'))
  const random = randomFrom(seed)
  const total = { kills: 0, uploads: 0, resumed: 0, parts: 0, whole: 0, acked: 0 }
  let server: Server | undefined
  try {
    await setUp(folder)
    let left: Upload[] = []
    for (let round = 0; round <= count; round++) {
      server ??= await start(folder, workers)
      {
        using admin = await connect(server.port, 'admin')
        await checkBooks(admin, folder)
        using client = await connect(server.port)
        for (const upload of left) await goOn(client, folder, upload, total)
        await checkBooks(admin, folder)
        for (const { name } of left) await client.remove(name)
      }
      if (round === count) break
      left = KINDS.map((kind) => newUpload(kind, random))
      const { port } = server
      const clients = await Promise.all(Array.from({ length: workers }, () => connect(port)))
      const [client] = clients
      for (const upload of left) if (upload.old !== undefined) await client!.put(upload.name, upload.old)
      const over = Promise.allSettled(
        left.map((upload, index) => send(clients[index % workers]!, upload, random)),
      )
      const all = left.reduce((sum, { source }) => sum + Math.ceil(source.length / CHUNK), 0)
      const killAt = 1 + random(Math.ceil(all / workers))
      const soon = Promise.race(clients.map((one) => one.acknowledged(killAt))).then(() => 'now')
      // Without a kill all of them go through: one that does not would be waited for in vain.
      if ((await Promise.race([soon, over])) !== 'now') throwFirst(await over)
      if (workers === 1) {
        server.child.kill('SIGKILL')
        await once(server.child, 'exit')
        server = undefined
      } else await killOne(server, random)
      await over
      for (const one of clients) one[Symbol.dispose]()
      total.kills += 1
      total.uploads += left.length
      // Where the server goes on, a hole may be cut off already.
      for (const upload of left) checkKilled(folder, upload, total, workers > 1)
      if (total.kills % 20 === 0) say(`${total.kills} kills, ${JSON.stringify(total)}`)
    }
  } finally {
    if (server !== undefined && server.child.exitCode === null && server.child.signalCode === null) {
      server.child.kill('SIGTERM')
      await once(server.child, 'exit')
    }
    rmSync(folder, { recursive: true, force: true })
  }
  return `${total.kills} kills amid ${total.uploads} uploads: ${total.acked} chunks acknowledged, none lost; ${total.whole} were whole, ${total.resumed} gone on with by size, ${total.parts} as parts, all of equal MD5`
}

function throwFirst(results: readonly PromiseSettledResult<void>[]): void {
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** At once after the kill: what was acknowledged lies on the disk, and an old file is whole or replaced as a whole. */
function checkKilled(folder: string, upload: Upload, total: { acked: number }, cut: boolean): void {
  const file = join(folder, 'var/home/ada', upload.name)
  const { source, old, acked, closed, kind } = upload
  total.acked += acked.size
  if (kind === 'overwrite' || kind === 'scp') {
    const now = readFileSync(file)
    const replaced = now.equals(source)
    assert.ok(replaced || now.equals(old!), `${upload.name}: neither the old file nor the new one`)
    assert.ok(replaced || !closed, `${upload.name}: CLOSE was acknowledged, the old file is there`)
    return
  }
  if (!existsSync(file)) {
    assert.equal(acked.size, 0, `${upload.name}: acknowledged, and not there`)
    return
  }
  const now = readFileSync(file)
  if (closed) assert.ok(now.equals(source), `${upload.name}: CLOSE was acknowledged, it is not whole`)
  const prefix = contiguous(acked, source.length)
  for (const index of acked) {
    if (cut && index * CHUNK >= prefix) continue
    const part = source.subarray(index * CHUNK, (index + 1) * CHUNK)
    const there = now.subarray(index * CHUNK, (index + 1) * CHUNK)
    assert.ok(part.equals(there), `${upload.name}: chunk ${index} was acknowledged, and is lost`)
  }
}

/** After the restart: goes on, by size or by proof, to the same content. */
async function goOn(
  client: Client,
  folder: string,
  upload: Upload,
  total: { resumed: number; parts: number; whole: number },
): Promise<void> {
  const { name, kind, source, acked, closed } = upload
  const file = join(folder, 'var/home/ada', name)
  const prefix = contiguous(acked, source.length)
  const { size, partial, aside } = await client.stat(name)
  const part = aside?.find((one) => one.kind === 'part')
  if ((kind === 'overwrite' || kind === 'scp') && !readFileSync(file).equals(source)) {
    assert.ok(!partial, `${name}: the old file is called partial`)
    assert.ok(
      (part?.size ?? 0) >= prefix,
      `${name}: ${prefix} bytes acknowledged, the part has ${part?.size}`,
    )
    const from = part?.size ?? 0
    const token = from === 0 ? '-f' : `--offset ${from} --md5 ${md5(source.subarray(0, from))}`
    await client.exec(
      `put ${token} --size ${source.length} --whole-md5 ${md5(source)} ${name}`,
      source.subarray(from),
    )
    total.parts += 1
  } else if (size === undefined || size < source.length || partial) {
    const had = size ?? 0
    assert.ok(had >= prefix, `${name}: ${prefix} bytes acknowledged without a gap, ${had} are left`)
    assert.ok(size === undefined || partial || closed, `${name}: looks whole, and is not`)
    if (size !== undefined)
      assert.ok(
        readFileSync(file).equals(source.subarray(0, had)),
        `${name}: what is left is no beginning of it`,
      )
    await client.resume(name, source, had)
    total.resumed += 1
  } else total.whole += 1
  assert.equal(md5(readFileSync(file)), md5(source), `${name}: gone on with, to other content`)
  assert.ok(!(await client.stat(name)).partial, `${name}: closed, and still partial`)
}

/** Acknowledged bytes from the beginning without a gap. */
function contiguous(acked: ReadonlySet<number>, length: number): number {
  let index = 0
  while (acked.has(index)) index += 1
  return Math.min(length, index * CHUNK)
}

function newUpload(kind: Kind, random: (below: number) => number): Upload {
  const source = randomBytes(CHUNK + random(60 * CHUNK))
  const old = kind === 'overwrite' || kind === 'scp' ? randomBytes(1 + random(40 * CHUNK)) : undefined
  return { name: `${kind}-${random(1e9)}`, kind, source, old, acked: new Set(), closed: false }
}

async function send(client: Client, upload: Upload, random: (below: number) => number): Promise<void> {
  const { name, kind, source, acked } = upload
  const handle = await client.open(name, kind === 'scp' ? 0x0a : 0x1a)
  const order = Array.from({ length: Math.ceil(source.length / CHUNK) }, (_, index) => index)
  if (kind === 'shuffled') {
    for (let i = 0; i < order.length; i++) {
      const j = Math.min(order.length - 1, i + random(8))
      const swapped = order[i]!
      order[i] = order[j]!
      order[j] = swapped
    }
  }
  const flying = new Set<Promise<void>>()
  for (const index of order) {
    const part = source.subarray(index * CHUNK, (index + 1) * CHUNK)
    const one = client.write(handle, part, index * CHUNK).then(() => {
      acked.add(index)
      flying.delete(one)
    })
    flying.add(one)
    one.catch(() => {})
    if (flying.size >= WINDOW) await Promise.race(flying)
  }
  await Promise.all(flying)
  if (kind === 'scp') await client.fsetstat(handle, source.length)
  await client.close(handle)
  upload.closed = true
}

/** What is used is what a scan of the home finds, in bytes and entries. */
async function checkBooks(admin: Client, folder: string): Promise<void> {
  const { used, files } = JSON.parse(await admin.exec('quota show ada --json')) as {
    used: number
    files: number
  }
  const home = join(folder, 'var/home/ada')
  const names = existsSync(home) ? readdirSync(home) : []
  const bytes = names.reduce((sum, name) => sum + statSync(join(home, name)).size, 0)
  assert.deepEqual({ used, files }, { used: bytes, files: names.length }, 'the books are off')
}

interface Server {
  readonly child: ChildProcess
  readonly port: number
}

function environment(folder: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    MINIFTP_VAR: join(folder, 'var'),
    MINIFTP_HOSTKEYS: join(folder, 'hostkeys'),
    MINIFTP_ADMIN_PASSWORD: PASSWORD,
  }
}

async function setUp(folder: string): Promise<void> {
  await words(folder, ['user', 'add', 'ada', '--password-stdin', '--quota', '1GiB'], PASSWORD)
}

async function words(folder: string, list: readonly string[], input = ''): Promise<string> {
  const child = spawn(process.execPath, [PROGRAM, ...list], { env: environment(folder), cwd: folder })
  let out = ''
  let err = ''
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes
  })
  child.stderr.on('data', (bytes: Buffer) => {
    err += bytes
  })
  child.stdin.end(input)
  const [status] = await once(child, 'close')
  assert.equal(status, 0, `${list.join(' ')}: ${err}`)
  return out
}

/** Any of the processes that serve; gone when this is over. */
async function killOne({ child }: Server, random: (below: number) => number): Promise<void> {
  const pids = workersOf({ pid: child.pid! })
  const victim = pids[random(pids.length)]!
  process.kill(victim, 'SIGKILL')
  await until('it is gone', () => !workersOf({ pid: child.pid! }).includes(victim))
}

async function start(folder: string, workers: number): Promise<Server> {
  const words = ['serve', '--port', '0', '--quiet', '--workers', String(workers)]
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    env: environment(folder),
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout! })) {
    const match = /^listening on .*:(\d+)$/.exec(line)
    if (match) return { child, port: Number(match[1]) }
  }
  throw new Error('The server ended before it listened')
}

interface Aside {
  readonly kind: string
  readonly size: number
}

interface Client extends Disposable {
  open(name: string, flags: number): Promise<Buffer>
  write(handle: Buffer, data: Buffer, offset: number): Promise<void>
  fsetstat(handle: Buffer, size: number): Promise<void>
  close(handle: Buffer): Promise<void>
  put(name: string, data: Buffer): Promise<void>
  /** As clients resume by size: without TRUNC, from there on. */
  resume(name: string, data: Buffer, from: number): Promise<void>
  remove(name: string): Promise<void>
  stat(name: string): Promise<{ size?: number; partial?: boolean; aside?: readonly Aside[] }>
  exec(command: string, input?: Buffer): Promise<string>
  /** Resolves when so many writes were acknowledged, or the session is gone. */
  acknowledged(count: number): Promise<void>
}

async function connect(port: number, username = 'ada'): Promise<Client> {
  const client = new ssh2.Client()
  const ready = once(client, 'ready')
  client.connect({ host: '127.0.0.1', port, username, password: PASSWORD })
  await ready
  client.on('error', () => {})
  const closed = Promise.withResolvers<true>()
  const gone = closed.promise
  client.once('close', () => closed.resolve(true))
  const sftp = await new Promise<ssh2.SFTPWrapper>((done, fail) =>
    client.sftp((error, made) => (error && username !== 'admin' ? fail(error) : done(made))),
  )
  // One process may die and leave the connection, which another has. What is asked after the channel's end ssh2 never answers.
  sftp?.once('end', () => closed.resolve(true)).once('close', () => closed.resolve(true))
  let writes = 0
  let heard = Promise.withResolvers<void>()
  const ask = <T = void>(
    act: (done: (error: Error | null | undefined, value?: T) => void) => void,
  ): Promise<T> =>
    new Promise((done, fail) => {
      gone.then(() => fail(new Error('The session is gone')))
      act((error, value) => (error ? fail(error) : done(value as T)))
    })
  const self: Client = {
    open: (name, flags) => ask<Buffer>((done) => sftp.open(name, flags as never, {}, done)),
    async write(handle, data, offset) {
      await ask((done) => sftp.write(handle, data, 0, data.length, offset, done))
      writes += 1
      heard.resolve()
      heard = Promise.withResolvers()
    },
    fsetstat: (handle, size) => ask((done) => sftp.fsetstat(handle, { size } as never, done)),
    close: (handle) => ask((done) => sftp.close(handle, done)),
    async put(name, data) {
      const handle = await self.open(name, 0x1a)
      for (let at = 0; at < data.length; at += CHUNK)
        await ask((done) =>
          sftp.write(handle, data.subarray(at, at + CHUNK), 0, Math.min(CHUNK, data.length - at), at, done),
        )
      await self.close(handle)
    },
    async resume(name, data, from) {
      const handle = await self.open(name, 0x0a)
      for (let at = from; at < data.length; at += CHUNK)
        await self.write(handle, data.subarray(at, at + CHUNK), at)
      await self.close(handle)
    },
    remove: (name) => ask((done) => sftp.unlink(name, done)),
    async stat(name) {
      const there = await ask<unknown>((done) => sftp.stat(name, done)).then(
        () => true,
        () => false,
      )
      return there ? JSON.parse(await self.exec(`stat --json ${name}`)) : {}
    },
    exec: (command, input) =>
      new Promise((done, fail) =>
        client.exec(command, (error, channel) => {
          if (error) return fail(error)
          let out = ''
          let err = ''
          channel.on('data', (bytes: Buffer) => {
            out += bytes
          })
          channel.stderr.on('data', (bytes: Buffer) => {
            err += bytes
          })
          channel.on('close', (status: number) =>
            status === 0 ? done(out) : fail(new Error(`${command}: exit status ${status}: ${err}`)),
          )
          channel.end(input)
        }),
      ),
    async acknowledged(count) {
      while (writes < count) {
        if ((await Promise.race([heard.promise, gone])) === true) return
      }
    },
    [Symbol.dispose]: () => void client.destroy(),
  }
  return self
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

/** Mulberry32: the same numbers for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
