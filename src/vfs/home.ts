import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Awaitable } from '../base/awaitable.ts'
import type { Clock } from '../base/clock.ts'
import { isOpError, OpError } from '../base/error.ts'
import { type InTurn, Lanes, Turns } from '../base/lane.ts'
import type { Book } from '../quota/book.ts'
import type { DiskCalls } from './disk-calls.ts'
import { errnoOf, fileError } from './errno.ts'
import { Inodes } from './inodes.ts'
import { type Jail, openJail } from './jail.ts'
import { openLocal } from './local.ts'
import { metered } from './metered.ts'
import { forgetUploads, openUploads, uploadFiles } from './open-uploads.ts'
import { openPaces, type Paces } from './pace.ts'
import { pacedBy } from './paced-file.ts'
import { Partials } from './partials.ts'
import { Refusals } from './refusals.ts'
import { type SettleParts, settle, settleLeft } from './settle.ts'
import { openShelf } from './shelf.ts'
import { type KeepRules, Shelved } from './shelved.ts'
import { type Durable, type StagedFileSystem, staged } from './staged.ts'
import type { Sender, UploadStore } from './uploads.ts'
import { Writers } from './writers.ts'

export interface HomesParts {
  /** VAR: homes lie in `home/NAME`. */
  readonly folder: string
  readonly openBook: (account: string) => Promise<Book>
  readonly clock: Clock
  /** How the disks of the homes answer. */
  readonly paces?: Paces
  readonly uploads: UploadStore
  /** This process, by a name that no other one has or had; and whether one of such a name still runs. */
  readonly process: string
  readonly lives: (process: string) => boolean
  readonly rules: TreeRules
  /** Hears of a home that could not be opened to settle what a crash has left there. */
  readonly notOpened?: SettleParts['notOpened']
  /** Somebody else has settled what a crash has left. */
  readonly settled?: boolean
  /** Descriptors from this number on are not for files. */
  readonly mostDescriptor?: number
  /** How files are opened and folders listed: without, name by name. */
  readonly calls?: DiskCalls | undefined
}

/** May change while we run; holds for the next session, and for the next file that is replaced. */
export interface TreeRules extends KeepRules {
  readonly overwrite: 'staged' | 'in-place'
  readonly durable: Durable
}

/** Opens the tree of an account for a session. What all sessions of an account share (its books, its open inodes) is kept here. */
export interface OpenHomes extends Disposable {
  /** `overwrite`: the account's own way, if it has one; asked at each OPEN. */
  open(
    account: string,
    sender: Sender,
    overwrite?: () => 'staged' | 'in-place' | null,
  ): Promise<StagedFileSystem>
  /** Another process may serve the account: nothing of it is kept here any more. False while something is open or must be remembered. */
  letGo(account: string): boolean
}

/** READs, WRITEs and fsyncs off the loop at a time: of libuv's four threads one is left for logins. */
const OFF_THE_LOOP = 3

interface Shared {
  readonly book: Book
  readonly inodes: Inodes
  readonly refusals: Refusals
  readonly shelved: Shelved
  readonly partials: Partials
  readonly writers: Writers
}

/** Settles first what a crash has left. */
export async function openHomes({ folder, openBook, clock, ...parts }: HomesParts): Promise<OpenHomes> {
  const { uploads } = parts
  const crash = settleParts({ ...parts, folder, clock })
  if (!parts.settled) await settle(crash)
  const side = openUploads(openUploadsIn(folder), parts.process)
  const accounts = new Map<string, Shared>()
  const { paces = openPaces(clock) } = parts
  const turns = new Turns(OFF_THE_LOOP)
  const settling = new Lanes()

  /** What a crash has left in a home that was not there at the start. */
  async function settleNow(account: string, book: Book): Promise<void> {
    const cut = await book.whenRoom(0, 0, () => book.during(settleLeft(account, crash)))
    if (cut > 0) book.give(cut)
  }

  /** `isNew`: its home was not there until now. */
  async function sharedBy(account: string, isNew: boolean): Promise<Shared> {
    const book = await openBook(account)
    if (!isNew && accounts.get(account)?.book !== book)
      await settling.run(account, () => settleNow(account, book))
    const known = accounts.get(account)
    // An account that was deleted and made again has other books.
    if (known?.book === book) return known
    const inodes = new Inodes()
    book.onCount(() => inodes.unseenBytes)
    const made: Shared = {
      book,
      inodes,
      refusals: new Refusals(clock, () => made.shelved.keptBytes),
      shelved: new Shelved({
        account,
        store: uploads,
        shelf: openShelf(join(folder, 'staging', account), jailWhenAsked(join(folder, 'home', account))),
        book,
        inodes,
        clock,
        rules: parts.rules,
        owner: parts.process,
        lives: parts.lives,
      }),
      partials: new Partials(account, uploads),
      writers: new Writers(),
    }
    accounts.set(account, made)
    return made
  }

  return {
    async open(account, sender, overwrite) {
      const home = join(folder, 'home', account)
      const isNew = await told(() => makeHome(home))
      const shared = await sharedBy(account, isNew)
      const inTurn: InTurn = (work) => turns.run(account, work)
      const paced = pacedBy(paces, inTurn)
      const local = await told(() => openLocal(home, parts.mostDescriptor, paced, parts.calls))
      return staged(metered(local, shared), {
        ...shared,
        account,
        shelf: openShelf(join(folder, 'staging', account), local.jail, paced, inTurn),
        store: uploads,
        openUploads: side,
        sender,
        now: clock.now,
        overwrite: () => overwrite?.() ?? parts.rules.overwrite,
        durable: parts.rules.durable,
      })
    },
    letGo(account) {
      const shared = accounts.get(account)
      if (shared === undefined) return true
      if (!shared.inodes.none || !shared.refusals.none) return false
      if (!shared.partials.settled || !shared.shelved.handOver()) return false
      accounts.delete(account)
      return true
    },
    [Symbol.dispose]: () => side[Symbol.dispose](),
  }
}

/** Whether it was not there. */
async function makeHome(home: string): Promise<boolean> {
  if (existsSync(home)) return false
  await mkdir(dirname(home), { recursive: true, mode: 0o700 })
  // Not recursive: that says ENOENT of a disk that takes no writes.
  try {
    await mkdir(home, { mode: 0o700 })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
  return true
}

/** What keeps a home from being made or opened, without its real path. */
async function told<T>(work: () => Awaitable<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const error = fileError(cause, '/')
    if (!isOpError(error)) throw error
    throw new OpError(error.code, `Your files cannot be opened, tell an admin: ${error.message}`, { cause })
  }
}

/** Where processes say which uploads they have open. */
export function openUploadsIn(folder: string): string {
  return join(folder, 'data', 'open-uploads')
}

/** Where that stays of processes that were killed, for accounts whose homes were not there. */
export function leftUploadsIn(folder: string): string {
  return join(folder, 'data', 'left-uploads')
}

/** The account was deleted. */
export function forgetLeft(folder: string, account: string): void {
  const left = leftUploadsIn(folder)
  for (const name of uploadFiles(left)) forgetUploads(left, name, new Set([account]), left)
}

type CrashParts = Pick<HomesParts, 'folder' | 'uploads' | 'clock' | 'lives' | 'notOpened'> &
  Pick<SettleParts, 'rules' | 'again'>

/** What processes that were killed have left is made good; of accounts that nobody serves now. */
export function settleHomes(parts: CrashParts): Promise<void> {
  return settle(settleParts(parts))
}

function settleParts({
  folder,
  uploads,
  clock,
  rules,
  lives,
  notOpened = () => {},
  again = false,
}: CrashParts): SettleParts {
  const [open, left] = [openUploadsIn(folder), leftUploadsIn(folder)]
  return { folder, open, left, again, store: uploads, now: clock.now, rules, lives, notOpened }
}

/** For what is done once in a while for no session: opened for it alone. */
function jailWhenAsked(home: string): Pick<Jail, 'walk'> {
  return {
    walk(path, follow, use) {
      using jail = openJail(home)
      return jail.walk(path, follow, use)
    },
  }
}
