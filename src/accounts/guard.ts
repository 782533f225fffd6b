import type { Audit } from '../base/audit.ts'
import type { Awaitable } from '../base/awaitable.ts'
import type { Clock } from '../base/clock.ts'
import { LAST_TIME } from '../base/units.ts'
import type { KeyValue } from '../store/key-value.ts'
import { neighbourhood, networks } from './network.ts'

/** What an address did that a person rarely does. A bare TCP connection is none of them. */
export type Offence = 'wrong password' | 'unknown user' | 'protocol rubbish'

export interface GuardSettings {
  /** Points within the window at which an address is banned. */
  readonly threshold: number
  readonly windowMs: number
  /** Of the first ban; each further one is twice as long as the one before, to a day. */
  readonly banMs: number
  /** Never scored nor banned: addresses or networks. */
  readonly allow: readonly string[]
}

export interface Ban {
  /** Address, or IPv6 /64. */
  readonly address: string
  /** ms since 1970. */
  readonly until: number
  /** When it was made, ms since 1970; not known of those of older versions. */
  readonly since?: number
  readonly times: number
  readonly reason: string
}

/** Keeps a score for each address; delays, then bans. Survives restarts by its store. */
export interface Guard {
  /** The ban in force, if there is one. Cheap: asked at every connection, before anything is read. */
  banned(address: string): Ban | undefined
  /** Never banned, by the setting. */
  allowed(address: string): boolean
  /** How long the answer to a login of this address should wait, in ms: 0 until it has offended. */
  delay(address: string): Awaitable<number>
  /** The ban that this offence brought, if it did. */
  record(address: string, offence: Offence): Promise<Ban | undefined>
  /** A login that went well takes the score away, not a ban. */
  forgive(address: string): Awaitable<void>
  ban(address: string, ms: number, reason: string): Promise<Ban>
  /** The ban that held, if there was one. */
  lift(address: string): Promise<Ban | undefined>
  list(): Awaitable<readonly Ban[]>
}

/** The guard of this process, whose questions it answers at once. */
export interface OwnGuard extends Guard {
  delay(address: string): number
  list(): readonly Ban[]
  /** The bans that another process has, and no others: scores are kept there. */
  follow(bans: readonly Ban[]): void
}

const POINTS: Readonly<Record<Offence, number>> = {
  'wrong password': 1,
  'unknown user': 2,
  'protocol rubbish': 2,
}
/** The longest that one answer is held back. */
const LONGEST_DELAY = 4_000
const LONGEST_BAN = 24 * 3_600_000
/** How long a past ban makes the next one longer. */
const MEMORY = 7 * LONGEST_BAN
/** Addresses with a score that are kept in mind; the oldest is forgotten for a newer one. */
const MOST_SCORES = 20_000
/** What was done later than this from now on was done while the clock was wrong; it counts no more. */
const MOST_AHEAD = 3_600_000
const PREFIX = 'ban/'

/** Reads the bans of earlier runs from `store`. */
export async function openGuard(
  settings: GuardSettings,
  store: KeyValue,
  clock: Clock,
  audit?: Audit,
): Promise<OwnGuard> {
  let lines = settings.allow
  let exempt = networks(lines)
  const scores = new Map<string, number[]>()
  const bans = new Map<string, Ban>()
  for await (const [, value] of store.entries(PREFIX)) {
    // Older versions stored any.
    if (isBan(value)) bans.set(value.address, { ...value, until: Math.min(value.until, LAST_TIME) })
  }
  await shortenOld()
  await forgetOld()

  /** The settings may be read again while we run. */
  function allowed(address: string): boolean {
    if (lines !== settings.allow) {
      lines = settings.allow
      exempt = networks(lines)
    }
    return exempt.has(address)
  }

  /** Offences in the window, one time a point. */
  function points(address: string): readonly number[] {
    const now = clock.now()
    const counts = (time: number): boolean => time > now - settings.windowMs && time <= now + MOST_AHEAD
    const times = scores.get(address)?.filter(counts) ?? []
    if (times.length === 0) scores.delete(address)
    else scores.set(address, times)
    return times
  }

  async function ban(address: string, ms: number, reason: string): Promise<Ban> {
    const since = clock.now()
    const times = (remembered(address)?.times ?? 0) + 1
    const made = { address, since, until: since + ms, times, reason }
    bans.set(address, made)
    scores.delete(address)
    await store.set(PREFIX + address, made)
    await forgetOld()
    return made
  }

  /** What makes no further ban longer is kept no longer. */
  async function forgetOld(): Promise<void> {
    for (const [address, past] of bans) {
      if (past.until > clock.now() - MEMORY) continue
      bans.delete(address)
      await store.delete(PREFIX + address)
      // Made meanwhile.
      const made = bans.get(address)
      if (made !== undefined) await store.set(PREFIX + address, made)
    }
  }

  /** Older versions wrote the zeros of a network out. */
  async function shortenOld(): Promise<void> {
    for (const [old, past] of bans) {
      const address = network(old)
      if (address === old) continue
      bans.delete(old)
      bans.set(address, { ...past, address })
      await store.set(PREFIX + address, { ...past, address })
      await store.delete(PREFIX + old)
    }
  }

  function remembered(address: string): Ban | undefined {
    const past = bans.get(address)
    return past && past.until > clock.now() - MEMORY ? past : undefined
  }

  function inForce(address: string): Ban | undefined {
    const found = bans.get(address)
    return found && holds(found) ? found : undefined
  }

  function holds({ since = 0, until }: Ban): boolean {
    const now = clock.now()
    return until > now && since <= now + MOST_AHEAD
  }

  return {
    allowed,
    banned: (address) => (bans.size === 0 || allowed(address) ? undefined : inForce(neighbourhood(address))),
    delay(address) {
      if (scores.size === 0) return 0
      const { length } = points(neighbourhood(address))
      return length === 0 ? 0 : Math.min(LONGEST_DELAY, 125 * 2 ** Math.min(length, 6))
    },
    async record(address, offence) {
      if (allowed(address)) return undefined
      const whose = neighbourhood(address)
      const times = [...points(whose), ...Array.from({ length: POINTS[offence] }, () => clock.now())]
      scores.delete(whose)
      scores.set(whose, times)
      if (scores.size > MOST_SCORES) scores.delete(scores.keys().next().value!)
      if (times.length < settings.threshold) return undefined
      const before = remembered(whose)?.times ?? 0
      const made = await ban(
        whose,
        Math.min(LONGEST_BAN, settings.banMs * 2 ** Math.min(before, 20)),
        offence,
      )
      const until = new Date(made.until).toISOString()
      audit?.record({ event: 'ban made', address: whose, until, by: 'guard', from: address })
      return made
    },
    forgive: (address) => void scores.delete(neighbourhood(address)),
    ban: (address, ms, reason) => ban(neighbourhood(address), ms, reason),
    async lift(address) {
      const whose = network(address)
      scores.delete(whose)
      const was = inForce(whose)
      bans.delete(whose)
      await store.delete(PREFIX + whose)
      return was
    },
    follow(others) {
      bans.clear()
      for (const one of others) bans.set(one.address, one)
    },
    list: () => [...bans.values()].filter(holds).sort((a, b) => a.until - b.until),
  }
}

/** Of an address, or of what a ban is listed as. */
function network(address: string): string {
  return neighbourhood(address.replace(/\/64$/, ''))
}

function isBan(value: unknown): value is Ban {
  if (typeof value !== 'object' || value === null) return false
  const { address, until, times, reason } = value as Record<string, unknown>
  return (
    typeof address === 'string' &&
    typeof until === 'number' &&
    typeof times === 'number' &&
    typeof reason === 'string'
  )
}
