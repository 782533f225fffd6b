// Over 300 lines: one function for each thing an admin can do, and all share what an actor is asked and how it is told.
import type { AdminEvent, Audit } from '../base/audit.ts'
import type { Clock } from '../base/clock.ts'
import { isOpError, OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { Lanes } from '../base/lane.ts'
import type { Limits, Quotas, Usage } from '../quota/ledger.ts'
import type { Account, LiveSessions, Role } from './account.ts'
import { difference, factsOf } from './facts.ts'
import { type KeyInfo, keyCalled, keyInfo, parseKeyLine, sameKey } from './keys.ts'
import type { Passwords } from './password.ts'
import { checkChanges, checkPassword, hasHome, newAccount } from './rules.ts'
import type { Enrolment, SecondSteps } from './second-step.ts'
import { whyNot } from './standing.ts'
import type { AccountStore } from './store.ts'

/** Who does it: an admin who is logged in, or whoever may use the server's own console. */
export interface Actor {
  readonly name: string
  readonly role: Role
  /** Its address, or `console`. */
  readonly from: string
}

/** No address: whoever says so may open the control socket or the database, and needs no account. */
export const CONSOLE_FROM = 'console'

/** What can be changed of an account, beside its password, keys and quota. */
export type Changes = Partial<
  Pick<
    Account,
    'role' | 'rights' | 'home' | 'expires' | 'disabled' | 'networks' | 'sessions' | 'rate' | 'overwrite'
  >
>

export interface NewUser extends Changes {
  readonly name: string
  readonly password?: string
  readonly keys?: readonly string[]
  readonly quota?: Partial<Limits>
}

/** Homes of accounts on the disk. */
export interface Homes {
  make(name: string): Promise<void>
  /** Moves it out of the way; says where to. */
  retire(name: string): Promise<string | undefined>
  /** Undoes that. */
  bringBack(name: string, kept: string): Promise<void>
  /** What uploads have left out of sight: another of its name must not find it. */
  forget(name: string): Promise<void>
}

export interface ActionParts {
  readonly accounts: AccountStore
  readonly passwords: Passwords
  readonly ledger: Quotas
  readonly live: LiveSessions
  readonly audit: Audit
  readonly homes: Homes
  readonly codes: SecondSteps
  readonly clock: Clock
  /** Bytes of a user that is made without a quota; null = no limit. */
  readonly defaultQuota?: () => number | null
}

const MOST_KEYS = 100

/** What an admin may do, one function each: right checked, done, audited, live sessions told. Menu, exec and console call these and nothing else. */
export type Actions = ReturnType<typeof actionsOver>

export function actionsOver({
  accounts,
  passwords,
  ledger,
  live,
  audit,
  homes,
  codes,
  clock,
  defaultQuota = () => null,
}: ActionParts) {
  const lanes = new Lanes()

  /** Looks at the record of now: an admin who was disabled, demoted or deleted meanwhile is none any more. EACCES. */
  async function allow(actor: Actor): Promise<void> {
    needsAdmin(actor)
    if (actor.from === CONSOLE_FROM) return
    const account = await accounts.get(actor.name)
    const why = whyNot(account, actor.from, clock.now())
    if (why !== undefined) throw new OpError('EACCES', `"${actor.name}" ${why}`)
    if (account?.role !== 'admin') throw new OpError('EACCES', `"${actor.name}" is no admin any more`)
  }

  const record = (actor: Actor, event: AdminEvent): void =>
    audit.record({ ...event, by: actor.name, from: actor.from })

  async function find(name: string): Promise<Account> {
    const account = await accounts.get(name)
    if (account === undefined)
      throw new OpError('ENOENT', `There is no account "${escapeText(name)}": see user list`)
    return account
  }

  /** One change of a record: made, written down, told to those who are logged in. */
  async function change(
    actor: Actor,
    name: string,
    {
      event = 'account changed',
      what,
    }: { readonly event?: 'account changed' | 'quota changed'; readonly what?: string },
    to: (account: Account) => Account,
    {
      seen,
      also,
    }: { readonly seen?: number | undefined; readonly also?: (changed: Account) => unknown } = {},
  ): Promise<Account> {
    let before: Account | undefined
    const changed = await accounts.update(
      name,
      (account) => {
        before = account
        return { ...to(account), changedBy: actor.name }
      },
      seen,
    )
    // What is stored is written down, whatever becomes of what follows from it.
    record(actor, { event, account: name, ...(what && { what }), ...difference(before!, changed) })
    await also?.(changed)
    await live.changed(changed)
    if (changed.disabled || changed.role !== before!.role) await live.end(name)
    return changed
  }

  const recordCodes = (actor: Actor, account: string, has: boolean): void =>
    record(actor, {
      event: 'account changed',
      account,
      what: 'one-time codes',
      before: { codes: !has },
      after: { codes: has },
    })

  /** Somebody must be able to get in and change things. */
  async function keepOneAdmin(name: string): Promise<void> {
    for await (const other of accounts.list()) {
      const expired = other.expires !== null && other.expires <= clock.now()
      if (other.name !== name && other.role === 'admin' && !other.disabled && !expired) return
    }
    throw new OpError('EPERM', `"${name}" is the last admin: make another one first`)
  }

  /** What was said, be it that there is none; else the setting. */
  const quotaOf = (role: Role, bytes: number | null | undefined): number | null =>
    bytes !== undefined ? bytes : role === 'user' ? defaultQuota() : null

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

  /** What is noted about a name beside the record, by which another of that name would come into its inheritance. */
  async function forget(name: string): Promise<void> {
    const all = await Promise.allSettled([
      lanes.run(`codes of ${name}`, () => codes.remove(name)),
      ledger.remove(name),
      homes.forget(name),
    ])
    for (const one of all) if (one.status === 'rejected') throw one.reason
  }

  return {
    /** EACCES unless `actor` is an admin now. */
    allow,

    async add(
      actor: Actor,
      { name, role = 'user', password, keys = [], quota = {}, ...changes }: NewUser,
    ): Promise<Account> {
      await allow(actor)
      checkChanges(changes)
      const account: Account = {
        ...newAccount(name, role),
        ...changes,
        ...(password === undefined ? {} : { password: await passwords.hash(checkPassword(password)) }),
        keys: keys.map((line) => parseKeyLine(line).line),
        quota: { bytes: quotaOf(role, quota.bytes), files: quota.files ?? null },
        changedBy: actor.name,
      }
      await lanes.run(`end of ${name}`, async () => {
        // Left by one of its name, if it could not be forgotten when it was deleted.
        if ((await accounts.get(name)) === undefined) await forget(name)
        await accounts.create(account)
      })
      record(actor, { event: 'account added', account: name, what: role, after: factsOf(account) })
      await ledger.setLimits(name, account.quota)
      if (hasHome(account)) await homes.make(name)
      return account
    },

    /**
     * Says where the files went, if there were any. `seen`: EBUSY when the record is another one by now. All of it or
     * nothing but the end of its sessions: EIO when its files cannot be moved.
     */
    async remove(actor: Actor, name: string, seen?: number): Promise<string | undefined> {
      await allow(actor)
      return lanes.run(`end of ${name}`, async () => {
        const { before, marked } = await markAsGoing(actor, name, seen)
        let kept: string | undefined
        try {
          await live.end(name)
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
          const where = kept === undefined ? '' : `, and its files are in ${kept}`
          throw new OpError(
            isOpError(cause) ? cause.code : 'EIO',
            `"${name}" is deleted${where}, but not all that was noted about it (${codeOf(cause)}): what is left goes when an account of that name is made`,
            { cause },
          )
        }
        return kept
      })
    },

    async list(actor: Actor): Promise<readonly Account[]> {
      await allow(actor)
      return Array.fromAsync(accounts.list())
    },

    /** All accounts and what each uses. */
    async survey(actor: Actor): Promise<readonly { readonly account: Account; readonly usage: Usage }[]> {
      await allow(actor)
      const all: { account: Account; usage: Usage }[] = []
      for await (const account of accounts.list())
        all.push({ account, usage: await ledger.usage(account.name) })
      return all
    },

    async show(actor: Actor, name: string): Promise<Account> {
      await allow(actor)
      return find(name)
    },

    async usage(actor: Actor, name: string): Promise<Usage> {
      await allow(actor)
      await find(name)
      return ledger.usage(name)
    },

    async set(actor: Actor, name: string, changes: Changes, seen?: number): Promise<Account> {
      await allow(actor)
      checkChanges(changes)
      return lanes.run('admins', async () => {
        const before = await find(name)
        const stays = changes.role !== 'user' && changes.disabled !== true && changes.expires == null
        if (before.role === 'admin' && !stays) await keepOneAdmin(name)
        return change(
          actor,
          name,
          { what: Object.keys(changes).join(', ') },
          (account) => ({ ...account, ...changes }),
          { seen, also: (changed) => hasHome(changed) && homes.make(name) },
        )
      })
    },

    async setPassword(actor: Actor, name: string, password: string, seen?: number): Promise<Account> {
      await allow(actor)
      await find(name)
      const hash = await passwords.hash(checkPassword(password))
      return change(
        actor,
        name,
        { what: 'password' },
        (account) => ({ ...account, password: hash, demo: false }),
        { seen },
      )
    },

    async setQuota(actor: Actor, name: string, limits: Partial<Limits>, seen?: number): Promise<Account> {
      await allow(actor)
      // In turn, so that the ledger ends with what the record has.
      return lanes.run(`quota of ${name}`, () =>
        change(
          actor,
          name,
          { event: 'quota changed' },
          (account) => ({ ...account, quota: { ...account.quota, ...limits } }),
          { seen, also: ({ quota }) => ledger.setLimits(name, quota) },
        ),
      )
    },

    async addKey(actor: Actor, name: string, line: string, seen?: number): Promise<KeyInfo> {
      await allow(actor)
      const { line: plain } = parseKeyLine(line)
      await change(
        actor,
        name,
        { what: 'key added' },
        (account) => {
          if (account.keys.length >= MOST_KEYS)
            throw new OpError('EINVAL', `An account has at most ${MOST_KEYS} keys: remove one first`)
          return { ...account, keys: [...account.keys.filter((key) => !sameKey(key, plain)), plain] }
        },
        { seen },
      )
      return keyInfo(plain)
    },

    /** By fingerprint, or the comment if it is one key's alone. */
    async removeKey(actor: Actor, name: string, which: string, seen?: number): Promise<KeyInfo> {
      await allow(actor)
      let gone: string | undefined
      await change(
        actor,
        name,
        { what: 'key removed' },
        (account) => {
          gone = keyCalled(account, which)
          return { ...account, keys: account.keys.filter((key) => key !== gone) }
        },
        { seen },
      )
      return keyInfo(gone!)
    },

    /** What an app is to be given; nothing is stored. EEXIST when the account has codes already. */
    async proposeSecondStep(actor: Actor, name: string): Promise<Enrolment> {
      await allow(actor)
      await find(name)
      if (await codes.has(name))
        throw new OpError('EEXIST', `"${name}" has codes already: take them away first with totp del ${name}`)
      return codes.propose(name)
    },

    /** Whether an app shows the codes of what was proposed. */
    async provesSecondStep(actor: Actor, name: string, proposed: Enrolment, code: string): Promise<boolean> {
      await allow(actor)
      return codes.proves(name, proposed, code)
    },

    /** A one-time code is asked for at the next login. Without `code` nobody has proved that an app knows the secret. */
    async addSecondStep(actor: Actor, name: string, proposed: Enrolment, code?: string): Promise<void> {
      await allow(actor)
      // In turn with the end of the account, so that none of its name finds the secret.
      await lanes.run(`codes of ${name}`, async () => {
        await find(name)
        await codes.enrol(name, proposed, code)
      })
      recordCodes(actor, name, true)
    },

    /** ENOENT when there is none. */
    async removeSecondStep(actor: Actor, name: string): Promise<void> {
      await allow(actor)
      await find(name)
      if (!(await codes.remove(name))) throw new OpError('ENOENT', `"${name}" has no one-time codes`)
      recordCodes(actor, name, false)
    },

    async hasSecondStep(actor: Actor, name: string): Promise<boolean> {
      await allow(actor)
      await find(name)
      return codes.has(name)
    },

    /** Writes down what was done to the server itself, by who was an admin then and may be none by now. EACCES: a user. */
    async note(actor: Actor, event: AdminEvent): Promise<void> {
      needsAdmin(actor)
      record(actor, event)
    },
  }
}

/** As what it came in. EACCES. */
function needsAdmin({ role }: Actor): void {
  if (role !== 'admin') throw new OpError('EACCES', 'Only an admin may do that')
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

/** Of an error of ours or of the disk. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'internal error'
}
