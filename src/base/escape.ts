/**
 * A byte string as text that a terminal or a log may show: UTF-8 where it is, other bytes as `\xNN`, and what
 * would move the cursor, start a line or turn the reading direction as `\u{…}`.
 */
export function shown(bytes: string): string {
  return escapeText(HIGH.test(bytes) ? bytes.replace(UTF8, decodeOne) : bytes)
}

/** The same for text that is decoded already. */
export function escapeText(text: string): string {
  return escapeBy(text, escapeOne)
}

/** The same where it is written in another way than as `\u{…}`: `written` tells how, of one character. */
export function escapeBy(text: string, written: (character: string) => string): string {
  return UNSAFE.test(text) ? text.replace(ALL_UNSAFE, written) : text
}

/**
 * What a file holds, for a terminal: tabs and line ends stay, whatever else would steer it is a dot. Invisible
 * formatting stays, too, for Persian and emoji are written with it; in a name it would be there to deceive.
 */
export function contentText(text: string): string {
  return text.replace(STEERS, (character) => (/[\t\n\r]/.test(character) ? character : '.'))
}

/** `shown`, but again as a byte string: for names inside packets. */
export function shownBytes(bytes: string): string {
  return textBytes(shown(bytes))
}

/** A text (an error's sentence, say) as a byte string: for texts inside packets. */
export function textBytes(text: string): string {
  const safe = escapeText(text)
  return HIGH.test(safe) || WIDE.test(safe) ? Buffer.from(safe, 'utf8').toString('latin1') : safe
}

const HIGH = /[\x80-\xff]/
const WIDE = /[^\x00-\xff]/

/** One character of UTF-8, or one byte that is none (Unicode 16, table 3-7). */
const UTF8 =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g

function decodeOne(bytes: string): string {
  if (bytes.length > 1) return Buffer.from(bytes, 'latin1').toString('utf8')
  return `\\x${bytes.charCodeAt(0).toString(16)}`
}

/** C0, DEL, C1, line and paragraph separators, marks of direction. */
const STEERING = '\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069'
/** Other formatting that is not seen. */
const INVISIBLE = '\\u200b-\\u200d\\u2060-\\u2065\\u206a-\\u206f\\ufeff\\ufff9-\\ufffb'
const STEERS = new RegExp(`[${STEERING}]`, 'g')
const UNSAFE = new RegExp(`[${STEERING}${INVISIBLE}]`)
const ALL_UNSAFE = new RegExp(UNSAFE, 'g')

function escapeOne(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  if (character === '\t') return '\\t'
  return `\\u{${character.charCodeAt(0).toString(16)}}`
}
