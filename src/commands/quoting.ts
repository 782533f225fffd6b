import { isUtf8 } from 'node:buffer'
import { escapeText } from '../base/escape.ts'

const LETTERS: ReadonlyMap<string, string> = new Map(
  Object.entries({ a: '\x07', b: '\b', e: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }),
)
const LETTER_OF: ReadonlyMap<string, string> = new Map([...LETTERS].map(([letter, is]) => [is, letter]))
const PLAIN = /^[A-Za-z0-9_./,:@%+=\x80-\xff-]+$/

/** A word (a byte string) so that `splitWords`, and a shell, gives `text` again, without what would steer a terminal. */
export function quoteWord(text: string): string {
  if (!isShowable(text)) return `$'${charactersOf(text).map(inQuotes).join('')}'`
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** Whether a terminal may be given it as it is, and it comes back from there. */
export function isShowable(text: string): boolean {
  const bytes = Buffer.from(text, 'latin1')
  if (!isUtf8(bytes)) return false
  const decoded = bytes.toString('utf8')
  return escapeText(decoded) === decoded
}

/** What stands at `at` inside $'…' (POSIX 2024 §2.2.4): the bytes, and how many characters say them. A zero byte, which no name can hold, is left out. */
export function escapedAt(line: string, at: number): readonly [bytes: string, length: number] {
  if (line[at] !== '\\') return [line[at]!, 1]
  const rest = line.slice(at + 1, at + 12)
  const byte = /^x([0-9A-Fa-f]{1,2})/.exec(rest)
  if (byte !== null) return [character(Number.parseInt(byte[1]!, 16)), 1 + byte[0].length]
  const octal = /^[0-7]{1,3}/.exec(rest)
  if (octal !== null) return [character(Number.parseInt(octal[0], 8) & 0xff), 1 + octal[0].length]
  const point = /^(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8}))/.exec(rest)
  if (point !== null) {
    const code = Number.parseInt((point[1] ?? point[2] ?? point[3])!, 16)
    return [Buffer.from(character(code)).toString('latin1'), 1 + point[0].length]
  }
  const letter = rest[0] ?? ''
  return [LETTERS.get(letter) ?? letter, 1 + letter.length]
}

function character(code: number): string {
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : ''
}

/** UTF-8 as characters; bytes that are none one by one. Each a byte string. */
export function charactersOf(text: string): readonly string[] {
  const bytes = Buffer.from(text, 'latin1')
  if (!isUtf8(bytes)) return [...text]
  return [...bytes.toString('utf8')].map((one) => Buffer.from(one).toString('latin1'))
}

function inQuotes(character: string): string {
  if (character === "'" || character === '\\') return `\\${character}`
  if (isShowable(character)) return character
  const letter = LETTER_OF.get(character)
  if (letter !== undefined) return `\\${letter}`
  return [...character].map((byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')
}
