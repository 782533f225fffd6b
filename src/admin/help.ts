import { escapeText } from '../base/escape.ts'
import { nearest } from '../base/units.ts'
import { pairs, wrapped } from '../commands/layout.ts'
import type { Word } from './word.ts'

/** Where nobody has told how wide the terminal is. */
const COLUMNS = 80

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

/** How each word about `topic` goes and what it is for, and of one alone its options; undefined when there is none. */
export function helpOn(topic: string, words: Words): string | undefined {
  const found = Object.entries(words).filter(
    ([name]) => topic === '' || name === topic || name.startsWith(`${topic} `),
  )
  if (found.length === 0) return undefined
  const rows = found.map(([, { usage, summary }]) =>
    [`  ${usage}`, `      ${summary}`].map((line) => wrapped(line, COLUMNS, '      ')).join('\n'),
  )
  const rest = found.length === 1 ? pairs(optionRows(found[0]![1])) : 'help COMMAND tells its options'
  return ['Commands:', ...rows, '', rest].join('\n')
}

function optionRows({ options = {} }: Word): readonly (readonly [option: string, what: string])[] {
  const rows = Object.entries(options).map(([name, { short, type, about = [] }]) => {
    const value = type === 'string' ? ` ${about[0]}` : ''
    return [`    ${short === undefined ? '' : `-${short}, `}--${name}${value}`, about.at(-1) ?? ''] as const
  })
  const files = [['    --key FILE', 'the same from a file of yours; by npx miniftpd, not over ssh'] as const]
  return [
    ...rows.flatMap((row) => (row[0].startsWith('    --key-line') ? [row, ...files] : [row])),
    ['    --json', 'the answer as JSON, for scripts'],
  ]
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
