import { shown } from '../base/escape.ts'
import type { VirtualPath } from '../vfs/vfs.ts'
import type { CommandContext, Place } from './command.ts'
import { quoteWord } from './quoting.ts'

/** A file that is to be moved, for a terminal that cannot: what to type in another one. */
export type Elsewhere =
  | { readonly verb: 'get'; readonly paths: readonly VirtualPath[] }
  /** `target`: the folder, or the name it is to have. */
  | { readonly verb: 'put'; readonly file: string; readonly target: string }

/** Commands to paste into a terminal of the person's own machine. */
export function pasteLines(what: Elsewhere, { account, host, port }: Place): readonly string[] {
  const at = host.includes(':') ? `[${host}]` : host
  const remote = (path: string): string => quoteWord(`${account}@${at}:${path}`)
  const words =
    what.verb === 'get'
      ? `${what.paths.map(remote).join(' ')} .`
      : `${quoteWord(what.file)} ${remote(what.target)}`
  return [`scp -P ${port} ${words}`, `miniftp ${what.verb} -P ${port} ${words}`].map(text)
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

/** What is quoted has nothing left that needs to be escaped. */
function text(bytes: string): string {
  return shown(bytes)
}
