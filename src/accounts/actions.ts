import type { AdminEvent, Audit } from '../base/audit.ts'
import type { Clock } from '../base/clock.ts'
import { OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { Lanes } from '../base/lane.ts'
import type { Limits, Quotas, Usage } from '../quota/ledger.ts'
import type { Account, LiveSessions, Role } from './account.ts'
import { type Actor, CONSOLE_FROM, needsAdmin } from './actor.ts'
import { codeActionsOver } from './code-actions.ts'
import { deletionOver } from './deletion.ts'
import { difference, factsOf } from './facts.ts'
import type { Homes } from './homes.ts'
import { type KeyInfo, keyCalled, keyInfo, parseKeyLine, sameKey } from './keys.ts'
import type { Passwords } from './password.ts'
import { checkChanges, checkPassword, hasHome, newAccount } from './rules.ts'
import type { SecondSteps } from './second-step.ts'
import { whyNot } from './standing.ts'
import type { AccountStore } from './store.ts'

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
    if (changed.disabled) await live.end(name, 'Your account was disabled')
    else if (changed.role !== before!.role)
      await live.end(name, 'Your account has another role now: log in again')
    return changed
  }

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

  const deletion = deletionOver({
    accounts,
    ledger,
    live,
    homes,
    codes,
    lanes,
    find,
    keepOneAdmin,
    record,
  })

  return {
    ...codeActionsOver({ codes, lanes, allow, find, record }),

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
        if ((await accounts.get(name)) === undefined) await deletion.forget(name)
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
      return lanes.run(`end of ${name}`, () => deletion.remove(actor, name, seen))
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

    /** Writes down what was done to the server itself, by who was an admin then and may be none by now. EACCES: a user. */
    async note(actor: Actor, event: AdminEvent): Promise<void> {
      needsAdmin(actor)
      record(actor, event)
    },
  }
}
