import { escapeText } from './escape.ts'
import { nearest } from './units.ts'

/** What `parseArgs` has against options, without a full stop; `known`: the long names that there are. */
export function optionFault(cause: unknown, known: readonly string[]): string {
  const text = cause instanceof Error ? cause.message.split(/\.(?=\s)|\n/)[0]! : 'The words are off'
  const quoted = /'(-.*?)(?: <value>)?'/.exec(text)?.[1]
  if (quoted === undefined) return escapeText(text)
  // '-n, --lines' of one that has both.
  const option = quoted.split(', ').at(-1)!
  const name = escapeText(option)
  if (text.startsWith('Unknown')) {
    const near = option.startsWith('--') ? nearest(option.slice(2), known) : undefined
    return near === undefined
      ? `Unknown option '${name}'`
      : `Unknown option '${name}', did you mean '--${near}'?`
  }
  if (text.endsWith('missing')) return `The option '${name}' needs a value behind it`
  if (text.endsWith('ambiguous')) {
    const how = option.startsWith('--') ? `${name}=-1` : `${name}-1`
    return `The option '${name}' needs a value; one that begins with a dash is written as in ${how}`
  }
  return text.endsWith('does not take an argument') ? `The option '${name}' takes no value` : escapeText(text)
}

/** With the full stop that what follows it wants. */
export function asSentence(fault: string): string {
  return /[.?]$/.test(fault) ? fault : `${fault}.`
}
