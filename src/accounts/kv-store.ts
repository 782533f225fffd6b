import type { Clock } from '../base/clock.ts'
import { OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { Lanes } from '../base/lane.ts'
import type { KeyValue } from '../store/key-value.ts'
import type { Account } from './account.ts'
import { accountFrom } from './rules.ts'
import type { AccountStore } from './store.ts'

/** The version numbers of records, moved in one step over all processes; the records themselves are in a KeyValue, which has no such step. */
export interface Versions {
  /** Whether the name was free. */
  create(name: string): boolean
  get(name: string): number | undefined
  /** Whether it still was `from`. */
  move(name: string, from: number): boolean
  remove(name: string): void
}

const PREFIX = 'account/'
/** How long a record may lag behind its version before it is taken for what a crash left. */
const PATIENCE_MS = 1_000

/** Accounts over a KeyValue. A change moves the version first and writes the record then; who reads between sees that they differ, and waits. */
export function accountsOver(store: KeyValue, versions: Versions, clock: Clock): AccountStore {
  const lanes = new Lanes()
  /** Versions of which the record was waited for in vain. */
  const inVain = new Map<string, number>()

  async function get(name: string): Promise<Account | undefined> {
    return accountFrom(await store.get(PREFIX + name))
  }

  /** The record and its version, when they agree; or as they are, when they do not agree for long, which is waited for once. */
  async function settled(name: string): Promise<{ account: Account; version: number } | undefined> {
    const until = clock.elapsed() + PATIENCE_MS
    for (;;) {
      const version = versions.get(name)
      const account = await get(name)
      if (version === undefined || account === undefined) return undefined
      if (account.version === version || inVain.get(name) === version) return { account, version }
      if (clock.elapsed() > until) inVain.set(name, version)
      else await clock.sleep(10)
    }
  }

  return {
    get,
    version: (name) => versions.get(name),
    current: settled,
    create: (account) =>
      lanes.run(account.name, async () => {
        const left = versions.get(account.name) !== undefined && (await get(account.name)) === undefined
        if (left) versions.remove(account.name)
        if (!versions.create(account.name))
          throw new OpError('EEXIST', `There is an account "${account.name}" already`)
        await store.set(PREFIX + account.name, { ...account, version: 1 })
      }),
    update: (name, change, seen) =>
      lanes.run(name, async () => {
        const now = await settled(name)
        if (now === undefined) throw missing(name)
        if (seen !== undefined && seen !== now.account.version) throw meanwhile(now.account)
        const changed = { ...change(now.account), name, version: now.version + 1 }
        if (!versions.move(name, now.version)) throw meanwhile(await get(name))
        await store.set(PREFIX + name, changed)
        return changed
      }),
    delete: (name, seen) =>
      lanes.run(name, async () => {
        if (seen !== undefined) {
          const now = await settled(name)
          if (now !== undefined && now.account.version !== seen) throw meanwhile(now.account)
        }
        if (!(await store.delete(PREFIX + name))) throw missing(name)
        versions.remove(name)
      }),
    async *list() {
      const names: string[] = []
      for await (const [key] of store.entries(PREFIX)) names.push(key.slice(PREFIX.length))
      for (const name of names.sort()) {
        const account = await get(name)
        if (account) yield account
      }
    },
  }
}

function meanwhile(account: Account | undefined): OpError {
  const by = account?.changedBy === undefined ? '' : ` by ${account.changedBy}`
  return new OpError('EBUSY', `"${account?.name}" was changed meanwhile${by}: look again`)
}

function missing(name: string): OpError {
  return new OpError('ENOENT', `There is no account "${escapeText(name)}"`)
}
