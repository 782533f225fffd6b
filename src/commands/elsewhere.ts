import { shown } from '../base/escape.ts'
import type { VirtualPath } from '../vfs/vfs.ts'
import type { CommandContext, Place } from './command.ts'
import { wrapped } from './layout.ts'
import { quoteWord } from './quoting.ts'

/** A file that is to be moved, for a terminal that cannot: what to type in another one. */
export type Elsewhere =
  | { readonly verb: 'get'; readonly paths: readonly VirtualPath[] }
  /** `target`: the folder, or the name it is to have. */
  | { readonly verb: 'put'; readonly file: string; readonly target: string }

/** Commands to paste into a terminal of the person's own machine; `options` are the same for both. */
export function pasteLines(
  what: Elsewhere,
  { account, host, port }: Place,
  options = `-P ${port}`,
): readonly string[] {
  const at = host.includes(':') ? `[${host}]` : host
  const remote = (path: string): string => quoteWord(`${account}@${at}:${path}`)
  const words =
    what.verb === 'get'
      ? `${what.paths.map(remote).join(' ')} .`
      : `${quoteWord(what.file)} ${remote(what.target)}`
  return [`scp ${options} ${words}`, `miniftp ${what.verb} ${options} ${words}`].map(text)
}

/** What is said where this terminal cannot move a file; empty when it is not known how else. */
export function howTo(what: Elsewhere, { place }: CommandContext): readonly string[] {
  if (place === undefined) return []
  return [
    'This terminal does not move files by itself: it does not answer ZMODEM.',
    'Paste one of these into a terminal on your own machine:',
    '',
    ...pasteLines(what, place).map((line) => `  ${line}`),
    '',
    'Its progress is shown here. Return gives the prompt back.',
  ]
}

/** The same where there are folders among what is to be fetched. */
export function howToFolders(
  what: Extract<Elsewhere, { readonly verb: 'get' }>,
  { place, columns }: CommandContext,
): readonly string[] {
  const sentences = [
    what.paths.length === 1
      ? 'That is a folder, and a terminal takes files alone.'
      : 'There are folders among them, and a terminal takes files alone.',
    'Paste one of these into a terminal on your own machine:',
  ]
  if (place === undefined) return sentences.slice(0, 1)
  const lines = pasteLines(what, place, `-r -P ${place.port}`)
  return laidOut([...sentences, '', ...lines.map((line) => `  ${line}`)], columns)
}

/** Sentences are cut between words; what is to be pasted is left to the terminal, so that it is copied as one line. */
export function laidOut(lines: readonly string[], columns: number | undefined): readonly string[] {
  return lines.map((line) => (line.startsWith('  ') ? line : wrapped(line, columns)))
}

/** What is quoted has nothing left that needs to be escaped. */
function text(bytes: string): string {
  return shown(bytes)
}
