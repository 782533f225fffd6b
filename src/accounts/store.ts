import type { Account } from './account.ts'

export interface AccountStore {
  get(name: string): Promise<Account | undefined>
  /** Counts the changes of a record, over all processes; undefined when there is none. Answers at once. */
  version(name: string): number | undefined
  /** The record as its last change left it, with the version of then. */
  current(name: string): Promise<{ readonly account: Account; readonly version: number } | undefined>
  /** EEXIST. */
  create(account: Account): Promise<void>
  /** Reads, changes and writes as one step. ENOENT; EBUSY when the version moved meanwhile (in another process, or since `seen`). */
  update(name: string, change: (account: Account) => Account, seen?: number): Promise<Account>
  /** ENOENT; EBUSY when the version moved since `seen`. */
  delete(name: string, seen?: number): Promise<void>
  /** By name. */
  list(): AsyncIterable<Account>
}
