import type { Account } from './accounts/account.ts'
import { hasHome, showRights } from './accounts/rules.ts'
import { type Standing, standingOf } from './accounts/standing.ts'
import type { AccountStore } from './accounts/store.ts'
import { then } from './base/awaitable.ts'
import type { Clock } from './base/clock.ts'
import { isOpError, OpError } from './base/error.ts'
import { escapeText } from './base/escape.ts'
import { isScp } from './scp/scp.ts'
import type { Middleware, Session } from './ssh/session.ts'
import { followed, type LiveTransfers } from './transfer/live.ts'
import { Fresh, type FreshParts } from './vfs/fresh.ts'
import type { OpenHomes } from './vfs/home.ts'
import { inTurns } from './vfs/in-turns.ts'
import { permitted } from './vfs/permitted.ts'
import { Throttle, throttled } from './vfs/throttle.ts'
import type { FileHandle, OpenFlags, VirtualFileSystem, VirtualPath } from './vfs/vfs.ts'

export interface DoorParts {
  readonly accounts: AccountStore
  readonly homes: OpenHomes
  readonly clock: Clock
  /** Where the open files of scp are shown; SFTP, shell and exec show their own. */
  readonly transfers: LiveTransfers
  /** Where it is kept what accounts are making, and by what name this process is known there. */
  readonly fresh: Omit<FreshParts, 'clock'>
  /** Sessions of an account whose record has no number. */
  readonly mostSessions?: () => number
}

/** What stands between a session, of whatever kind, and its account's files. */
export interface Door {
  /** Lets a session through if its account may be here now and has not too many sessions already; else says why. */
  readonly admit: Middleware
  /** The tree of a session's account, within its rights and caps. EACCES: it has none. */
  open(session: Session): Promise<VirtualFileSystem>
  /** The record changed: caps hold for transfers that run now. */
  changed(account: Account): void
  /** Whether nothing of the account must be remembered here: a session, a debt of bandwidth. */
  mayLeave(account: string): boolean
  /** Another process serves it from now on. */
  forget(account: string): void
}

/** What the sessions of an account share while there are any. */
interface Seat {
  sessions: number
  readonly throttle: Throttle
}

/** Tells the session why it is not served, with its exit status. What is no refusal goes on. */
export async function refuse(session: Session, error: unknown): Promise<number> {
  if (!isOpError(error)) throw error
  session.log.info('session refused', { code: error.code, message: error.message })
  await tell(session, error.message)
  return 1
}

/** A sentence for who is served, on a line of its own. ECANCELED. */
export async function tell({ request, channel }: Session, sentence: string): Promise<void> {
  const isTyped = request.type !== 'subsystem' && request.pty !== undefined
  await channel.writeError(Buffer.from(`${escapeText(sentence)}${isTyped ? '\r\n' : '\n'}`))
}

export function openDoor({
  accounts,
  homes,
  clock,
  transfers,
  fresh: making,
  mostSessions = () => Number.POSITIVE_INFINITY,
}: DoorParts): Door {
  const seats = new Map<string, Seat>()
  const makers = new Map<string, Fresh>()
  const standings = new WeakMap<Session, Standing>()

  function standing(session: Session): Standing {
    const known = standings.get(session)
    if (known !== undefined) return known
    const made = standingOf(session.identity, session.origin.address, { accounts, clock })
    standings.set(session, made)
    return made
  }

  function takeSeat(account: string): { readonly seat: Seat } & Disposable {
    const seat = seats.get(account) ?? { sessions: 0, throttle: new Throttle(clock) }
    seats.set(account, seat)
    seat.sessions += 1
    return {
      seat,
      [Symbol.dispose]() {
        seat.sessions -= 1
        // A debt stays: coming back must not be a way around the cap.
        if (seat.sessions === 0 && !seat.throttle.caps && seats.get(account) === seat) seats.delete(account)
      },
    }
  }

  /** EACCES when the account has as many sessions as it may have; the one that asks is counted already. */
  function checkCap({ name, sessions }: Account, open: number): void {
    const most = sessions ?? mostSessions()
    if (open > most)
      throw new OpError('EACCES', `"${name}" has ${most} of ${most} sessions open already: close one first`)
  }

  return {
    admit: (next) => async (session) => {
      const { identity } = session
      using taken = takeSeat(identity.account)
      const { seat } = taken
      try {
        const account = await standing(session).now()
        checkCap(account, seat.sessions)
        seat.throttle.set(account.rate)
      } catch (error) {
        return refuse(session, error)
      }
      return await next(session)
    },
    async open(session) {
      const { account: name } = session.identity
      const now = standing(session)
      let latest = await now.now()
      if (!hasHome(latest)) {
        throw new OpError(
          'EACCES',
          `"${name}" has no files here: an admin gets a home with user set ${name} --home yes`,
        )
      }
      const throttle = seats.get(name)?.throttle ?? new Throttle(clock)
      const fresh = makers.get(name) ?? new Fresh(name, { ...making, clock })
      makers.set(name, fresh)
      const tree = permitted(
        await homes.open(
          name,
          { session: session.id, address: session.origin.address },
          () => latest.overwrite,
        ),
        {
          rights: () =>
            then(now.now(), (account) => {
              latest = account
              throttle.set(account.rate)
              return account.rights
            }),
          describe: showRights,
          fresh,
        },
      )
      const { request } = session
      const facts = { account: name, session: session.id }
      const capped = (file: FileHandle, path: VirtualPath, flags: OpenFlags): FileHandle => {
        const slow = throttled(file, throttle, session.signal)
        if (request.type !== 'exec' || !isScp(request.command)) return slow
        return followed(slow, { ...facts, path, since: clock.now() }, flags, transfers)
      }
      const ours: VirtualFileSystem = {
        ...tree,
        open: (path, flags, attrs) =>
          then(tree.open(path, flags, attrs), (file) => capped(file, path, flags)),
        ...(tree.resume && {
          resume: (path: VirtualPath, size: number) =>
            then(tree.resume!(path, size), (file) => capped(file, path, { read: true, write: true })),
        }),
      }
      // SFTP requests have an order of their own, which sees to that.
      return request.type === 'subsystem' ? ours : inTurns(ours, clock.elapsed)
    },
    changed: ({ name, rate }) => seats.get(name)?.throttle.set(rate),
    mayLeave: (account) => !seats.has(account),
    forget: (account) => void makers.delete(account),
  }
}
