import { homedir, userInfo } from 'node:os'
import { resolve } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { OpError } from '../base/error.ts'
import { makeAll, removeAll } from '../commands/folders.ts'
import { entriesOf } from '../commands/patterns.ts'
import { type Digests, digests } from '../transfer/digest.ts'
import { virtualPath } from '../vfs/path.ts'
import type { Stat, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import { MOST_JOBS } from './arguments.ts'
import { dialerFor } from './connect.ts'
import { kept } from './kept.ts'
import { type Link, linkOver } from './link.ts'
import { openDisk } from './local-disk.ts'
import { fetchFiles, type MoveParts, sendFiles } from './moves.ts'
import { wordOf } from './one-shot.ts'
import type { Outcome } from './outcome.ts'
import { bytesOf, type MoveWishes } from './plans.ts'
import type { Job } from './queue.ts'
import { remoteDigests } from './remote-digests.ts'
import { parsePort, parseTarget } from './target.ts'
import { statOrNone } from './transfer.ts'
import type { Report } from './watchers.ts'

export { type ErrorCode, isOpError, OpError } from '../base/error.ts'

/** Where to connect, and how to log in. What is not said comes from ~/.ssh/config, the agent and the usual keys. */
export interface ConnectOptions {
  /** `[user@]host[:port]`, or a Host of ~/.ssh/config. */
  readonly host: string
  readonly port?: number | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
  /** Files of private keys. */
  readonly keys?: readonly string[] | undefined
  readonly passphrase?: string | undefined
  /** Socket of an agent: process.env.SSH_AUTH_SOCK. */
  readonly agent?: string | undefined
  /** As after -o: `StrictHostKeyChecking=accept-new`. A host that is not known is refused, for nobody is there to be asked. */
  readonly options?: readonly string[] | undefined
  /** Instead of ~/.ssh/config. */
  readonly config?: string | undefined
  /** ms without a byte moved after which a lost connection is given up; 5 minutes. */
  readonly retryMs?: number | undefined
  /** Ends the connection, and whatever runs over it. */
  readonly signal?: AbortSignal | undefined
  /** Asked for what the login needs beside (a second factor). */
  readonly ask?: ((question: string, echo: boolean) => Promise<string | undefined>) | undefined
}

export interface TransferOptions {
  /** Folders with all that is in them. */
  readonly recursive?: boolean
  /** Keep times and permissions. */
  readonly preserve?: boolean
  /** Replace what is there. */
  readonly force?: boolean
  /** Begin again where an earlier try left a part. */
  readonly restart?: boolean
  /** Go on by size where the server cannot tell MD5s. */
  readonly trustSize?: boolean
  /** Compare the MD5 of the whole before it is done; true. */
  readonly verify?: boolean
  /** Fetch a file whose upload was not finished. */
  readonly partial?: boolean
  /** Files at once, 1 to 7; 2. */
  readonly jobs?: number
  readonly signal?: AbortSignal
  /** Bytes of `name` that are in place, of `size`; `from` of them were there before. */
  readonly onProgress?: (progress: Progress) => void
}

export interface Progress {
  readonly name: string
  readonly size: number
  readonly done: number
  readonly from: number
}

/** One file that was moved, or was there already. */
export interface Moved extends Outcome {
  readonly name: string
  readonly target: string
}

export interface FileStat {
  readonly kind: Stat['kind']
  /** Bytes. */
  readonly size: number
  /** Permission bits. */
  readonly mode: number
  readonly mtime: Date
}

export interface ListedFile extends FileStat {
  readonly name: string
}

/** A server, by the bundled client. Every method rejects with OpError, whose `code` says why; see docs/errors.md. */
export interface Client extends AsyncDisposable {
  /** Sends a file, or what an earlier try left of it. A `remote` that is a folder takes it under its own name. */
  put(local: string | readonly string[], remote: string, options?: TransferOptions): Promise<readonly Moved[]>
  /** Fetches a file, or what an earlier try left of it. Names may be patterns. */
  get(remote: string | readonly string[], local: string, options?: TransferOptions): Promise<readonly Moved[]>
  list(path?: string): Promise<readonly ListedFile[]>
  /** Undefined when nothing is there. */
  stat(path: string): Promise<FileStat | undefined>
  /** A file or an empty folder; `recursive`: a folder with all in it. */
  remove(path: string, options?: { readonly recursive?: boolean }): Promise<void>
  mkdir(path: string, options?: { readonly parents?: boolean }): Promise<void>
  rename(from: string, to: string, options?: { readonly replace?: boolean }): Promise<void>
  /** Of a file, or of its first `bytes`; made at the server where it can, else of what is fetched. */
  md5(path: string, bytes?: number): Promise<string>
  close(): Promise<void>
}

/** Connects and logs in. ECONNREFUSED, ECONNRESET, EACCES, EPERM when the host's key may not be trusted, ECANCELED. */
export async function connect(where: string | ConnectOptions): Promise<Client> {
  const options = typeof where === 'string' ? { host: where } : where
  const dialer = await dialerFor(
    targetOf(options),
    {
      password: options.password,
      passphrase: options.passphrase,
      keys: options.keys ?? [],
      config: options.config,
      options: options.options ?? [],
    },
    {
      home: homedir(),
      user: userInfo().username,
      agent: options.agent,
      ask: options.ask ?? (async () => undefined),
      confirm: undefined,
      tell() {},
    },
  )
  const link = linkOver({ dialer, clock: systemClock, patienceMs: options.retryMs ?? RETRY_MS })
  try {
    await link.open(options.signal)
    return await clientOver(link, options.signal)
  } catch (error) {
    await link[Symbol.asyncDispose]()
    throw error
  }
}

const RETRY_MS = 5 * 60_000
const JOBS = 2

async function clientOver(link: Link, outer: AbortSignal | undefined): Promise<Client> {
  const end = new AbortController()
  const over = outer === undefined ? end.signal : AbortSignal.any([end.signal, outer])
  const disk: VirtualFileSystem = openDisk('/')
  const hash: Digests = digests()
  const home = await link.lasting(
    over,
    () => 0,
    ({ vfs }) => vfs.home(),
  )
  /** One session for all that is no transfer; what is asked of it may be asked at once. */
  const live = kept(
    () => link.line(over),
    ({ vfs }) => vfs.session.alive(),
  )
  async function close(): Promise<void> {
    end.abort()
    await link[Symbol.asyncDispose]()
    await hash[Symbol.asyncDispose]()
    await disk[Symbol.asyncDispose]()
  }
  const at = (path: string): VirtualPath => virtualPath(bytesOf(path), home)
  async function move(
    options: TransferOptions,
    work: (parts: MoveParts, wishes: MoveWishes) => Promise<readonly OpError[]>,
  ): Promise<readonly Moved[]> {
    const { signal, jobs = JOBS, onProgress } = options
    if (!Number.isInteger(jobs) || jobs < 1 || jobs > MOST_JOBS)
      throw new OpError('EUSAGE', `jobs is a number from 1 to ${MOST_JOBS}, not ${jobs}`)
    const done: Moved[] = []
    const report: Report = {
      planned() {},
      begun() {},
      progress: ({ name, size }, bytes, from) => onProgress?.({ name, size, done: bytes, from }),
      done: ({ name, target }: Job, outcome) => void done.push({ name, target, ...outcome }),
      failed() {},
      lost() {},
      back() {},
      tell() {},
      over() {},
    }
    const parts: MoveParts = {
      link,
      disk,
      digests: hash,
      report,
      lanes: jobs,
      signal: signal === undefined ? over : AbortSignal.any([over, signal]),
      folder: virtualPath(bytesOf(resolve('.'))),
      remoteFolder: home,
    }
    const errors = await work(parts, options)
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1)
      throw new OpError(
        errors[0]!.code,
        `${errors.length} files were not moved. The first: ${errors[0]!.message}`,
        {
          cause: new AggregateError(errors),
        },
      )
    return done
  }

  return {
    put: (local, remote, options = {}) =>
      move(options, (parts, wishes) =>
        sendFiles([local].flat().map(bytesOf), bytesOf(remote), wishes, parts),
      ),
    get: (remote, local, options = {}) =>
      move(options, (parts, wishes) =>
        fetchFiles([remote].flat().map(wordOf), bytesOf(local), wishes, parts),
      ),
    async list(path = '.') {
      const { vfs } = await live()
      const found: ListedFile[] = []
      for await (const { name, stat } of entriesOf(vfs, at(path)))
        found.push({ name: textOf(name), ...toldOf(stat) })
      return found
    },
    async stat(path) {
      const { vfs } = await live()
      const found = await statOrNone(vfs, at(path))
      return found && toldOf(found)
    },
    async remove(path, { recursive = false } = {}) {
      const { vfs } = await live()
      if (recursive) return removeAll(vfs, at(path), over)
      const found = await vfs.stat(at(path), { follow: false })
      await (found.kind === 'directory' ? vfs.rmdir(at(path)) : vfs.unlink(at(path)))
    },
    async mkdir(path, { parents = false } = {}) {
      const { vfs } = await live()
      await (parents ? makeAll(vfs, at(path)) : vfs.mkdir(at(path)))
    },
    async rename(from, to, { replace = false } = {}) {
      await (await live()).vfs.rename(at(from), at(to), { replace })
    },
    async md5(path, bytes) {
      const { vfs, hashes } = await live()
      const made = await hashes.md5(at(path), bytes)
      if (made !== undefined) return made
      const file = await vfs.open(at(path), { read: true })
      try {
        const range = { algorithm: 'md5', offset: 0, length: bytes } as const
        return Buffer.from(await remoteDigests(vfs.session, hash).of(path, file, range, over)).toString('hex')
      } finally {
        await file.close()
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function targetOf({ host, port, user }: ConnectOptions) {
  const target = parseTarget(host)
  return {
    host: target.host,
    port: port === undefined ? target.port : parsePort(String(port)),
    user: user ?? target.user,
  }
}

function toldOf({ kind, size, mode, mtime }: Stat): FileStat {
  return { kind, size, mode: mode & 0o7777, mtime: new Date(mtime * 1000) }
}

function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
