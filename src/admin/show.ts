import type { Account } from '../accounts/account.ts'
import { keyInfo } from '../accounts/keys.ts'
import { hasHome, showRights } from '../accounts/rules.ts'
import { escapeText } from '../base/escape.ts'
import { showBytes } from '../base/units.ts'
import type { Usage } from '../quota/ledger.ts'

/** An account as scripts see it: no secrets. */
export function forScripts({ password, keys, ...rest }: Account) {
  return { ...rest, hasPassword: password !== undefined, keys: keys.map(keyInfo) }
}

export function stateOf({ disabled, expires }: Account, now: number): 'active' | 'disabled' | 'expired' {
  if (disabled) return 'disabled'
  return expires !== null && expires <= now ? 'expired' : 'active'
}

/** Everything about an account, as rows of a name and a value. */
export function factsAbout(
  account: Account,
  usage: Usage,
  now: number,
): readonly (readonly [string, string])[] {
  return [
    ['name', account.name],
    ['role', account.role],
    ['state', stateOf(account, now)],
    ['rights', showRights(account.rights)],
    ['quota', `${showBytes(usage.used)} used of ${showLimit(usage.limit)}`],
    ['files', `${usage.files} of ${usage.fileLimit ?? 'no limit'}`],
    ['password', passwordOf(account)],
    ...account.keys.map((line): [string, string] => ['key', showKey(line)]),
    ['expires', account.expires === null ? 'never' : showTime(account.expires)],
    ['networks', account.networks.join(', ') || 'from everywhere'],
    ['sessions', account.sessions === null ? 'any number' : `${account.sessions} at once`],
    ['bandwidth', showRates(account.rate)],
    ['overwrite', account.overwrite ?? "as the server's setting"],
    ...(account.role === 'admin' ? [['home', hasHome(account) ? 'yes' : 'no'] as [string, string]] : []),
    ...(account.changedBy === undefined ? [] : [['changed by', account.changedBy] as [string, string]]),
  ]
}

export function showLimit(bytes: number | null): string {
  return bytes === null ? 'no limit' : showBytes(bytes)
}

/** "12 files and folders", of which there may be one. */
export function showEntries(count: number): string {
  return count === 1 ? '1 file or folder' : `${count} files and folders`
}

export function showRates({ up, down }: Account['rate']): string {
  if (up === null && down === null) return 'no cap'
  const rate = (cap: number | null): string => (cap === null ? 'no cap' : `${showBytes(cap)}/s`)
  return `up ${rate(up)}, down ${rate(down)}`
}

export function showKey(line: string): string {
  const { fingerprint, type, comment } = keyInfo(line)
  return `${fingerprint} ${type} ${escapeText(comment)}`.trim()
}

/** As ISO 8601 has it, in UTC, without what is nought. */
export function showTime(ms: number): string {
  const text = new Date(ms).toISOString()
  return text.endsWith('T00:00:00.000Z')
    ? text.slice(0, 10)
    : `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`
}

/** "3 d 4 h", "5 min", "12 s": two units at most. */
export function showSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const [d, h, min, s] = [seconds / 86_400, (seconds / 3600) % 24, (seconds / 60) % 60, seconds % 60].map(
    Math.floor,
  )
  if (d! > 0) return `${d} d ${h} h`
  if (h! > 0) return `${h} h ${min} min`
  return min! > 0 ? `${min} min` : `${s} s`
}

function passwordOf({ password, demo }: Account): string {
  if (password === undefined) return 'none'
  return demo ? 'one that everybody knows' : 'set'
}
