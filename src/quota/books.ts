import type { Clock } from '../base/clock.ts'
import { isOpError } from '../base/error.ts'
import type { Siblings } from '../base/siblings.ts'
import { Book } from './book.ts'
import type { Found, Limits, QuotaLedger, Quotas } from './ledger.ts'
import { type Stillness, stillness } from './stillness.ts'

export interface BooksParts {
  readonly ledger: QuotaLedger
  /** Bytes and entries that are really there. */
  readonly measure: (account: string) => Promise<Found>
  /** Tells one home from another that takes its place, as when a backup is put back; without it there is only one. */
  readonly placeOf?: (account: string) => string
  /** Bytes that whoever opens the account's files will reserve first, if so many are free: what processes that ended had reserved. */
  readonly unheld?: (account: string, free: number) => number
  readonly limitsOf: (account: string) => Promise<Limits | undefined>
  readonly siblings: Siblings
  readonly clock: Clock
}

/** The books of all accounts, in this process. */
export interface Books extends Quotas {
  open(account: string): Promise<Book>
  /** Another process serves the account from now on: what was taken here goes over to what was counted. */
  letGo(account: string): Promise<void>
}

/** What processes ask each other about an account. */
const GIVE_BACK = 'quota give back'
const REPORT = 'quota report'
const FORGET = 'quota forget'

/**
 * The disk is the truth and the ledger remembers it: an account that nobody has counted, or of which a process died
 * with a share, is counted before it is written to, while all who serve it hold still.
 */
export function openBooks({
  ledger,
  measure,
  placeOf = () => 'home',
  unheld = () => 0,
  limitsOf,
  siblings,
  clock,
}: BooksParts): Books {
  const books = new Map<string, Promise<Book>>()
  /** From the moment they have a share, before the account is counted: the others may ask already. */
  const shared = new Map<string, Book>()
  const counting = new Map<string, Promise<void>>()
  const still: Stillness = stillness((account) => shared.get(account), siblings, clock)

  async function load(account: string): Promise<Book> {
    await ledger.setLimits(account, (await limitsOf(account)) ?? { bytes: null, files: null })
    await ledger.isAt(account, placeOf(account))
    const book = new Book({
      account,
      share: await ledger.open(account),
      callBack: () => callBack(account),
      reports: () => (siblings.count === 0 ? undefined : siblings.ask(REPORT, account).then(() => {})),
      doubt: () => doubt(account),
    })
    shared.set(account, book)
    try {
      await count(account, book)
      await book.exactUsage()
    } catch (error) {
      shared.delete(account)
      await book.fold()
      throw error
    }
    return book
  }

  async function open(account: string): Promise<Book> {
    const found = books.get(account)
    if (found !== undefined) {
      const book = await found
      // Mounted, or put back, while it was open here.
      if (!(await ledger.isAt(account, placeOf(account)))) doubt(account)
      return book
    }
    const loading = load(account)
    books.set(account, loading)
    loading.catch(() => books.get(account) === loading && books.delete(account))
    return loading
  }

  /** Undefined when nobody else holds anything. */
  function callBack(account: string): Promise<void> | undefined {
    const uncounted = ledger.uncounted(account)
    if (uncounted === undefined && siblings.count === 0) return undefined
    return (async () => {
      if ((await uncounted) !== undefined) await count(account, await open(account))
      await siblings.ask(GIVE_BACK, account)
    })()
  }

  /** One at a time; nothing to do when all is known. */
  function count(account: string, book: Book): Promise<void> {
    const running = counting.get(account)
    if (running !== undefined) return running
    const made = countNow(account, book).finally(() => counting.delete(account))
    counting.set(account, made)
    return made
  }

  async function countNow(account: string, book: Book): Promise<void> {
    for (;;) {
      const last = await ledger.uncounted(account)
      if (last === undefined) return
      await still.during(account, book, async (held) => {
        const found = await measure(account)
        if (held()) await ledger.count(account, last, found)
      })
    }
  }

  /** Nobody changes the home, or takes what was given back too often, before it is counted. */
  function doubt(account: string): void {
    const book = shared.get(account)
    if (book === undefined || counting.has(account)) return
    const counted = (async () => {
      await ledger.doubt(account)
      await count(account, book)
    })()
    // Not counted: it is still in doubt, and counted when somebody asks for its usage or needs what others hold.
    book.holdStill(counted.catch(() => {}))
  }

  function forget(account: string): void {
    books.delete(account)
    shared.delete(account)
  }

  siblings.answer(GIVE_BACK, (account) => shared.get(String(account))?.giveBack())
  siblings.answer(REPORT, (account) => shared.get(String(account))?.report())
  siblings.answer(FORGET, (account) => forget(String(account)))

  return {
    open,
    async letGo(account) {
      const book = await books.get(account)
      await counting.get(account)
      forget(account)
      await book?.fold()
    },
    async usage(account) {
      try {
        const book = await open(account)
        await count(account, book)
        const usage = await book.exactUsage()
        const { limit, used, reserved } = usage
        const free = limit === null ? Number.POSITIVE_INFINITY : limit - used - reserved
        return { ...usage, reserved: reserved + unheld(account, free) }
      } catch (error) {
        // Whoever is to make room on a full disk, or looks for one that does not answer, must see who has how much.
        if (!isOpError(error, 'ENOSPC') && !isOpError(error, 'EIO')) throw error
        return ledger.noted(account)
      }
    },
    async setLimits(account, limits) {
      await ledger.setLimits(account, limits)
      await shared.get(account)?.giveBack()
      await siblings.ask(GIVE_BACK, account)
    },
    async remove(account) {
      forget(account)
      await ledger.remove(account)
      await siblings.ask(FORGET, account)
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(books.values())
      for (const book of shared.values()) await book.fold()
      await ledger[Symbol.asyncDispose]()
    },
  }
}
