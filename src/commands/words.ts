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
  return split(line, false)[0]!
}

/**
 * The commands of a line, joined by `;` or `&&` outside quotes as at a Unix prompt, each as words. EUSAGE also for
 * what else a Unix shell would do: as names such words would be read or removed.
 */
export function splitCommands(line: string): readonly (readonly Word[])[] {
  return split(line, true).filter(({ length }) => length > 0)
}

function split(line: string, joined: boolean): readonly (readonly Word[])[] {
  const commands: Word[][] = [[]]
  let text = ''
  let quoted = new Set<number>()
  let inWord = false
  const put = (character: string, isQuoted: boolean): void => {
    if (isQuoted) quoted.add(text.length)
    text += character
    inWord = true
  }
  const end = (): void => {
    if (inWord) commands.at(-1)!.push({ text, quoted })
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
    } else if (joined && ';&|<>'.includes(character)) {
      if (character !== ';' && !line.startsWith('&&', at)) throw noShell(character)
      if (character === '&') at += 1
      end()
      commands.push([])
    } else put(character, false)
  }
  end()
  return commands
}

function noShell(character: string): OpError {
  return new OpError(
    'EUSAGE',
    `"${character}" means nothing here: there is no Unix shell, see help. To have it in a name, put the name in quotes`,
  )
}

function notClosed(quote: string, line: string, at: number): OpError {
  return new OpError('EUSAGE', `The ${quote} at column ${column(line, at)} is not closed`)
}

/** As a person counts: from 1, and in characters, not bytes. */
function column(line: string, at: number): number {
  return [...Buffer.from(line.slice(0, at), 'latin1').toString('utf8')].length + 1
}
