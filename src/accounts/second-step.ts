import { createHash, randomBytes } from 'node:crypto'
import { Secret, TOTP } from 'otpauth'
import type { Clock } from '../base/clock.ts'
import { OpError } from '../base/error.ts'
import { Lanes } from '../base/lane.ts'
import type { KeyValue } from '../store/key-value.ts'

/** What is shown once, when an account is enrolled. */
export interface Enrolment {
  /** otpauth: address for an authenticator app; the QR code holds it. */
  readonly uri: string
  /** The same to be typed, base32. */
  readonly secret: string
  /** Each lets in once, without the app. */
  readonly recovery: readonly string[]
}

/** One-time codes (TOTP, RFC 6238) that an account shows after its password or key. */
export interface SecondSteps {
  has(account: string): Promise<boolean>
  /** A new secret and recovery codes, of which nothing is stored. */
  propose(account: string): Enrolment
  /** Whether this is the code that an app with the proposed secret shows now. */
  proves(account: string, proposed: Enrolment, code: string): boolean
  /**
   * From now on a code is asked for. `code`: what the app showed, which is used up by that. EEXIST when the account has
   * a secret already, EINVAL when the code is not the proposed secret's.
   */
  enrol(account: string, proposed: Enrolment, code?: string): Promise<void>
  /** Whether there was one. */
  remove(account: string): Promise<boolean>
  /** A code, or a recovery code; each is good once. */
  check(account: string, code: string): Promise<boolean>
}

interface StoredStep {
  readonly secret: string
  /** The last time step whose code was used; codes up to it are void. */
  readonly used: number
  /** SHA-256: they are random, and as long as keys. */
  readonly recovery: readonly string[]
}

const PREFIX = 'totp/'
const ISSUER = 'MiniFTP'
const PERIOD_SECONDS = 30
/** Steps that a clock may be off, either way. */
const SLACK = 1
const RECOVERY_CODES = 8
/** 80 bits. */
const RECOVERY_BYTES = 10
/** Wrong codes of an account in `SPELL_MS`; then none is right until it is over: three in a million are, at any time. */
const MOST_WRONG = 10
const SPELL_MS = 10 * 60_000
/** Accounts whose wrong codes are kept in mind. */
const MOST_SPELLS = 10_000

export function secondStepsOver(store: KeyValue, clock: Clock): SecondSteps {
  const lanes = new Lanes()
  const spells = new Map<string, { readonly until: number; wrong: number }>()

  async function stored(account: string): Promise<StoredStep | undefined> {
    const value = await store.get(PREFIX + account)
    return isStored(value) ? value : undefined
  }

  function spell(account: string): { readonly until: number; wrong: number } {
    const running = spells.get(account)
    if (running !== undefined && running.until > clock.elapsed()) return running
    const begun = { until: clock.elapsed() + SPELL_MS, wrong: 0 }
    spells.delete(account)
    spells.set(account, begun)
    if (spells.size > MOST_SPELLS) spells.delete(spells.keys().next().value!)
    return begun
  }

  /** The record after the code was used, if it is right. */
  function use(step: StoredStep, account: string, code: string): StoredStep | undefined {
    const hash = hashOf(code)
    if (step.recovery.includes(hash))
      return { ...step, recovery: step.recovery.filter((other) => other !== hash) }
    const used = stepOf(account, step.secret, code)
    return used !== undefined && used > step.used ? { ...step, used } : undefined
  }

  /** The time step whose code this is, if it is one of about now. */
  function stepOf(account: string, secret: string, code: string): number | undefined {
    const now = clock.now()
    const delta = totp(account, secret).validate({ token: tidy(code), timestamp: now, window: SLACK })
    return delta === null ? undefined : Math.floor(now / 1000 / PERIOD_SECONDS) + delta
  }

  return {
    has: async (account) => (await stored(account)) !== undefined,
    propose(account) {
      const { base32 } = new Secret({ size: 20 })
      const recovery = Array.from({ length: RECOVERY_CODES }, recoveryCode)
      return { uri: shortUri(totp(account, base32)), secret: base32, recovery }
    },
    proves: (account, { secret }, code) => stepOf(account, secret, code) !== undefined,
    enrol: (account, { secret, recovery }, code) =>
      lanes.run(account, async () => {
        if ((await stored(account)) !== undefined)
          throw new OpError('EEXIST', `"${account}" has codes already: take them away first`)
        const used = code === undefined ? 0 : stepOf(account, secret, code)
        if (used === undefined)
          throw new OpError('EINVAL', 'That is not the code that the app shows now: begin again')
        const step: StoredStep = { secret, used, recovery: recovery.map(hashOf) }
        await store.set(PREFIX + account, step)
      }),
    remove: (account) => lanes.run(account, () => store.delete(PREFIX + account)),
    check: (account, code) =>
      lanes.run(account, async () => {
        const tries = spell(account)
        const step = await stored(account)
        const after = step && tries.wrong < MOST_WRONG ? use(step, account, tidy(code)) : undefined
        if (after === undefined) {
          tries.wrong += 1
          return false
        }
        await store.set(PREFIX + account, after)
        spells.delete(account)
        return true
      }),
  }
}

function totp(account: string, secret: string): TOTP {
  return new TOTP({
    issuer: ISSUER,
    label: account,
    secret: Secret.fromBase32(secret),
    period: PERIOD_SECONDS,
  })
}

/** Without what every app takes for granted: a smaller QR code, which fits a terminal of 24 lines. */
function shortUri(code: TOTP): string {
  const uri = new URL(code.toString())
  for (const name of ['algorithm', 'digits', 'period']) uri.searchParams.delete(name)
  return uri.href
}

/** Four groups of four letters and digits. */
function recoveryCode(): string {
  const { base32 } = new Secret({ buffer: Uint8Array.from(randomBytes(RECOVERY_BYTES)).buffer })
  return (base32.toLowerCase().match(/.{4}/g) ?? []).join('-')
}

function tidy(code: string): string {
  return code.toLowerCase().replace(/[\s-]/g, '').slice(0, 64)
}

function hashOf(code: string): string {
  return createHash('sha256').update(tidy(code)).digest('base64')
}

function isStored(value: unknown): value is StoredStep {
  if (typeof value !== 'object' || value === null) return false
  const { secret, used, recovery } = value as Record<string, unknown>
  return typeof secret === 'string' && typeof used === 'number' && Array.isArray(recovery)
}
