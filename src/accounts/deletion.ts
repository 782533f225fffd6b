import type { AdminEvent } from '../base/audit.ts'
import { isOpError, OpError } from '../base/error.ts'
import type { Lanes } from '../base/lane.ts'
import type { Quotas } from '../quota/ledger.ts'
import type { Account, LiveSessions } from './account.ts'
import type { Actor } from './actor.ts'
import { factsOf } from './facts.ts'
import type { Homes } from './homes.ts'
import type { SecondSteps } from './second-step.ts'
import type { AccountStore } from './store.ts'

export interface DeletionParts {
  readonly accounts: AccountStore
  readonly ledger: Pick<Quotas, 'remove'>
  readonly live: Pick<LiveSessions, 'end'>
  readonly homes: Omit<Homes, 'make'>
  readonly codes: Pick<SecondSteps, 'remove'>
  readonly lanes: Lanes
  /** ENOENT when there is none. */
  readonly find: (name: string) => Promise<Account>
  /** EPERM when nobody but this one could get in and change things. */
  readonly keepOneAdmin: (name: string) => Promise<void>
  readonly record: (actor: Actor, event: AdminEvent) => void
}

export interface Deletion {
  /** Says where the files went, if there were any. To be run in turn with whoever makes an account of that name. */
  remove(actor: Actor, name: string, seen: number | undefined): Promise<string | undefined>
  /** What is noted about a name beside the record, by which another of that name would come into its inheritance. */
  forget(name: string): Promise<void>
}

/** Deletes an account wholly, or leaves it as it was but for its sessions, which are ended. */
export function deletionOver(parts: DeletionParts): Deletion {
  const { accounts, ledger, live, homes, codes, lanes, find, keepOneAdmin, record } = parts

  /** Nobody comes in any more, and the last admin stays: what a crash leaves from here on is disabled, and can be deleted again. */
  function markAsGoing(
    actor: Actor,
    name: string,
    seen: number | undefined,
  ): Promise<{ readonly before: Account; readonly marked: Account }> {
    return lanes.run('admins', async () => {
      let before = await find(name)
      if (before.role === 'admin') await keepOneAdmin(name)
      const marked = await accounts.update(
        name,
        (account) => {
          before = account
          return { ...account, disabled: true, changedBy: actor.name }
        },
        seen,
      )
      return { before, marked }
    })
  }

  /** Of an account that could not be deleted: its files are back, and it may log in if it might before. */
  async function asItWas(
    name: string,
    { disabled }: Account,
    { version }: Account,
    kept: string | undefined,
  ): Promise<void> {
    if (kept !== undefined) await homes.bringBack(name, kept)
    try {
      await accounts.update(name, (account) => ({ ...account, disabled }), version)
    } catch (error) {
      // Another admin has said meanwhile what it is to be.
      if (!isOpError(error, 'EBUSY') && !isOpError(error, 'ENOENT')) throw error
    }
  }

  async function forget(name: string): Promise<void> {
    const all = await Promise.allSettled([
      lanes.run(`codes of ${name}`, () => codes.remove(name)),
      ledger.remove(name),
      homes.forget(name),
    ])
    for (const one of all) if (one.status === 'rejected') throw one.reason
  }

  async function remove(actor: Actor, name: string, seen: number | undefined): Promise<string | undefined> {
    const { before, marked } = await markAsGoing(actor, name, seen)
    let kept: string | undefined
    try {
      await live.end(name, 'Your account was deleted')
      kept = await homes.retire(name)
      await accounts.delete(name)
    } catch (cause) {
      record(actor, { event: 'account changed', account: name, what: 'not deleted, sessions ended' })
      throw notDeleted(name, await stateAfter(asItWas(name, before, marked, kept), kept), cause)
    }
    record(actor, {
      event: 'account deleted',
      account: name,
      ...(kept === undefined ? {} : { what: `files in ${kept}` }),
      before: factsOf(before),
    })
    try {
      await forget(name)
    } catch (cause) {
      throw notForgotten(name, kept, cause)
    }
    return kept
  }

  return { remove, forget }
}

/** What an account is that could not be deleted, for people. */
async function stateAfter(asItWas: Promise<void>, kept: string | undefined): Promise<string> {
  try {
    await asItWas
    return 'is as it was'
  } catch {
    // The disk fails again: the sentence of the first time says why.
    return `is disabled${kept === undefined ? '' : `, and its files are in ${kept} or back`}`
  }
}

function notDeleted(name: string, state: string, cause: unknown): OpError {
  return new OpError(
    isOpError(cause) ? cause.code : 'EIO',
    `"${name}" could not be deleted (${codeOf(cause)}) and ${state}, but its sessions were ended. See that its files can be moved to removed/ in the server's folder, and delete it again`,
    { cause },
  )
}

function notForgotten(name: string, kept: string | undefined, cause: unknown): OpError {
  const where = kept === undefined ? '' : `, and its files are in ${kept}`
  return new OpError(
    isOpError(cause) ? cause.code : 'EIO',
    `"${name}" is deleted${where}, but not all that was noted about it (${codeOf(cause)}): what is left goes when an account of that name is made`,
    { cause },
  )
}

/** Of an error of ours or of the disk. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'internal error'
}
