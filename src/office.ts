import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LiveSessions } from './accounts/account.ts'
import { type Actions, actionsOver } from './accounts/actions.ts'
import type { Homes } from './accounts/homes.ts'
import { homesIn } from './accounts/homes.ts'
import { accountsOver } from './accounts/kv-store.ts'
import { type Passwords, passwords } from './accounts/password.ts'
import { type SecondSteps, secondStepsOver } from './accounts/second-step.ts'
import { seedAccounts } from './accounts/seed.ts'
import type { AccountStore } from './accounts/store.ts'
import type { Audit } from './base/audit.ts'
import type { Clock } from './base/clock.ts'
import { openDailyFile } from './base/daily-file.ts'
import { isAlive, markOf, processLives } from './base/living.ts'
import { alone, type Siblings } from './base/siblings.ts'
import { type Books, openBooks } from './quota/books.ts'
import { openDatabase } from './store/database.ts'
import type { KeyValue } from './store/key-value.ts'
import { keyvOver } from './store/keyv.ts'
import { lastOpen } from './store/put-back.ts'
import { remembered } from './store/remembered.ts'
import { keepRoom, leaveRoom } from './store/room.ts'
import { sqlFresh } from './store/sql-fresh.ts'
import { sqlLedger } from './store/sql-ledger.ts'
import { sqlUploads } from './store/sql-uploads.ts'
import { onlyHere, sqlVersions } from './store/sql-versions.ts'
import type { FreshStore } from './vfs/fresh.ts'
import { forgetLeft } from './vfs/home.ts'
import { measure, placeOf } from './vfs/measure.ts'
import { unheldBytes } from './vfs/shelved.ts'
import type { UploadStore } from './vfs/uploads.ts'

/** Accounts and all that is done with them, over the database in a VAR: what a server and a console without one share. */
export interface Office extends AsyncDisposable {
  readonly accounts: AccountStore
  readonly passwords: Passwords
  readonly ledger: Books
  readonly actions: Actions
  readonly codes: SecondSteps
  readonly store: KeyValue
  readonly uploads: UploadStore
  readonly fresh: FreshStore
  readonly clock: Clock
  readonly audit: Audit
}

export interface OfficeParts {
  readonly folder: string
  readonly clock: Clock
  readonly live: LiveSessions
  readonly demo: boolean
  readonly adminPassword: string | undefined
  readonly failed: (error: unknown) => void
  /** This process has the lock: it is no worker. */
  readonly isFirst: boolean
  /** Other processes that serve the same VAR. */
  readonly siblings?: Siblings
  /** Bytes of a user that is made without a quota; null = no limit. */
  readonly defaultQuota: () => number | null
}

/** Where the accounts of a VAR are. */
export function databaseIn(folder: string): string {
  return join(folder, 'data', 'miniftp.sqlite')
}

/** Opens (and, the first time, fills) the database of `folder`; the caller holds its lock. */
export async function openOffice({
  folder,
  clock,
  live,
  demo,
  adminPassword,
  failed,
  isFirst,
  siblings = alone,
  defaultQuota,
}: OfficeParts): Promise<Office> {
  await using undo = new AsyncDisposableStack()
  const quietly = (last: () => void) => () => {
    try {
      last()
    } catch (error) {
      failed(error)
    }
  }
  // Behind the end of the database, whose log had that room.
  if (isFirst) undo.defer(quietly(() => leaveRoom(folder)))
  const real = databaseIn(folder)
  const database = undo.adopt(openDatabase(real), (open) => open.close())
  const isOnly = siblings === alone
  const stored = keyvOver(database, 'miniftp')
  const store = isOnly ? remembered(stored) : stored
  const versions = sqlVersions(database)
  const accounts = accountsOver(store, isOnly ? onlyHere(versions) : versions, clock)
  const words = passwords()
  const uploads = sqlUploads(database)
  const counted = sqlLedger({ database, self: markOf(process.pid), isAlive })
  const ledger = undo.use(
    openBooks({
      ledger: counted,
      siblings,
      clock,
      measure: (account) =>
        measure(join(folder, 'home', account), (id) =>
          uploads.shelved(account).some((file) => file.id === id),
        ),
      placeOf: (account) => placeOf(join(folder, 'home', account)),
      unheld: (account, free) =>
        unheldBytes(uploads.shelved(account), { free, now: clock.now(), lives: processLives }),
      limitsOf: async (account) => (await accounts.get(account))?.quota,
    }),
  )
  if (isFirst) {
    keepRoom(database)
    const last = lastOpen(database, join(folder, 'data', 'last-open'), placeOf(real))
    // What accounts use it may tell as of then.
    if (last.isPutBack) for await (const { name } of accounts.list()) await counted.doubt(name)
    last.note()
    // Where it fails, they are counted once more.
    undo.defer(quietly(last.note))
  }
  const file = undo.use(openDailyFile(join(folder, 'audit'), { keepDays: 400, sync: true }, clock, failed))
  const audit: Audit = {
    record: (event) =>
      file.write(() => `${JSON.stringify({ at: new Date(clock.now()).toISOString(), ...event })}\n`),
  }
  const fresh = sqlFresh(database)
  const homes = withUploads(homesIn(folder, clock), folder, [uploads, fresh])
  await seedAccounts({ accounts, passwords: words, ledger, homes }, demo, adminPassword)
  const codes = secondStepsOver(store, clock)
  const actions = actionsOver({
    accounts,
    passwords: words,
    ledger,
    live,
    audit,
    homes,
    codes,
    clock,
    defaultQuota,
  })
  const closing = undo.move()
  return {
    accounts,
    passwords: words,
    ledger,
    actions,
    codes,
    store,
    uploads,
    fresh,
    clock,
    audit,
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

function withUploads(
  homes: Omit<Homes, 'forget'>,
  folder: string,
  stores: readonly { forget(account: string): void }[],
): Homes {
  return {
    ...homes,
    async forget(name) {
      for (const store of stores) store.forget(name)
      forgetLeft(folder, name)
      await rm(join(folder, 'staging', name), { recursive: true, force: true })
    },
  }
}
