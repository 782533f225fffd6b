import { OpError } from '../base/error.ts'
import { escapedAt } from './quoting.ts'

/** A word of a line, and whether a `*` or `?` in it stands for itself at each place (it was quoted). */
export interface Word {
  readonly text: string
  /** Positions in `text` that were quoted. */
  readonly quoted: ReadonlySet<number>
}

/**
 * A line (a byte string) into words as a POSIX shell splits them (2024, §2.2): blanks, '…', "…" with \" \\ \$ \`,
 * $'…' with \n \e \xNN \u{…}, and \ before any character. No variables, no substitution. EUSAGE with the column
 * where a quote was left open.
 */
export function splitWords(line: string): readonly Word[] {
  const words: Word[] = []
  let text = ''
  let quoted = new Set<number>()
  let inWord = false
  const put = (character: string, isQuoted: boolean): void => {
    if (isQuoted) quoted.add(text.length)
    text += character
    inWord = true
  }
  const end = (): void => {
    if (inWord) words.push({ text, quoted })
    text = ''
    quoted = new Set()
    inWord = false
  }

  for (let at = 0; at < line.length; at++) {
    const character = line[at]!
    if (character === ' ' || character === '\t' || character === '\n' || character === '\r') end()
    else if (character === '\\') {
      if (at + 1 === line.length)
        throw new OpError('EUSAGE', `Nothing follows the "\\" at column ${column(line, at)}`)
      put(line[++at]!, true)
    } else if (character === '$' && line[at + 1] === "'") {
      const opened = at
      inWord = true
      for (at += 2; line[at] !== "'"; ) {
        if (at >= line.length) throw notClosed("$'", line, opened)
        const [bytes, length] = escapedAt(line, at)
        for (const byte of bytes) put(byte, true)
        at += length
      }
    } else if (character === "'" || character === '"') {
      const opened = at
      inWord = true
      for (at++; line[at] !== character; at++) {
        if (at >= line.length) throw notClosed(character, line, opened)
        const escapes = character === '"' && line[at] === '\\' && '"\\$`'.includes(line[at + 1] ?? ' ')
        put(line[escapes ? ++at : at]!, true)
      }
    } else put(character, false)
  }
  end()
  return words
}

function notClosed(quote: string, line: string, at: number): OpError {
  return new OpError('EUSAGE', `The ${quote} at column ${column(line, at)} is not closed`)
}

/** As a person counts: from 1, and in characters, not bytes. */
function column(line: string, at: number): number {
  return [...Buffer.from(line.slice(0, at), 'latin1').toString('utf8')].length + 1
}
