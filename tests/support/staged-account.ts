import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { alone } from '../../src/base/siblings.ts'
import type { Book } from '../../src/quota/book.ts'
import { openBooks } from '../../src/quota/books.ts'
import { openDatabase } from '../../src/store/database.ts'
import { sqlLedger } from '../../src/store/sql-ledger.ts'
import { sqlUploads } from '../../src/store/sql-uploads.ts'
import { openHomes } from '../../src/vfs/home.ts'
import { measure } from '../../src/vfs/measure.ts'
import type { Pace, Paces } from '../../src/vfs/pace.ts'
import type { Durable, StagedFileSystem } from '../../src/vfs/staged.ts'
import type { UploadStore } from '../../src/vfs/uploads.ts'
import { lending } from './lending.ts'

export interface AccountOptions {
  readonly bytes?: number | null
  readonly files?: number | null
  readonly clock?: Clock
  readonly keepMs?: number
  readonly partMs?: number
  readonly durable?: Durable
  readonly overwrite?: 'staged' | 'in-place'
  readonly paces?: Paces
  /** Changes where uploads are written down. */
  readonly uploads?: (store: UploadStore) => UploadStore
  /** Where homes lie, instead of beside the rest: another device. */
  readonly homes?: string
  /** The files and rows of one whose process was killed. */
  readonly after?: StagedAccount
  /** Somebody else has settled what a crash has left, as for a worker. */
  readonly settled?: boolean
  /** The files and rows of one whose process lives. */
  readonly beside?: StagedAccount
}

export interface StagedAccount extends AsyncDisposable {
  readonly folder: string
  readonly home: string
  readonly staging: string
  readonly book: Book
  readonly database: DatabaseSync
  /** An admin sets the quota. */
  limit(bytes: number | null, files?: number | null): Promise<void>
  /** Another process asks for the account. Whether it may have it. */
  letGo(): boolean
  /** A new session, as from this address. */
  session(address?: string): Promise<StagedFileSystem>
}

const SLOW: Pace = { quick: false, now: (work) => work(), later: (work) => work() }
/** Every disk is slow: each READ and WRITE goes through the thread pool. */
export const slowDisks: Paces = { of: () => SLOW }

let sessions = 0
let processes = 0

/** Ada's files on the disk as a server has them, without a server. */
export async function stagedAccount(options: AccountOptions = {}): Promise<StagedAccount> {
  const { bytes = null, files = null, clock = systemClock } = options
  const shared = options.after ?? options.beside
  const folder = shared?.folder ?? (await mkdtemp(join(tmpdir(), 'staged-')))
  const name = `process-${++processes}`
  if (options.homes !== undefined) await symlink(options.homes, join(folder, 'home'))
  const lives = (other: string): boolean => other === name || options.beside !== undefined
  const home = join(folder, 'home', 'ada')
  await mkdir(home, { recursive: true })
  const database = shared?.database ?? openDatabase(':memory:')
  const { uploads: changed = (store) => store } = options
  const uploads = changed(sqlUploads(database))
  const books = openBooks({
    ledger: sqlLedger({
      database,
      self: { pid: processes, start: name, boot: '' },
      isAlive: ({ start }) => lives(start),
    }),
    measure: () => measure(home, (id) => uploads.shelved('ada').some((file) => file.id === id)),
    limitsOf: async () => ({ bytes, files }),
    siblings: alone,
    clock,
  })
  const homes = await openHomes({
    folder,
    openBook: books.open,
    ...(options.paces === undefined ? {} : { paces: options.paces }),
    clock,
    uploads,
    process: name,
    lives,
    settled: options.settled ?? false,
    rules: {
      overwrite: options.overwrite ?? 'staged',
      durable: options.durable ?? 'never',
      keepMs: options.keepMs ?? 3_600_000,
      partMs: options.partMs ?? 86_400_000,
    },
  })
  // As a server does: counted when what was left is settled.
  const book = await books.open('ada')
  return {
    folder,
    home,
    staging: join(folder, 'staging', 'ada'),
    book,
    database,
    limit: async (bytes, files = null) => books.setLimits('ada', { bytes, files }),
    letGo: () => homes.letGo('ada'),
    session: async (address = '192.0.2.1') =>
      lending(await homes.open('ada', { session: `s${++sessions}`, address })),
    async [Symbol.asyncDispose]() {
      homes[Symbol.dispose]()
      if (database.isOpen) database.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
