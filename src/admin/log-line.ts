import { escapeText } from '../base/escape.ts'

/** A JSON line of the log as a person reads it: time, event, fields. */
export function readable(line: string): string {
  const fields = fieldsOf(line)
  if (fields === undefined) return escapeText(line)
  const { at, event, level, ...rest } = fields
  const words = Object.entries(rest).map(([name, value]) => `${name}=${textOf(value)}`)
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
