import { escapeText } from '../base/escape.ts'

/** Where it came from, which most lines have: behind what each alone says, so that a narrow screen cuts that off last. */
const BEHIND = ['address', 'port', 'conn', 'session']

/** A JSON line of the log as a person reads it: time, event, whose it is, fields. */
export function readable(line: string): string {
  const fields = fieldsOf(line)
  if (fields === undefined) return escapeText(line)
  const { at, event, level, account, ...rest } = fields
  const own = Object.keys(rest).filter((name) => !BEHIND.includes(name))
  const names = [...own, ...BEHIND.filter((name) => name in rest)]
  const words = names.map((name) => `${name}=${textOf(rest[name])}`)
  if (account !== undefined) words.unshift(`account=${textOf(account)}`)
  return escapeText(
    [String(at).slice(11, 19), ...(level === 'info' ? [] : [level]), event, ...words].join(' '),
  )
}

function fieldsOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    // Half a line: the log is being written.
    return undefined
  }
}

function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /[\s"]/.test(text) ? JSON.stringify(text) : text
}
