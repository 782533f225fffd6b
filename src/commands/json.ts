import { isUtf8 } from 'node:buffer'
import { escapeBy } from '../base/escape.ts'

/** One JSON value on a line; what would steer a terminal is escaped in it, as JSON can. */
export function jsonLine(value: unknown): string {
  return jsonSafe(JSON.stringify(value))
}

/** The same of what is JSON already. */
export function jsonSafe(text: string): string {
  return escapeBy(text, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** A name that is no UTF-8 cannot be a JSON string: its bytes are beside it. */
export function jsonName(name: string): { readonly name: string; readonly nameBase64?: string } {
  const bytes = Buffer.from(name, 'latin1')
  const text = bytes.toString('utf8')
  return isUtf8(bytes) ? { name: text } : { name: text, nameBase64: bytes.toString('base64') }
}
