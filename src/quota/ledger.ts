import type { Awaitable } from '../base/awaitable.ts'

/** Bytes and number of files; null = no limit. */
export interface Limits {
  readonly bytes: number | null
  readonly files: number | null
}

/** At every moment, over all sessions and processes: used + reserved <= limit (bytes), files <= fileLimit. Slack is not counted. */
export interface Usage {
  readonly limit: number | null
  readonly used: number
  readonly reserved: number
  readonly files: number
  readonly fileLimit: number | null
}

/** What the admin side needs to know and to set. */
export interface Quotas extends AsyncDisposable {
  usage(account: string): Awaitable<Usage>
  /** Holds at once for running uploads: slack is called back. Lower than what is used is allowed. */
  setLimits(account: string, limits: Limits): Awaitable<void>
  /** Forgets an account that was deleted. */
  remove(account: string): Awaitable<void>
}

/**
 * What one process has to do with an account. Its used and files are below zero where it removed what others had made.
 */
export interface ShareState {
  readonly used: number
  readonly reserved: number
  readonly files: number
  /** Bytes of `used` that no scan of the home finds: removed files that are still open. */
  readonly unseen: number
  /** Used, reserved and slack. This is what counts against the limit. */
  readonly heldBytes: number
  /** Files and slack. */
  readonly heldFiles: number
}

/** What is asked for beyond what is held. */
export interface Need {
  readonly bytes: number
  readonly files: number
  /**
   * Most bytes and entries ahead of need, each only beside a need of its kind, and never more than an eighth of what
   * is free then.
   */
  readonly slack: { readonly bytes: number; readonly files: number }
}

export type Held = Pick<ShareState, 'heldBytes' | 'heldFiles'>

/** What is beside a share: the limits, and what all others have taken. */
export interface Around {
  readonly limits: Limits
  /** Of other processes, as they reported last, and of what was counted. */
  readonly used: number
  readonly reserved: number
  readonly files: number
  /** With the slack of other processes. */
  readonly heldBytes: number
  readonly heldFiles: number
}

/** A process's share of one account. */
export interface Share {
  /** It never answers with a promise: it may be asked in the middle of a step. */
  readonly immediate: boolean
  /**
   * Holds more, if all that is held then fits; with slack where there is plenty. Writes `state` down with it.
   * Undefined: it does not fit, nothing has changed. One atomic step.
   */
  lease(state: ShareState, need: Need): Awaitable<Held | undefined>
  /** Writes `state` down, which holds no more than before. One atomic step. */
  report(state: ShareState): Awaitable<void>
  around(): Awaitable<Around>
  /** The share's part goes over to what was counted. For a process that ends in order. */
  fold(state: ShareState): Awaitable<void>
}

/** What a scan of a home found. */
export interface Found {
  readonly bytes: number
  readonly files: number
}

/**
 * The truth about all accounts, which several processes share. What they hold, slack included, never passes a limit.
 * SQLite answers at once; another database may answer later.
 */
export interface QuotaLedger extends AsyncDisposable {
  /** A share for this process; whoever opens it folds it. */
  open(account: string): Awaitable<Share>
  /** What is written down of the account, without a share and without writing anything. */
  noted(account: string): Awaitable<Usage>
  setLimits(account: string, limits: Limits): Awaitable<void>
  /** Forgets the account; shares of it that are open hold nothing any more. */
  remove(account: string): Awaitable<void>
  /**
   * Undefined: all is known, or the account is not. Else the number of the last count: nobody has counted it, or a
   * process died with a share of it.
   */
  uncounted(account: string): Awaitable<number | undefined>
  /** Where the account's home is, by a word of the caller's: in another place than before there may be other files, and it is to be counted. Whether it is where it was. */
  isAt(account: string, place: string): Awaitable<boolean>
  /** It is no longer known what the account has: it is to be counted. */
  doubt(account: string): Awaitable<void>
  /**
   * The disk is the truth: what was found, less what living processes reported, is what was counted; shares of the
   * dead end. False when another count came between `last` and this one. One atomic step.
   */
  count(account: string, last: number, found: Found): Awaitable<boolean>
}
