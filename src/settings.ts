import { z } from 'zod'
import { networks } from './accounts/network.ts'
import { parseBytes, parseDuration, showDuration } from './base/units.ts'
import { mostOfVar } from './sockets.ts'

/** What may be written between quotes or without, read by `parse`, which throws sentences. `says`: of what is neither. */
function written(says: string, parse: (text: string) => number) {
  return z.union([z.number(), z.string()], { error: says }).transform(read(parse))
}

const SIZES = 'write a size such as "500MiB" or "10GiB"'
const TIMES = 'write a time such as "90s", "5m" or "1h"'
/** A size in bytes or as "10 GiB"; a time as "5m". */
const bytes = written(SIZES, parseBytes)
const ms = written(TIMES, parseDuration)
/** One that a timer is set to. Node makes 1 ms of more than 2^31-1 ms, which are 24.8 days; some wait a little longer. */
const MOST_TIMER = 24 * 86_400_000
function timerFrom(least: number) {
  return written(TIMES, (text) => {
    const value = parseDuration(text)
    if (value > MOST_TIMER)
      throw new Error(`"${text}" is too long: write ${showDuration(MOST_TIMER)} at most`)
    if (value < least) throw new Error(`"${text}" is too short: write ${showDuration(least)} or more`)
    return value
  })
}
const timer = timerFrom(0)
/** Nobody logs in faster. */
const loginTimer = timerFrom(1_000)
/** Where less may be queued, a session with a client that does read stands still. */
const LEAST_QUEUED = 64 * 1024
const queue = written(SIZES, (text) => {
  const value = parseBytes(text)
  if (value < LEAST_QUEUED) throw new Error(`"${text}" is too little: write 64KiB or more`)
  return value
})
/** Under it few clients at a time could be served at their full speed. */
const LEAST_HELD = 16 * 1024 * 1024
const held = written(SIZES, (text) => {
  const value = parseBytes(text)
  if (value < LEAST_HELD) throw new Error(`"${text}" is too little: write 16MiB or more`)
  return value
})
/** An exchange of keys moves some KiB itself. */
const volume = written(SIZES, (text) => {
  const value = parseBytes(text)
  if (value > 0 && value < LEAST_QUEUED)
    throw new Error(`"${text}" is too little: write 64KiB or more, or 0 for any number`)
  return value
})
const words = z
  .string('write a word between quotes')
  .min(1, 'it is empty')
  .regex(/^\P{Cc}*$/u, 'it has a control character')

function whole(from: number, to: number, says: string) {
  return written(says, (text) => {
    const value = /^\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN
    if (!(value >= from && value <= to)) throw new Error(says)
    return value
  })
}

const count = (from: number) =>
  whole(from, Number.MAX_SAFE_INTEGER, `write a whole number of ${from} or more`)
const oneOf = <const T extends readonly [string, ...string[]]>(...values: T) =>
  z.enum(values, { error: `use ${values.slice(0, -1).join(', ')} or ${values.at(-1)}` })
const addresses = z
  .union(
    [
      z.array(z.string()),
      z.string().transform((text) =>
        text
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      ),
    ],
    { error: 'write networks such as "10.0.0.0/8,::1"' },
  )
  .transform((lines, context): readonly string[] => {
    try {
      networks(lines)
    } catch (error) {
      refuse(error, lines, context)
    }
    return lines
  })

/** Every setting with its default: key, unit, and why a site would set it. */
export const SETTINGS = {
  host: words
    .default('127.0.0.1')
    .describe('address to listen on; loopback alone while a known password is in use'),
  port: whole(0, 65_535, 'a port is a number from 0 to 65535')
    .default(8808)
    .describe('TCP port; 0 takes any free one'),
  var: words.default('var').describe('folder of homes, database, logs'),
  hostkeys: words.default('hostkeys').describe('folder of host keys'),
  'log-level': oneOf('debug', 'info', 'warn').default('info').describe('debug, info or warn'),
  'log-keep-days': count(0).default(90).describe('older logs are removed at midnight'),
  'login-grace': loginTimer.default(20_000).describe('time to log in'),
  'login-tries': count(1).default(6).describe('failed logins of a connection'),
  'max-unauthenticated': count(1).default(2_000).describe('connections not logged in'),
  'max-silent-per-address': count(1)
    .default(64)
    .describe('of those, silent ones of one address; then the oldest goes'),
  'silent-time': ms.default(2_000).describe('without a KEXINIT; then a connection is silent'),
  'max-channels': count(1).default(16).describe('channels of a connection'),
  'max-handles': count(1).default(256).describe('open files and folders of a session'),
  'descriptor-reserve': count(0)
    .default(64)
    .describe('descriptors that logins get and files do not; a quarter at most'),
  'least-packet': whole(1024, 32_768, 'write a number of bytes from 1024 to 32768')
    .default(1024)
    .describe('bytes; smaller packets are much work'),
  'max-queued': queue.default(4 * 1024 ** 2).describe('output waiting for a client that does not read'),
  'max-held': held
    .default(128 * 1024 ** 2)
    .describe('memory for what clients do not take; half of it for one account'),
  'max-sessions': count(1).default(1024).describe('sessions of an account that has no number of its own'),
  'rekey-bytes': volume.default(1024 ** 3).describe('moved under the same keys; 0: any number'),
  'rekey-time': timer.default(3_600_000).describe('age of keys; then they are renewed; 0: never'),
  keepalive: timer.default(15_000).describe('between questions whether a client is still there'),
  'keepalive-tries': count(1).default(3).describe('of those without an answer; then it is cut'),
  idle: timer.default(300_000).describe('connection without a channel'),
  'idle-shell': timer.default(0).describe('shell at its prompt; 0: never ended'),
  drain: timer.default(8_000).describe('how long SIGTERM waits for transfers'),
  'guard-threshold': count(1).default(20).describe('points in the window that ban an address'),
  'guard-window': ms.default(600_000).describe('how long a failed login counts'),
  'guard-ban': ms.default(300_000).describe('first ban; each further one is twice as long'),
  'guard-allow': addresses.default(['127.0.0.0/8', '::1']).describe('addresses never scored'),
  overwrite: oneOf('staged', 'in-place')
    .default('staged')
    .describe('how an upload replaces a file: staged, in-place'),
  durable: oneOf('overwrite', 'always', 'never')
    .default('overwrite')
    .describe('which uploads are fsynced: overwrite, always, never'),
  'keep-replaced': ms.default(3_600_000).describe('how long a replaced file can be restored'),
  'keep-parts': ms.default(86_400_000).describe('how long an interrupted overwrite can be resumed'),
  'default-quota': bytes
    .nullable()
    .default(null)
    .describe('of accounts made without --quota; none: no limit'),
  ciphers: oneOf('fastest', 'client')
    .default('fastest')
    .describe('fastest of those a client names, or what the client likes best: client'),
  'data-path': oneOf('fast', 'plain')
    .default('fast')
    .describe('fast, or plain: through the streams of ssh2, and no openat2'),
  workers: z
    .union([z.literal('auto'), whole(1, 256, '')], { error: 'write a whole number from 1 to 256, or auto' })
    .default(1)
    .describe('processes that serve behind the one port; auto: one a core'),
} as const

export const schema = z.strictObject(SETTINGS).superRefine(({ var: folder, workers }, context) => {
  const most = mostOfVar(folder, workers === 1)
  if (most === undefined) return
  const message = `the paths of its sockets would be too long: choose one of ${most} bytes at most`
  context.addIssue({ code: 'custom', path: ['var'], message })
})

export type Settings = Readonly<z.infer<typeof schema>>

const DURATIONS: ReadonlySet<string> = new Set(
  Object.entries(SETTINGS)
    .filter(([, type]) => [ms, timer, loginTimer].includes(type.unwrap() as typeof ms))
    .map(([name]) => name),
)

/** What is fixed once the server listens; everything else holds at once when it is read again. */
const FIXED: ReadonlySet<keyof Settings> = new Set([
  'host',
  'port',
  'var',
  'hostkeys',
  'descriptor-reserve',
  'keepalive',
  'keepalive-tries',
  'ciphers',
  'data-path',
  'workers',
])

type View<T extends Readonly<Record<string, keyof Settings>>> = {
  readonly [name in keyof T]: Settings[T[name]]
}

/** The settings of a running server, which may be read again. */
export interface LiveSettings {
  readonly now: Settings
  /** Some of them under the names that a part has for them; each is looked up when it is asked for. */
  view<const T extends Readonly<Record<string, keyof Settings>>>(names: T): View<T>
  /** Takes over what can change; the names of what did, and of what waits for a new start. */
  reread(settings: Settings): { readonly changed: readonly string[]; readonly waiting: readonly string[] }
}

export function liveSettings(first: Settings): LiveSettings {
  let now = first
  return {
    get now() {
      return now
    },
    view<const T extends Readonly<Record<string, keyof Settings>>>(names: T) {
      const getters = Object.entries(names).map(([name, key]) => [
        name,
        { enumerable: true, get: () => now[key] },
      ])
      // Each property is a getter of the type that its setting has; the compiler does not follow defineProperties.
      return Object.defineProperties({}, Object.fromEntries(getters)) as View<T>
    },
    reread(settings) {
      const names = Object.keys(settings) as (keyof Settings)[]
      const other = names.filter((name) => JSON.stringify(settings[name]) !== JSON.stringify(now[name]))
      const waiting = other.filter((name) => FIXED.has(name))
      now = Object.freeze({ ...settings, ...Object.fromEntries([...FIXED].map((name) => [name, now[name]])) })
      return { changed: other.filter((name) => !FIXED.has(name)), waiting }
    },
  }
}

/** What the guard is told. */
export function guardRules(settings: LiveSettings) {
  return settings.view({
    threshold: 'guard-threshold',
    windowMs: 'guard-window',
    banMs: 'guard-ban',
    allow: 'guard-allow',
  })
}

/** As a miniftp.toml that means the same. */
export function printSettings(settings: Settings): string {
  const lines = Object.entries(settings).map(([name, value]) => {
    const why = SETTINGS[name as keyof Settings].description
    return [lineOf(name, value), ...(why ? [`# ${why}`] : [])].join('  ')
  })
  return lines.join('\n')
}

/** A line for each, as `--help` shows them. */
export function describeSettings(): string {
  const rows = Object.entries(SETTINGS).map(([name, type]) => {
    const value = schema.parse({})[name as keyof Settings]
    return [`  --${name}`.padEnd(28), `${type.description ?? ''} (${plain(name, value)})`.trim()].join('')
  })
  return rows.join('\n')
}

function lineOf(name: string, value: unknown): string {
  return value === null ? `# ${name} = "none"` : `${name} = ${quoted(name, value)}`
}

function quoted(name: string, value: unknown): string {
  return typeof value === 'number' && !DURATIONS.has(name)
    ? String(value)
    : JSON.stringify(timed(name, value))
}

function plain(name: string, value: unknown): string {
  return value === null ? 'none' : String(timed(name, value))
}

function timed(name: string, value: unknown): unknown {
  return DURATIONS.has(name) ? showDuration(Number(value)) : value
}

/** A reader that throws sentences as one that tells zod. */
function read(parse: (text: string) => number) {
  return (value: string | number, context: { issues: unknown[] }): number => {
    try {
      return parse(String(value))
    } catch (error) {
      return refuse(error, value, context)
    }
  }
}

function refuse(error: unknown, input: unknown, context: { issues: unknown[] }): never {
  context.issues.push({ code: 'custom', message: error instanceof Error ? error.message : '', input })
  return z.NEVER
}
