import type { Claimed } from './claims.ts'

/** The accounts that are in this process, one of several; and who needs them here. */
export interface Holdings {
  /** The process in which the account is. */
  whose(account: string): Promise<number>
  /** Keeps the account here until it is disposed; undefined when it is not here. */
  enter(account: string): Disposable | undefined
  /** Another process asks for it. What it must know of it; false: it may not have it. */
  letGo(account: string): Promise<unknown>
}

export interface HoldingsParts {
  readonly self: number
  /** Asks for the account: who has it. */
  readonly claim: (account: string) => Promise<Claimed>
  /** Leaves nothing of it here; what the next process must know of it. False: it must stay. */
  readonly leave: (account: string) => Promise<unknown>
  /** It comes from another process. */
  readonly arrive: (account: string, luggage: unknown) => void
  /** Hears why one could not be left: it stays. */
  readonly failed: (error: unknown) => void
}

export function openHoldings({ self, claim, leave, arrive, failed }: HoldingsParts): Holdings {
  /** How many sessions need each account that is here. */
  const held = new Map<string, number>()
  /** Accounts that are being asked for: the answer may be on its way. */
  const asking = new Map<string, number>()

  return {
    async whose(account) {
      if (held.has(account)) return self
      asking.set(account, (asking.get(account) ?? 0) + 1)
      try {
        const { owner, luggage } = await claim(account)
        if (owner === self && !held.has(account)) {
          held.set(account, 0)
          if (luggage !== undefined) arrive(account, luggage)
        }
        return owner
      } finally {
        const left = asking.get(account)! - 1
        if (left === 0) asking.delete(account)
        else asking.set(account, left)
      }
    },
    enter(account) {
      const users = held.get(account)
      if (users === undefined) return undefined
      held.set(account, users + 1)
      return { [Symbol.dispose]: () => void held.set(account, held.get(account)! - 1) }
    },
    async letGo(account) {
      if (asking.has(account) || (held.get(account) ?? 0) > 0) return false
      // Whoever comes meanwhile must ask first.
      held.delete(account)
      const luggage = await leave(account).catch((error: unknown) => {
        failed(error)
        return false
      })
      if (luggage === false) held.set(account, 0)
      return luggage
    },
  }
}
