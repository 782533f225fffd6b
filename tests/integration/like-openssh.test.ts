import assert from 'node:assert/strict'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Builder } from '../../src/wire/builder.ts'
import type { Reply } from '../../src/wire/replies.ts'
import type { Request } from '../../src/wire/requests.ts'
import { type Chance, chance, SEED, TIMES } from '../support/fuzz.ts'
import { startSftpOver, writeOf } from '../support/running-sftp.ts'
import { SFTP_SERVER, sftpServer } from '../support/sftp-server.ts'
import { stagedAccount } from '../support/staged-account.ts'

const ROUNDS = 100 * TIMES
const REQUESTS = 60

const NAMES = 'a b d/f d/g d e none/x link link-d link-d/f dangling loop again new e/new'.split(' ')
const SLASHED = ['d/', 'a/', 'new/', 'link/', 'link-d/', 'dangling/', './a', 'd//f', 'n'.repeat(256)]
const FLAGS = ['w', 'rw', 'wc', 'rwc', 'wcx', 'wa', 'wac', 'rwa']
const SECONDS = [0, 1, 1_234_567_890, 2 ** 31, 2 ** 32 - 1]

/** An open file, by its name at either server. */
interface Handle {
  readonly reads: boolean
  readonly ours: string
  readonly theirs: string
}
/** A request, without what differs: `at` goes before its paths, `name` tells how a handle is called. */
type Asked = (at: string, name: (handle: Handle) => string) => Request

/**
 * Any request but copy-data, which OpenSSH 9.2 does for ever from a file to its second name. `cuts`: with TRUNC, and
 * without handles that only read: ours go on with the file that was replaced.
 */
function any({ pick, below }: Chance, handles: readonly Handle[], cuts: boolean): Asked | undefined {
  const path = () => (below(8) === 0 ? pick(SLASHED) : pick(NAMES))
  const [from, to] = [path(), path()]
  const letters = pick(cuts ? ['wt', 'rwct', 'wct', 'wact', ...FLAGS] : ['r', 'r', ...FLAGS])
  const mode = pick([0o600, 0o644, 0o755, 0o2755, 0o1777])
  const times = { atime: pick(SECONDS), mtime: pick(SECONDS) }
  const attrs = pick([{ mode }, times, { size: pick([0, 1, 5, 9, 40_000]) }])
  const first = pick(['a', 'd', '.', 'd/f'])
  const file = pick(handles)
  const reader = pick(handles.filter(({ reads }) => reads))
  const offset = pick([0, 0, 0, 3, 8, 9, 1000])
  const data = String.fromCharCode(65 + below(26)).repeat(pick([1, 3, 9, 2000, 40_000]))
  const opening: Asked = (at) => ({
    ...{ type: 'open', id: 1, path: at + from, flags: flagsOf(letters), attrs: {} },
  })
  const writing: Asked | undefined = file && ((_, name) => writeOf(1, name(file), offset, data))
  const named = (type: 'lstat' | 'stat' | 'remove' | 'rmdir' | 'readlink' | 'opendir'): Asked => {
    return (at) => ({ type, id: 1, path: at + from })
  }
  const two = (name: string): Asked => {
    const body = (at: string) => new Builder().text(at + from).text(at + to)
    return (at) => ({ type: 'extended', id: 1, name: `${name}@openssh.com`, body: body(at).done() })
  }
  return pick<Asked | undefined>([
    ...[opening, opening, opening, writing, writing, writing],
    ...(['lstat', 'stat', 'remove', 'rmdir', 'readlink', 'opendir'] as const).map(named),
    reader && ((_, name) => ({ type: 'read', id: 1, handle: name(reader), offset, length: 50_000 })),
    file && ((_, name) => ({ type: 'fstat', id: 1, handle: name(file) })),
    file && ((_, name) => ({ type: 'fsetstat', id: 1, handle: name(file), attrs })),
    file && ((_, name) => ({ type: 'close', id: 1, handle: name(file) })),
    (at) => ({ type: 'setstat', id: 1, path: at + from, attrs }),
    (at) => ({ type: 'mkdir', id: 1, path: at + from, attrs: { mode } }),
    (at) => ({ type: 'symlink', id: 1, first, second: at + from }),
    (at) => ({ type: 'rename', id: 1, from: at + from, to: at + to }),
    two('posix-rename'),
    two('hardlink'),
  ])
}

function flagsOf(letters: string): Extract<Request, { type: 'open' }>['flags'] {
  const has = (letter: string) => letters.includes(letter)
  const access = { read: has('r'), write: has('w'), append: has('a') }
  return { ...access, create: has('c'), truncate: has('t'), exclusive: has('x') }
}

/** What a client sees of an answer. Sizes of folders, atime and the names of owners are the disk's and the server's. */
function seen(reply: Reply): unknown {
  const now = Date.now() / 1000
  if (reply.type === 'status') return reply.code
  if (reply.type === 'data') return Buffer.from(reply.data).toString('latin1')
  if (reply.type === 'attrs') {
    const { kind, mode, size, mtime } = reply.stat
    return kind === 'directory' ? mode : { mode, size, mtime: Math.abs(mtime - now) < 900 ? 'now' : mtime }
  }
  if (reply.type !== 'name') return reply.type
  // A listing tells of a file that is being replaced as it was.
  return reply.names.map(({ name, stat }) => `${name} ${stat?.kind}`).sort()
}

const isRefused = (reply: Reply): boolean => reply.type === 'status' && reply.code !== 0

/** What we refuse, or say otherwise, on purpose. 'stop': the trees are not the same any more. */
function judged(request: Request, theirs: Reply, ours: Reply): 'ours' | 'stop' | 'as theirs' {
  const { type } = request
  if (isRefused(theirs) && isRefused(ours)) {
    // Of two reasons, or for a path that is odd, the other one may be told.
    const byOne = ['lstat', 'stat', 'setstat', 'opendir', 'read'].includes(type)
    return byOne ? 'as theirs' : 'ours'
  }
  // OpenSSH takes the place of a link that leads nowhere.
  if (type === 'rename' && isRefused(ours)) return 'stop'
  // There a folder is opened, and only reading it fails.
  if (type === 'open' && isRefused(ours) && !request.flags.write) return 'ours'
  return 'as theirs'
}

function tree(folder: string): unknown[] {
  const names = readdirSync(folder).sort()
  return names.map((name) => {
    const path = join(folder, name)
    const found = lstatSync(path)
    if (found.isDirectory()) return [name, found.mode, tree(path)]
    if (found.isSymbolicLink()) return [name, readlinkSync(path)]
    return [name, found.mode, found.nlink, readFileSync(path, 'latin1')]
  })
}

const skip = SFTP_SERVER === undefined && 'needs the sftp-server of OpenSSH'

test('any requests: are answered as by the server of OpenSSH, and leave the same behind', {
  skip,
}, async () => {
  await using ada = await stagedAccount()
  const folder = mkdtempSync(join(tmpdir(), 'like-openssh-'))
  using openssh = sftpServer(SFTP_SERVER!, folder)
  const running = await startSftpOver(await ada.session())
  try {
    for (let round = 0; round < ROUNDS; round++) await play(round)
  } finally {
    rmSync(folder, { recursive: true })
  }

  async function play(round: number): Promise<void> {
    const random = chance(SEED * 1000 + round)
    const past = [`FUZZ_SEED=${SEED}, round ${round}:`]
    const handles: Handle[] = []
    /** False: nothing more is to be compared. */
    const both = async (asked: Asked): Promise<boolean> => {
      const request = asked(`${round}/`, (handle) => handle.ours)
      const theirs = await openssh.ask(asked(`${round}/`, (handle) => handle.theirs))
      const [ours] = await running.answers(request)
      past.push([request, theirs, ours].map((said) => JSON.stringify(said).slice(0, 200)).join(' '))
      const verdict = judged(request, theirs, ours!)
      if (verdict === 'as theirs') assert.deepEqual(seen(ours!), seen(theirs), past.slice(-30).join('\n'))
      const closed = handles.findIndex((handle) => request.type === 'close' && handle.ours === request.handle)
      if (closed >= 0) handles.splice(closed, 1)
      if (theirs.type !== 'handle') return verdict !== 'stop'
      if (ours?.type !== 'handle')
        return !isRefused(await openssh.ask({ type: 'close', id: 1, handle: theirs.handle }))
      const reads = request.type === 'open' && request.flags.read === true
      const handle = { reads, theirs: theirs.handle, ours: ours.handle }
      if (request.type === 'open') return handles.push(handle) > 0
      await both((_, name) => ({ type: 'readdir', id: 1, handle: name(handle) }))
      return await both((_, name) => ({ type: 'close', id: 1, handle: name(handle) }))
    }
    const close = async (): Promise<void> => {
      for (const handle of handles.splice(0))
        await both((_, name) => ({ type: 'close', id: 1, handle: name(handle) }))
    }
    await make(both, close)
    let same = true
    for (let i = 0; i < REQUESTS && same; i++) {
      const asked = any(random, handles, round % 2 === 0)
      same = asked === undefined || (await both(asked))
    }
    await close()
    if (same)
      assert.deepEqual(tree(join(ada.home, `${round}`)), tree(join(folder, `${round}`)), past.join('\n'))
  }

  async function make(both: (asked: Asked) => Promise<boolean>, close: () => Promise<void>): Promise<void> {
    for (const path of ['', 'd', 'd/g', 'e'])
      await both((at) => ({ type: 'mkdir', id: 1, path: at + path, attrs: {} }))
    for (const path of ['a', 'b', 'd/f']) {
      const flags = { write: true, create: true }
      await both((at) => ({ type: 'open', id: 1, path: at + path, flags, attrs: {} }))
    }
    await close()
    for (const [path, first] of Object.entries({
      link: 'a',
      'link-d': 'd',
      dangling: 'nowhere',
      loop: 'loop',
    }))
      await both((at) => ({ type: 'symlink', id: 1, first, second: at + path }))
  }
})
