import { escapeText } from '../base/escape.ts'
import { nearest } from '../base/units.ts'
import type { Word } from './word.ts'

type Words = Readonly<Record<string, Word>>

/** What a line of words asks help about: '' is all; undefined: it asks for none. */
export function helpAsked(line: readonly string[]): string | undefined {
  if (line.length === 0) return ''
  if (line[0] === 'help') return line.slice(1).join(' ')
  const at = line.findIndex((word) => word === '--help' || word === '-h')
  if (at < 0) return undefined
  const before = line.slice(0, Math.min(at, 2))
  return (before[1]?.startsWith('-') ? before.slice(0, 1) : before).join(' ')
}

/** How each word about `topic` goes and what it is for; undefined when there is none. */
export function helpOn(topic: string, words: Words): string | undefined {
  const rows = Object.entries(words)
    .filter(([name]) => topic === '' || name === topic || name.startsWith(`${topic} `))
    .map(([, { usage, summary }]) => `  ${usage}\n      ${summary}`)
  return rows.length === 0 ? undefined : ['Commands:', ...rows].join('\n')
}

/** For who typed what there is not: the nearest, and what there is, in as few lines. */
export function unknownWord(line: readonly string[], words: Words): string {
  const names = Object.keys(words)
  const typed = line.slice(0, 2).join(' ')
  const seconds = names.filter((name) => name.startsWith(`${line[0]} `)).map((name) => name.split(' ')[1]!)
  if (seconds.length > 0 && (line.length === 1 || line[1]!.startsWith('-')))
    return `"${escapeText(line[0]!)}" needs a second word: ${listed(seconds)}; help ${line[0]} tells how each goes`
  const near = nearest(typed, names)
  return [
    `Unknown command "${escapeText(typed)}"${near ? `, did you mean "${near}"?` : ''}`,
    `Commands: ${families(names).join('; ')}`,
    'help COMMAND tells how one goes, help tells of all',
  ].join('\n')
}

/** "list, add or lift". */
function listed(words: readonly string[]): string {
  return words.join(', ').replace(/, (\w+)$/, ' or $1')
}

/** "user add list show", "log": the words that begin alike together. */
function families(names: readonly string[]): readonly string[] {
  const seconds = new Map<string, string[]>()
  for (const name of names) {
    const [first, ...rest] = name.split(' ') as [string, ...string[]]
    seconds.set(first, [...(seconds.get(first) ?? []), ...rest])
  }
  return [...seconds].map(([first, rest]) => [first, ...rest].join(' '))
}
