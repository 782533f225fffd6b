import { OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { nearest } from '../base/units.ts'
import type { Account, Rights, Role } from './account.ts'
import { networks } from './network.ts'

const NAME = /^[a-z_][a-z0-9_.-]{0,31}$/
const ALL: Rights = { read: true, write: true, overwrite: true, delete: true, list: true, mkdir: true }

/** The names of rights. */
export const RIGHTS: readonly string[] = Object.keys(ALL)

/** What an account may do with its files, by the names that people use. Drop-box: new files only, nothing seen. */
export const PRESETS: Readonly<Record<string, Rights>> = {
  full: ALL,
  'read-only': { read: true, write: false, overwrite: false, delete: false, list: true, mkdir: false },
  'drop-box': { read: false, write: true, overwrite: false, delete: false, list: false, mkdir: false },
}

/** Whether it can be the name of an account: such a name is also a safe name of a folder. */
export function isAccountName(name: string): boolean {
  return NAME.test(name)
}

/** EINVAL with what names look like. */
export function checkName(name: string): string {
  if (!isAccountName(name)) {
    throw new OpError(
      'EINVAL',
      `"${escapeText(name)}" cannot be an account's name: use at most 32 of a-z, 0-9, "_", "." and "-", the first a letter or "_"`,
    )
  }
  return name
}

/** A preset, or rights one by one as "read,list". EINVAL names the presets. */
export function rightsOf(word: string): Rights {
  const preset = Object.hasOwn(PRESETS, word) ? PRESETS[word] : undefined
  if (preset) return preset
  const parts = word.split(',').filter((part) => part !== '')
  const named = Object.fromEntries(RIGHTS.map((right) => [right, parts.includes(right)]))
  if (word === 'none' || (parts.length > 0 && parts.every((part) => Object.hasOwn(ALL, part))))
    return { ...ALL, ...named }
  const known = Object.keys(PRESETS)
  const near = nearest(word, known)
  throw new OpError(
    'EINVAL',
    `Unknown rights "${escapeText(word)}"${near ? `, did you mean "${near}"? Use` : ': use'} ${known.join(', ')}, or some of ${RIGHTS.join(',')}`,
  )
}

/** The name of the preset, or the rights one by one. */
export function showRights(rights: Rights): string {
  for (const [name, preset] of Object.entries(PRESETS)) {
    if (Object.entries(preset).every(([right, has]) => rights[right as keyof Rights] === has)) return name
  }
  const has = Object.entries(rights).filter(([, yes]) => yes)
  return has.map(([right]) => right).join(',') || 'none'
}

/** Least cap on bandwidth: below it clients give up waiting. Bytes a second. */
const LEAST_RATE = 1024

/** EINVAL says what a value of these can be. */
export function checkChanges({
  networks: lines,
  sessions,
  rate,
}: Partial<Pick<Account, 'networks' | 'sessions' | 'rate'>>): void {
  if (lines) networks(lines)
  if (sessions === 0)
    throw new OpError(
      'EINVAL',
      'At least 1 session, or none for no cap; to let nobody in, disable the account',
    )
  for (const cap of [rate?.up, rate?.down]) {
    if (cap != null && cap < LEAST_RATE)
      throw new OpError('EINVAL', 'A bandwidth cap is at least 1 KiB a second, or none for no cap')
  }
}

/** Shortest password that a person may set. */
const LEAST_PASSWORD = 8
const MOST_PASSWORD = 1024
/** Of a first start, as far as they are long enough: changed to the same they would only look changed. */
const KNOWN_PASSWORDS: ReadonlySet<string> = new Set(['password'])

/** EINVAL with what is wrong. */
export function checkPassword(password: string): string {
  if (password.length < LEAST_PASSWORD)
    throw new OpError('EINVAL', `That password is too short: use ${LEAST_PASSWORD} characters or more`)
  if (KNOWN_PASSWORDS.has(password))
    throw new OpError('EINVAL', 'That password is one that everybody knows: use another one')
  if (password.length > MOST_PASSWORD)
    throw new OpError('EINVAL', `That password is too long: use ${MOST_PASSWORD} characters or fewer`)
  return password
}

/** A new account with nothing but its name and role: everything allowed, no limit, no way in yet. */
export function newAccount(name: string, role: Role): Account {
  return {
    name: checkName(name),
    role,
    keys: [],
    quota: { bytes: null, files: null },
    rights: ALL,
    home: role === 'user',
    expires: null,
    disabled: false,
    networks: [],
    sessions: null,
    rate: { up: null, down: null },
    overwrite: null,
    demo: false,
    version: 1,
  }
}

/** A stored record as an account; fields of later versions that are missing get what they mean by default. */
export function accountFrom(value: unknown): Account | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const record = value as Partial<Account>
  if (typeof record.name !== 'string' || !isAccountName(record.name)) return undefined
  return { ...newAccount(record.name, record.role === 'admin' ? 'admin' : 'user'), ...record }
}

export function hasHome(account: Account): boolean {
  return account.role === 'user' || account.home
}
