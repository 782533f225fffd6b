// To one session a file without TRUNC is as in POSIX, however it is staged meanwhile: by any of its handles and by its name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FileHandle, OpenFlags } from '../../src/vfs/vfs.ts'
import { randomFrom } from '../support/random.ts'
import { type AccountOptions, slowDisks, stagedAccount } from '../support/staged-account.ts'
import { balanced, onDisk, p, put } from '../support/staged-files.ts'

const RUNS = Number(process.env.SESSION_SEEDS ?? 60)
const FLAGS: readonly OpenFlags[] = [
  { write: true },
  { write: true, create: true },
  { read: true, write: true },
  { read: true },
  { write: true, append: true },
]
const WAYS: readonly AccountOptions[] = [
  {},
  { durable: 'overwrite' },
  { durable: 'always', paces: slowDisks },
  { keepMs: 0, bytes: 100_000 },
  { paces: slowDisks },
]

/** What the file is to the session. */
interface Model {
  bytes: Buffer
}

interface Opened {
  readonly file: FileHandle
  readonly model: Model
  readonly flags: OpenFlags
}

function withLength(bytes: Buffer, length: number): Buffer {
  const longer = Buffer.alloc(length)
  bytes.copy(longer)
  return longer
}

async function contentOf(file: FileHandle): Promise<Buffer> {
  const bytes = Buffer.alloc(16_384)
  return bytes.subarray(0, await file.read([bytes], 0))
}

async function oneSession(seed: number): Promise<void> {
  const below = randomFrom(seed)
  const one = <T>(of: readonly T[]): T => of[below(of.length)]!
  await using ada = await stagedAccount(one(WAYS))
  const vfs = await ada.session()
  const names = new Map<string, Model>()
  for (const name of ['/a', '/b']) {
    const bytes = Buffer.alloc(1 + below(2_000), 'o')
    await put(vfs, name, bytes.toString('latin1'))
    names.set(name, { bytes })
  }
  const opened: Opened[] = []
  const open = async (): Promise<void> => {
    const name = one(['/a', '/a', '/b'])
    const flags = one(FLAGS)
    opened.push({ file: await vfs.open(p(name), flags), model: names.get(name)!, flags })
  }
  const swap = async (): Promise<void> => {
    const moves = [
      ['/a', '/t'],
      ['/b', '/a'],
      ['/t', '/b'],
    ] as const
    for (const [from, to] of moves) await vfs.rename(p(from), p(to), { replace: false })
    const [a, b] = [names.get('/a')!, names.get('/b')!]
    names.set('/a', b).set('/b', a)
  }
  const look = async (): Promise<void> => {
    const name = one(['/a', '/b'])
    const { bytes } = names.get(name)!
    assert.equal((await vfs.stat(p(name))).size, bytes.length)
    const file = await vfs.open(p(name), { read: true })
    assert.ok((await contentOf(file)).equals(bytes), `${name} by its name`)
    await file.close()
  }
  const list = async (): Promise<void> => {
    const folder = await vfs.openDirectory(p('/'))
    for (const { name, stat } of await folder.read(10))
      assert.equal(stat.size, names.get(`/${name}`)?.bytes.length)
    await folder.close()
  }
  const write = async ({ file, model, flags }: Opened): Promise<void> => {
    const { length } = model.bytes
    const at = flags.append ? length : one([0, 0, below(2_200), length])
    const data = Buffer.alloc(1 + below(one([50, 1_500])), 65 + below(26))
    await file.write([data], at)
    model.bytes = withLength(model.bytes, Math.max(length, at + data.length))
    data.copy(model.bytes, at)
  }
  const truncate = async ({ file, model }: Opened): Promise<void> => {
    const to = below(2_500)
    await file.truncate(to)
    model.bytes = withLength(model.bytes, to)
  }
  const close = async (of: Opened): Promise<void> => {
    opened.splice(opened.indexOf(of), 1)
    await of.file.close()
  }

  const step = async (): Promise<void> => {
    const what = one([
      'open',
      'open',
      'write',
      'write',
      'write',
      'truncate',
      'stat',
      'read',
      'times',
      'sync',
      'close',
      'look',
      'list',
      'swap',
    ])
    if (what === 'open') return opened.length < 3 ? open() : undefined
    if (what === 'look') return look()
    if (what === 'list') return list()
    if (what === 'swap') return swap()
    if (opened.length === 0) return
    const of = one(opened)
    if (what === 'close') return close(of)
    if (what === 'sync') return of.file.sync()
    if (what === 'stat') return assert.equal((await of.file.stat()).size, of.model.bytes.length)
    if (what === 'read' && of.flags.read)
      assert.ok((await contentOf(of.file)).equals(of.model.bytes), 'by a handle')
    if (!of.flags.write) return
    if (what === 'times') return of.file.setstat({ atime: 5, mtime: 5 })
    if (what === 'write') return write(of)
    if (what === 'truncate') return truncate(of)
  }

  for (let steps = 0; steps < 14; steps++) await step()
  for (const of of [...opened]) await close(of)
  for (const [name, { bytes }] of names)
    assert.ok(Buffer.from(await onDisk(ada, name.slice(1)), 'latin1').equals(bytes), `${name} on the disk`)
  await vfs[Symbol.asyncDispose]()
  await balanced(ada)
}

test('one session: its files without TRUNC are as in POSIX by each handle and by name', async () => {
  const first = Number(process.env.SESSION_SEED ?? 1)
  for (let seed = first; seed < first + RUNS; seed++)
    await assert.doesNotReject(oneSession(seed), `SESSION_SEED=${seed}`)
})
