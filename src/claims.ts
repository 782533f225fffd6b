import { Lanes } from './base/lane.ts'
import { GONE } from './base/line.ts'

export interface ClaimsParts {
  /** What worker `number` has kept in mind of the account, which it gave up; false: it did not; GONE: it has ended. */
  readonly letGo: (number: number, account: string) => Promise<unknown>
  /** Once a worker has ended or is about to: when all is settled that it leaves. */
  readonly ending: (number: number) => Promise<void> | undefined
}

/** The worker in which sessions of an account are served, and what the last one has kept in mind of it. */
export interface Claimed {
  readonly owner: number
  readonly luggage?: unknown
}

/** Which worker has which account. */
export interface Claims {
  /** The owner is `by` itself if nobody needs the account, else who has it. */
  claim(account: string, by: number): Promise<Claimed>
}

/**
 * An account is in one process at a time, so that what its sessions share (open inodes, uploads, caps) is exact as
 * in a server of one process. It stays where it was last until another one asks and nothing there needs it.
 */
export function openClaims({ letGo, ending }: ClaimsParts): Claims {
  const owners = new Map<string, number>()
  const lanes = new Lanes()

  async function decide(account: string, by: number): Promise<Claimed> {
    const owner = owners.get(account)
    if (owner === undefined || owner === by) {
      owners.set(account, by)
      return { owner: by }
    }
    const answer = await letGo(owner, account)
    if (answer !== false && answer !== GONE) {
      owners.set(account, by)
      return { owner: by, luggage: answer }
    }
    const end = ending(owner)
    if (answer !== GONE && end === undefined) return { owner }
    // What it leaves must be settled before anybody goes on with it.
    await end
    owners.delete(account)
    return decide(account, by)
  }

  return { claim: (account, by) => lanes.run(account, () => decide(account, by)) }
}
