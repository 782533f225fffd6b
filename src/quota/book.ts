// Over 300 lines: the sums of one account and everything that may change them; a second place could make them differ.
import { setImmediate as othersFirst } from 'node:timers/promises'
import { type Awaitable, isPromise, then } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { quotaUsedUp, showBytes } from '../base/units.ts'
import type { Around, Held, Share, ShareState, Usage } from './ledger.ts'

/** Most that is leased ahead of need, in bytes and entries: a bulk upload asks the ledger once in 256 writes of 32 KiB. */
const SLACK = { bytes: 8 * 1024 * 1024, files: 256 }
const NO_SLACK = { bytes: 0, files: 0 }
/** Most bytes of one account: with what other processes hold and lease ahead they are still counted one by one, below 2^53. */
const MOST_BYTES = 2 ** 52
/** So many leases are without slack after another process has called it back: it needs the room before we do. */
const MODEST_LEASES = 64

/** Gives up what is only kept, some of it or as much as is needed, for so many bytes. Whether that gave bytes back. */
export type MakeRoom = (bytes: number, some: boolean) => boolean

export interface BookParts {
  readonly account: string
  readonly share: Share
  /**
   * Calls back what other processes hold ahead of need, those that have died too; undefined when there are none.
   * After it the ledger is worth another question.
   */
  readonly callBack: () => Promise<void> | undefined
  /** Lets other processes report; undefined when there are none. */
  readonly reports: () => Promise<void> | undefined
  /** What is there is to be counted again: more was given back than ever was taken. The home holds still until then. */
  readonly doubt: () => void
}

/**
 * What this process has of one account's bytes and entries: they are taken here before they are written, and used +
 * reserved of all processes never passes the limit. As long as what is leased suffices a take is a comparison and an
 * addition; else the ledger is asked, and before anything is refused `ensure` has called back what others hold ahead of
 * need.
 */
export class Book {
  readonly account: string
  readonly #share: Share
  readonly #callBack: BookParts['callBack']
  readonly #reports: BookParts['reports']
  readonly #doubt: BookParts['doubt']
  /** In files, an inode counted once, and in files that were removed while they are open. */
  #used = 0
  /** Set aside: bytes of overwrites not yet committed, of interrupted ones, and of replaced files that are kept. */
  #reserved = 0
  #files = 0
  #held: Held = { heldBytes: 0, heldFiles: 0 }
  /**
   * Whether all that all processes hold is known to be within the limits: a lease has said so, and since then no limit
   * was lowered and nothing counted. Else what is given back is not held on to: it may be what the limit is passed by.
   */
  #within = { bytes: false, files: false }
  #modest = 0
  /** As it was when it was looked at last. */
  #around: Around = NOTHING
  /** Called before anything is refused: gives up what is only kept, returns whether that gave bytes back. */
  readonly #makeRoom: MakeRoom[] = []
  #unseen: () => number = () => 0
  /** While the home is counted: until it may change again. */
  #quiet: Promise<void> | undefined
  /** Changes of the home that are under way off the loop. */
  #underWay = 0

  constructor({ account, share, callBack, reports, doubt }: BookParts) {
    this.account = account
    this.#share = share
    this.#callBack = callBack
    this.#reports = reports
    this.#doubt = doubt
  }

  /** Of all processes, as they reported last. */
  get usage(): Usage {
    const { limits, used, reserved, files } = this.#look()
    return {
      limit: limits.bytes,
      used: Math.max(0, used + this.#used),
      reserved: reserved + this.#reserved,
      files: Math.max(0, files + this.#files),
      fileLimit: limits.files,
    }
  }

  /** `usage` after the other processes have reported. */
  exactUsage(): Awaitable<Usage> {
    const reported = this.#reports()
    return then(reported, () => then(this.#refresh(), () => this.usage))
  }

  /** `free`, with what other processes hold ahead of need; they are asked. */
  exactFree(): Awaitable<number> {
    return then(this.exactUsage(), ({ limit, used, reserved }) =>
      limit === null ? Number.POSITIVE_INFINITY : Math.max(0, limit - used - reserved),
    )
  }

  /** Whether a limit holds here: hard links, which would be counted once and shared, are refused then. */
  get metered(): boolean {
    const { limits } = this.#look()
    return limits.bytes !== null || limits.files !== null
  }

  /** Bytes that may still be taken, but for what other processes hold; Infinity without a limit. */
  get free(): number {
    const { limits, heldBytes } = this.#look()
    return limits.bytes === null
      ? Number.POSITIVE_INFINITY
      : Math.max(0, limits.bytes - heldBytes - this.#used - this.#reserved)
  }

  /** Whether `bytes` and `files` more are leased already. */
  has(bytes: number, files = 0): boolean {
    return this.#quiet === undefined && this.#fits(bytes, files)
  }

  /**
   * Sees to it that `take` and `takeFile` right after it are only refused when there is no room anywhere, and waits
   * while the home is counted. Asked before anything that changes the home. Now, unless somebody else must be asked.
   */
  ensure(bytes: number, files = 0): Awaitable<void> {
    if (this.has(bytes, files)) return undefined
    return this.#gather(bytes, files)
  }

  /** Does `act` after `ensure`: now, unless somebody else must be asked or the home is counted. */
  whenRoom<T>(bytes: number, files: number, act: () => Awaitable<T>): Awaitable<T> {
    const wait = this.ensure(bytes, files)
    if (wait === undefined) return act()
    return then(wait, () => (this.#quiet === undefined ? act() : this.whenRoom(bytes, files, act)))
  }

  /** EDQUOT, with nothing taken, when `bytes` more do not fit. */
  take(bytes: number, path: string): void {
    if (this.#used + this.#reserved + bytes > this.#held.heldBytes) this.#need(bytes, path)
    this.#used += bytes
  }

  give(bytes: number): void {
    this.#used -= bytes
    if (!this.#within.bytes) this.#letGoBytes()
    if (this.#used + this.#around.used < 0) this.#checkSums()
  }

  /** EDQUOT, with nothing set aside, when `bytes` more do not fit. */
  reserve(bytes: number, path: string): void {
    if (this.#used + this.#reserved + bytes > this.#held.heldBytes) this.#need(bytes, path)
    this.#reserved += bytes
  }

  release(bytes: number): void {
    this.#reserved = Math.max(0, this.#reserved - bytes)
    if (!this.#within.bytes) this.#letGoBytes()
  }

  /** Bytes that were set aside are in a file now. */
  settle(bytes: number): void {
    this.#reserved = Math.max(0, this.#reserved - bytes)
    this.#used += bytes
  }

  /** EDQUOT when one more entry, or any entry at all, does not fit. */
  takeFile(path: string): void {
    if (this.#files + 1 > this.#held.heldFiles && !this.#leaseNow(0, 1)) {
      const { limits, heldFiles } = this.#look()
      const taken = heldFiles + this.#files
      throw new OpError('EDQUOT', `Quota used up: ${taken} of ${limits.files ?? taken} files and folders`, {
        path,
      })
    }
    this.#files += 1
  }

  giveFile(): void {
    this.#files -= 1
    if (!this.#within.files) this.#letGoFiles()
    if (this.#files + this.#around.files < 0) this.#checkSums()
  }

  /** A new file needs room for at least a byte. EDQUOT. */
  checkRoom(path: string): void {
    if (!this.#fits(1, 0)) this.#need(1, path)
  }

  /** Somebody who can give bytes back when there is no room. */
  onNoRoom(makeRoom: MakeRoom): void {
    this.#makeRoom.push(makeRoom)
  }

  /** Who knows how many bytes a scan of the home does not find: those of removed files that are open. */
  onCount(unseen: () => number): void {
    this.#unseen = unseen
  }

  /** What changes the home, and may go on off the loop: the home is not counted meanwhile. */
  during<T>(change: Awaitable<T>): Awaitable<T> {
    if (!isPromise(change)) return change
    this.#underWay += 1
    return change.finally(() => {
      this.#underWay -= 1
    })
  }

  /** No change of the home begins before `over`. Those under way go on until `idle`. */
  holdStill(over: Promise<void>): void {
    const quiet = Promise.all([this.#quiet, over]).then(() => {
      if (this.#quiet === quiet) this.#quiet = undefined
    })
    this.#quiet = quiet
  }

  get idle(): boolean {
    return this.#underWay === 0
  }

  /** Writes down what this process has taken. */
  report(): Awaitable<void> {
    return this.#share.report(this.#state)
  }

  /** The same, and gives back all that is held ahead of need. */
  square(): Awaitable<void> {
    this.#within = { bytes: false, files: false }
    this.#letGoBytes()
    this.#letGoFiles()
    return this.#share.report(this.#state)
  }

  /** The same, for another process needs it, or a limit is lower now. */
  giveBack(): Awaitable<void> {
    this.#modest = MODEST_LEASES
    return this.square()
  }

  /** The process is about to end in order: what is set aside is free again. */
  fold(): Awaitable<void> {
    return this.#share.fold(this.#state)
  }

  get #state(): ShareState {
    return {
      used: this.#used,
      reserved: this.#reserved,
      files: this.#files,
      unseen: this.#unseen(),
      heldBytes: this.#held.heldBytes,
      heldFiles: this.#held.heldFiles,
    }
  }

  #letGoBytes(): void {
    this.#held = { ...this.#held, heldBytes: this.#used + this.#reserved }
  }

  #letGoFiles(): void {
    this.#held = { ...this.#held, heldFiles: this.#files }
  }

  #fits(bytes: number, files: number): boolean {
    return (
      this.#used + this.#reserved + bytes <= this.#held.heldBytes &&
      (files === 0 || this.#files + files <= this.#held.heldFiles)
    )
  }

  /** True: it fits now. A promise from a ledger that answers later. EFBIG for what cannot be counted. */
  #lease(bytes: number, files: number): Awaitable<boolean> {
    if (this.#used + this.#reserved + bytes > MOST_BYTES) {
      // Where there is a quota, it is that which is passed.
      if (this.#look().limits.bytes !== null) return false
      throw new OpError('EFBIG', `Too large: an account holds ${showBytes(MOST_BYTES)} at most`)
    }
    const need = {
      bytes: Math.max(0, this.#used + this.#reserved + bytes - this.#held.heldBytes),
      files: files === 0 ? 0 : Math.max(0, this.#files + files - this.#held.heldFiles),
      // What is counted may be more than the limit: nothing is held ahead then.
      slack: this.#modest > 0 || this.#quiet !== undefined ? NO_SLACK : SLACK,
    }
    if (this.#modest > 0) this.#modest -= 1
    const asked = this.#held
    // As it was when it was asked: what comes meanwhile makes it unknown again.
    const within = this.#quiet === undefined ? this.#within : undefined
    return then(this.#share.lease(this.#state, need), (held) => {
      if (held === undefined) return false
      if (within !== undefined && need.bytes > 0) within.bytes = true
      if (within !== undefined && need.files > 0) within.files = true
      // What was given meanwhile to somebody else in this process stays given.
      this.#held = {
        heldBytes: this.#held.heldBytes + held.heldBytes - asked.heldBytes,
        heldFiles: this.#held.heldFiles + held.heldFiles - asked.heldFiles,
      }
      return this.#fits(bytes, files)
    })
  }

  /** In the middle of a step. */
  #leaseNow(bytes: number, files: number): boolean {
    return this.#share.immediate && this.#lease(bytes, files) === true
  }

  #gather(bytes: number, files: number): Awaitable<void> {
    if (this.#quiet !== undefined) return this.#quiet.then(() => this.ensure(bytes, files))
    return then(this.#lease(bytes, files), (fits) =>
      fits ? undefined : then(this.#callBackAndLease(bytes, files), () => this.#giveUp(bytes)),
    )
  }

  /** What is only kept, a step at a time, for it may be much: others are served between. */
  #giveUp(bytes: number): Awaitable<void> {
    if (this.#fits(bytes, 0)) return undefined
    const before = this.#used + this.#reserved
    for (const makeRoom of this.#makeRoom) makeRoom(bytes, true)
    if (this.#used + this.#reserved >= before) return undefined
    return then(this.#lease(bytes, 0), (fits) =>
      fits ? undefined : othersFirst().then(() => this.#giveUp(bytes)),
    )
  }

  /** Twice, for another process may have been quicker with what was called back. Whether it fits is for `take` to say. */
  #callBackAndLease(bytes: number, files: number): Awaitable<void> {
    const called = this.#callBack()
    if (called === undefined) return undefined
    const again = async (): Promise<void> => {
      await called
      if (await this.#lease(bytes, files)) return
      await this.#callBack()
      await this.#lease(bytes, files)
    }
    return again()
  }

  #need(bytes: number, path: string): void {
    if (this.#leaseNow(bytes, 0)) return
    for (const makeRoom of this.#makeRoom) {
      if (makeRoom(bytes, false) && (this.#fits(bytes, 0) || this.#leaseNow(bytes, 0))) return
    }
    const free = this.free
    const { limits, used, reserved } = this.#around
    const limit = limits.bytes
    if (limit === null) throw new OpError('EDQUOT', 'The account is gone', { path })
    // The limit may have been lowered below it. What others hold ahead of need is not free.
    const taken = Math.max(limit - free, used + reserved + this.#used + this.#reserved)
    throw new OpError('EDQUOT', quotaUsedUp(taken, limit, free), { path })
  }

  /** Below nothing: somebody made files behind the server's back, which were then removed through it. */
  #checkSums(): void {
    const { used, files } = this.#look()
    if (this.#used + used < 0 || this.#files + files < 0) this.#doubt()
  }

  #look(): Around {
    if (this.#share.immediate) void this.#refresh()
    return this.#around
  }

  #refresh(): Awaitable<void> {
    return then(this.#share.around(), (around) => {
      this.#around = around
    })
  }
}

const NOTHING: Around = {
  limits: { bytes: null, files: null },
  used: 0,
  reserved: 0,
  files: 0,
  heldBytes: 0,
  heldFiles: 0,
}
