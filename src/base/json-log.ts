import { pino } from 'pino'
import type { Clock } from './clock.ts'
import type { DailyFile } from './daily-file.ts'
import { OpError } from './error.ts'
import { escapeText } from './escape.ts'
import type { Fields, Log } from './log.ts'

/** Longest field in characters, longest line in bytes. */
const MOST_FIELD = 1024
const MOST_LINE = 4096

export type Level = 'debug' | 'info' | 'warn'

const RANKS = { debug: 0, info: 1, warn: 2, error: 3 }

export interface JsonLogParts {
  readonly file: Pick<DailyFile, 'write'>
  readonly clock: Pick<Clock, 'now'>
  /** The least that is logged; may change meanwhile. */
  readonly rules: { readonly level: Level }
  /** Sees every event that is logged, for the operator's screen; `fields` puts those of the line together. */
  readonly also?: (level: string, event: string, fields: () => Fields) => void
}

/** JSON lines `{"at","level","event",…}`. */
export function jsonLog({ file, clock, rules, also }: JsonLogParts): Log {
  const isoText = isoTime()
  /** When what is put into words now was said, and the words. */
  let said = 0
  let words = ''
  const root = pino(
    {
      level: 'debug',
      base: undefined,
      messageKey: 'event',
      timestamp: () => `,"at":"${isoText(said)}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        words = isShort(line) ? line : cut(line)
      },
    },
  )

  function over(own: Fields): Log {
    // Put into words once, not for each line.
    const sink = root.child(clean(own))
    const put = (at: keyof typeof RANKS, event: string, fields: Fields = {}): void => {
      if (RANKS[at] < RANKS[rules.level]) return
      const now = clock.now()
      file.write(() => {
        said = now
        sink[at](clean(fields), event)
        return words
      })
      also?.(at, event, () => clean({ ...own, ...fields }))
    }
    return {
      debug: (event, fields) => put('debug', event, fields),
      info: (event, fields) => put('info', event, fields),
      warn: (event, fields) => put('warn', event, fields),
      error: (event, cause, fields) => put('error', event, { ...fields, ...described(cause) }),
      with: (fields) => over({ ...own, ...fields }),
    }
  }
  return over({})
}

/** Milliseconds since 1970 as ISO 8601 text; the day and the time to the second are put into words once a second. */
function isoTime(): (ms: number) => string {
  let second = Number.NaN
  let text = ''
  return (ms) => {
    const current = Math.floor(ms / 1000)
    if (current !== second) {
      second = current
      text = new Date(current * 1000).toISOString().slice(0, -4)
    }
    return `${text}${String(Math.floor(ms) - current * 1000).padStart(3, '0')}Z`
  }
}

/** What a peer sent cannot start a line of its own, nor move the reader's cursor, nor fill the disk. */
function clean(fields: Fields): Fields {
  let safe: Record<string, string | number | boolean | undefined> | undefined
  for (const name in fields) {
    const value = fields[name]
    if (typeof value !== 'string') continue
    const text = escapeText(value.length > MOST_FIELD ? value.slice(0, MOST_FIELD) : value)
    if (text === value) continue
    safe ??= { ...fields }
    safe[name] = text
  }
  return safe ?? fields
}

function described(cause: unknown): Fields {
  if (!(cause instanceof Error)) return { error: String(cause) }
  const inner = cause.cause instanceof Error ? cause.cause.message : undefined
  return {
    error: cause.message,
    code: cause instanceof OpError ? cause.code : undefined,
    cause: inner,
    stack: cause.stack,
  }
}

/** A character of UTF-16 has at most three bytes of UTF-8. */
function isShort(line: string): boolean {
  return line.length * 3 <= MOST_LINE || Buffer.byteLength(line) <= MOST_LINE
}

/** A line too long keeps all its fields, the texts as far as there is room, and says that it was cut. */
function cut(line: string): string {
  const fields = JSON.parse(line) as Record<string, unknown>
  for (let most = MOST_FIELD; ; most = Math.floor(most / 2)) {
    const kept = Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' && !WHOLE.has(name) ? value.slice(0, most) : value,
    ])
    const text = `${JSON.stringify({ ...Object.fromEntries(kept), cut: true })}\n`
    if (Buffer.byteLength(text) <= MOST_LINE || most === 0) return text
  }
}

/** Fields that no peer can make long. */
const WHOLE: ReadonlySet<string> = new Set(['at', 'level', 'event'])
