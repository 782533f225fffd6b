import { isUtf8 } from 'node:buffer'

/** One JSON value on a line; what would steer a terminal is escaped in it, as JSON can. */
export function jsonLine(value: unknown): string {
  return jsonSafe(JSON.stringify(value))
}

/** The same of what is JSON already. */
export function jsonSafe(text: string): string {
  return text.replace(
    /[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A name that is no UTF-8 cannot be a JSON string: its bytes are beside it. */
export function jsonName(name: string): { readonly name: string; readonly nameBase64?: string } {
  const bytes = Buffer.from(name, 'latin1')
  const text = bytes.toString('utf8')
  return isUtf8(bytes) ? { name: text } : { name: text, nameBase64: bytes.toString('base64') }
}
