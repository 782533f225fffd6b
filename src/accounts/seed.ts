import type { Quotas } from '../quota/ledger.ts'
import type { Account } from './account.ts'
import type { Homes } from './homes.ts'
import type { Passwords } from './password.ts'
import { newAccount } from './rules.ts'
import type { AccountStore } from './store.ts'

export interface SeedParts {
  readonly accounts: AccountStore
  readonly passwords: Passwords
  readonly ledger: Quotas
  readonly homes: Homes
}

const GIB = 1024 ** 3

/**
 * Fills an empty store: admin/password and zhangsan/123 to try things with, which everybody knows; or with a
 * password of the operator's own for the admin, and nobody else. Does nothing where there are accounts.
 */
export async function seedAccounts(
  parts: SeedParts,
  demo: boolean,
  adminPassword: string | undefined,
): Promise<void> {
  for await (const _ of parts.accounts.list()) return
  if (adminPassword !== undefined) await put(parts, newAccount('admin', 'admin'), adminPassword)
  else if (demo) {
    await put(parts, { ...newAccount('admin', 'admin'), demo: true }, 'password')
    await put(
      parts,
      { ...newAccount('zhangsan', 'user'), demo: true, quota: { bytes: GIB, files: null } },
      '123',
    )
  }
}

async function put(
  { accounts, passwords, ledger, homes }: SeedParts,
  account: Account,
  password: string,
): Promise<void> {
  await accounts.create({ ...account, password: await passwords.hash(password) })
  await ledger.setLimits(account.name, account.quota)
  if (account.role === 'user') await homes.make(account.name)
}

/** The accounts that still have a password everybody knows. */
export async function knownPasswords(accounts: AccountStore): Promise<readonly string[]> {
  const names: string[] = []
  for await (const account of accounts.list()) if (account.demo && !account.disabled) names.push(account.name)
  return names
}
