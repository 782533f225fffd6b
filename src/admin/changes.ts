import type { Account } from '../accounts/account.ts'
import type { Changes } from '../accounts/actions.ts'
import { PRESETS, RIGHTS, rightsOf } from '../accounts/rules.ts'
import { OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { parseBytes, parseDuration } from '../base/units.ts'
import type { Options, Values } from './word.ts'

/** What `user add` and `user set` can say about an account. */
export const CHANGE_OPTIONS: Options = {
  role: { type: 'string', about: ['user|admin', 'an admin has this menu, and no files'] },
  rights: {
    type: 'string',
    about: ['RIGHTS', `${Object.keys(PRESETS).join(', ')}, or some with commas: ${RIGHTS.join(', ')}`],
  },
  expires: {
    type: 'string',
    about: ['WHEN', '2027-01-31 (to the end of that day, UTC), 30d from now, or never'],
  },
  networks: { type: 'string', about: ['CIDR,...', 'where it may come from, such as 10.0.0.0/8; or any'] },
  sessions: { type: 'string', about: ['N|none', 'most sessions at once'] },
  'rate-up': { type: 'string', about: ['SIZE|none', 'most bytes a second that it sends'] },
  'rate-down': { type: 'string', about: ['SIZE|none', 'most bytes a second that it fetches'] },
  home: { type: 'string', about: ['yes|no', 'whether an admin has files of its own'] },
  overwrite: {
    type: 'string',
    about: ['HOW', 'staged (the old file stays until the new one is whole), in-place or default'],
  },
}

/** Only what was said. EUSAGE and EINVAL say what a value can be. */
export function changesOf(values: Values, before: Pick<Account, 'rate'>, now: number): Changes {
  const said = (name: string): string | undefined =>
    values[name] === undefined ? undefined : String(values[name])
  const field = <T>(name: string, key: string, read: (text: string) => T): Readonly<Record<string, T>> => {
    const text = said(name)
    return text === undefined ? {} : { [key]: read(text) }
  }
  const cap = (text: string | undefined, otherwise: number | null): number | null =>
    text === undefined ? otherwise : limitOf(text, parseBytes)
  const [up, down] = [said('rate-up'), said('rate-down')]
  return {
    ...field('role', 'role', roleOf),
    ...field('rights', 'rights', rightsOf),
    ...field('expires', 'expires', (text) => expiryOf(text, now)),
    ...field('networks', 'networks', networksOf),
    ...field('sessions', 'sessions', (text) => limitOf(text, count)),
    ...field('home', 'home', yesOrNo),
    ...field('overwrite', 'overwrite', overwriteOf),
    ...(up === undefined && down === undefined
      ? {}
      : { rate: { up: cap(up, before.rate.up), down: cap(down, before.rate.down) } }),
  }
}

/** A number, or null for "none". */
export function limitOf(text: string, read: (text: string) => number): number | null {
  return /^(none|unlimited|no limit|no)$/i.test(text.trim()) ? null : read(text)
}

/** EINVAL says what it can be. */
export function count(text: string, such = '3, or none'): number {
  if (!/^\s*\d{1,15}\s*$/.test(text))
    throw new OpError('EINVAL', `"${escapeText(text)}" is not a number: write one such as ${such}`)
  return Number(text)
}

/** The last one of four digits. */
const LAST_DATE = Date.UTC(10_000, 0, 1) - 1

/** A date, which holds to its end, a time from now such as 30d, or never. EINVAL. */
export function expiryOf(text: string, now: number): number | null {
  const word = text.trim()
  if (word === 'never') return null
  const ms = /^\d+(\.\d+)?[smhdw]$/.test(word) ? now + parseDuration(word) : dateOf(word)
  if (Number.isNaN(ms))
    throw new OpError('EINVAL', `"${escapeText(text)}" is not a date: write 2027-01-31, 30d or never`)
  if (ms > LAST_DATE)
    throw new OpError('EINVAL', `"${escapeText(text)}" is too far off: write an earlier date, or never`)
  if (ms <= now)
    throw new OpError('EINVAL', `"${escapeText(text)}" is past already: write a later date, 30d or never`)
  return ms
}

/**
 * "any", or networks between commas or spaces. What is none is refused when the change is made; EINVAL: nothing at all,
 * which a script says whose variable is empty.
 */
export function networksOf(text: string): readonly string[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  if (words.length === 0)
    throw new OpError('EINVAL', 'No network: write one such as 10.0.0.0/8, or any for everywhere')
  return words.join() === 'any' ? [] : words
}

/** In UTC. Only what says year, month and day: `Date.parse` takes much that people do not mean. */
function dateOf(text: string): number {
  const [, day, time, zone = 'Z'] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?)?$/.exec(text) ?? []
  // `Date.parse` takes the 30th of February for the 2nd of March.
  if (day === undefined || !isDay(day)) return Number.NaN
  return time === undefined ? Date.parse(`${day}T23:59:59.999Z`) : Date.parse(`${day}T${time}${zone}`)
}

function isDay(day: string): boolean {
  const start = Date.parse(`${day}T00:00Z`)
  return !Number.isNaN(start) && new Date(start).toISOString().startsWith(day)
}

function roleOf(text: string): Account['role'] {
  if (text === 'user' || text === 'admin') return text
  throw new OpError('EUSAGE', `"${escapeText(text)}" is not a role: use user or admin`)
}

function yesOrNo(text: string): boolean {
  if (text === 'yes') return true
  if (text === 'no') return false
  throw new OpError('EUSAGE', `"${escapeText(text)}" is neither yes nor no`)
}

function overwriteOf(text: string): Account['overwrite'] {
  if (text === 'staged' || text === 'in-place') return text
  if (text === 'default') return null
  throw new OpError(
    'EUSAGE',
    `"${escapeText(text)}" is not a way to overwrite: use staged, in-place or default`,
  )
}
