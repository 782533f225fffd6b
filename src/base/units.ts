import { OpError } from './error.ts'
import { escapeText } from './escape.ts'

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const
const TIMES: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** How a refusal for want of quota says it. Bytes. */
export function quotaUsedUp(used: number, limit: number, free: number): string {
  return `Quota used up: ${showBytes(used)} of ${showBytes(limit)}, ${showBytes(free)} free`
}

/** The last time that a Date can tell, in ms since 1970; the first lies as far before. */
export const LAST_TIME = 8.64e15

/** "10 GiB", "500k", "1.5M", "1000000": bytes. Powers of 1024, also for "GB", as people mean it of disks. EINVAL. */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?\s*$/i.exec(text)
  const power = 'kmgtp'.indexOf((match?.[2] ?? '').toLowerCase() || ' ') + 1
  const bytes = match ? Math.round(Number(match[1]) * 1024 ** power) : Number.NaN
  if (!Number.isSafeInteger(bytes))
    throw new OpError('EINVAL', `"${escapeText(text)}" is not a size: write one such as 500MiB or 10GiB`)
  return bytes
}

/** Three digits that matter: "10 GiB", "1.46 GiB", "512 B". */
export function showBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1023.5 && unit < SIZES.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${Number(value.toFixed(digits))} ${SIZES[unit]}`
}

/** Exact: "1 byte", "1000 bytes". */
export function countBytes(bytes: number): string {
  return `${bytes} byte${bytes === 1 ? '' : 's'}`
}

/** "90s", "5m", "1h", "2d", "0": ms. EINVAL, of a number without a unit too: who writes 30 means seconds here and minutes there. */
export function parseDuration(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?\s*$/i.exec(text)
  const ms = match ? Math.round(Number(match[1]) * TIMES[(match[2] ?? 'ms').toLowerCase()]!) : Number.NaN
  if (match !== null && match[2] === undefined && ms !== 0)
    throw new OpError('EINVAL', `"${escapeText(text)}" has no unit: write a time such as 90s, 5m or 1h`)
  if (!Number.isSafeInteger(ms))
    throw new OpError('EINVAL', `"${escapeText(text)}" is not a time: write one such as 90s, 5m or 1h`)
  return ms
}

/** As parseDuration reads it, exact: "5m", "90s", "1500ms". */
export function showDuration(ms: number): string {
  if (ms === 0) return '0s'
  const [unit, size] = Object.entries(TIMES).findLast(([, each]) => ms % each === 0) ?? ['ms', 1]
  return `${ms / size}${unit}`
}

/** Time that is left, or was used: "0:07", "12:00", "3:04:05"; "-:--" when nobody can say. */
export function showClock(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms) || ms > 359_999_000) return '-:--'
  const seconds = Math.ceil(ms / 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`
}

/** The one of `known` that is written most like `word`, if one is near. For "unknown …, did you mean …". */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.max(1, Math.floor(word.length / 2)) + 1
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    // Where no letter is the same, nothing was meant.
    if (distance < least && distance < Math.max(word.length, candidate.length)) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** Levenshtein's; of words, not of texts. */
function editDistance(from: string, to: string): number {
  if (from.length > 64 || to.length > 64) return 64
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const swap = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[to.length]!
}
