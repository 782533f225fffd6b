import { type Awaitable, then } from '../base/awaitable.ts'
import type { Clock } from '../base/clock.ts'
import { OpError } from '../base/error.ts'
import type { Account, Identity } from './account.ts'
import { networks } from './network.ts'
import type { AccountStore } from './store.ts'

/** What an account is now, for one session. */
export interface Standing {
  /** Looked up anew, so that a change holds at once. EACCES when the account may not be here any more. */
  now(): Awaitable<Account>
}

export interface StandingParts {
  readonly accounts: Pick<AccountStore, 'version' | 'current'>
  readonly clock: Pick<Clock, 'now'>
}

/** Of whoever logged in as `identity` from `address`. As long as the record's version stays, looking costs one row of a number. */
export function standingOf(
  { account: name, role }: Pick<Identity, 'account' | 'role'>,
  address: string,
  { accounts, clock }: StandingParts,
): Standing {
  let known: { readonly account: Account; readonly version: number } | undefined

  function admitted(account: Account | undefined): Account {
    const why = whyNot(account, address, clock.now())
    if (account === undefined || why !== undefined) throw new OpError('EACCES', `"${name}" ${why}`)
    if (account.role !== role) throw new OpError('EACCES', `"${name}" is no ${role} any more: log in again`)
    return account
  }

  return {
    now() {
      if (known !== undefined && accounts.version(name) === known.version) return admitted(known.account)
      return then(accounts.current(name), (found) => {
        known = found
        return admitted(found?.account)
      })
    },
  }
}

/** Why an account may not be here from `address` now, as the end of a sentence; undefined: it may. The one place of this rule. */
export function whyNot(account: Account | undefined, address: string, now: number): string | undefined {
  if (account === undefined) return 'is not an account any more'
  if (account.disabled) return 'is disabled: ask an admin'
  if (account.expires !== null && account.expires <= now) return 'has expired: ask an admin'
  if (account.networks.length > 0 && !networks(account.networks).has(address))
    return `may not be used from ${address}: ask an admin`
  return undefined
}
