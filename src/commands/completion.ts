import { isOpError } from '../base/error.ts'
import { virtualPath } from '../vfs/path.ts'
import type { VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { Language } from './language.ts'
import { entriesOf } from './patterns.ts'
import { isShowable, quoteWord } from './quoting.ts'
import { splitWords } from './words.ts'

/** Names of a folder that are looked at. */
const MOST = 10_000

/** Names that are shown at once: with more, what was there before is gone from the screen. */
const MOST_SHOWN = 100

/** A word that may stand there, and what follows it once it is the only one. */
interface Candidate {
  readonly text: string
  readonly end: '' | ' ' | '/'
}

/**
 * What readline wants: what may stand in place of the end of the line, and that end. Text, not bytes. Of a path only
 * the last name is replaced, written in the quotes that are open.
 */
export async function complete(
  line: string,
  language: Language,
  vfs: VirtualFileSystem,
  cwd: VirtualPath,
): Promise<[string[], string]> {
  const bytes = Buffer.from(line).toString('latin1')
  const { raw, before } = lastWord(bytes)
  const verb = language.find(before.split(/\s/)[0] ?? '')?.name
  if (before === '' || verb === 'help') return written(commandsLike(raw, language), raw, raw)
  const typed = unquoted(raw)
  const slash = typed.lastIndexOf('/') + 1
  const candidates = await namesLike(typed.slice(0, slash), typed.slice(slash), vfs, cwd, verb === 'cd')
  return written(candidates, raw, typed)
}

/** `candidates` as they are to be typed. All of them are whole words, or all of them last names. */
function written(candidates: readonly Candidate[], raw: string, typed: string): [string[], string] {
  const style = styleOf(raw)
  const slash = typed.lastIndexOf('/') + 1
  const start = typed.slice(slash)
  const ends = (candidate: Candidate): string =>
    style.open === '' || candidate.end !== ' ' ? '' : style.open
  const lastName = style.write(start)
  // What is typed may be quoted in some other way than ours: then the whole word is written anew.
  const inPlace = raw.endsWith(lastName) && candidates.every(({ text }) => isShowable(text))
  if (!inPlace) {
    const folder = typed.slice(0, slash)
    return few(
      candidates.map(({ text, end }) =>
        utf8(quoteWord(folder + text + (end === '/' ? end : '')) + (end === ' ' ? end : '')),
      ),
      utf8(raw),
    )
  }
  const words = candidates.map((one) =>
    utf8(style.write(one.text) + (one.end === '/' ? '/' : '') + ends(one) + (one.end === ' ' ? ' ' : '')),
  )
  const typedName = utf8(lastName)
  const common = commonStart(words)
  // Readline would cut a character in two.
  if (/[\ud800-\udbff]$/.test(common))
    return [[common.slice(0, -1)].filter((text) => text !== typedName), typedName]
  return few(words, typedName)
}

/** `words`, of too many the first; where they go on alike, that alone. */
function few(words: string[], typed: string): [string[], string] {
  if (words.length <= MOST_SHOWN) return [words, typed]
  const common = commonStart(words)
  if (common !== typed && common !== '') return [[common], typed]
  return [[...words.slice(0, MOST_SHOWN), `… ${words.length - MOST_SHOWN} more`], typed]
}

interface Style {
  /** The quote that is open at the end. */
  readonly open: '' | "'" | '"'
  write(name: string): string
}

function styleOf(raw: string): Style {
  const open = openQuote(raw)
  if (open === "'") return { open, write: (name) => name.replaceAll("'", "'\\''") }
  if (open === '"') return { open, write: (name) => name.replace(/["\\$`]/g, '\\$&') }
  return { open, write: (name) => name.replace(/[^A-Za-z0-9_./,:@%+=\x80-\xff-]/g, '\\$&') }
}

function commandsLike(typed: string, language: Language): readonly Candidate[] {
  return (
    language.commands
      .filter(({ hidden }) => hidden !== true)
      .flatMap(({ name, aliases = [] }) => [name, ...aliases])
      // A "?" is quicker typed, and stands for itself in quotes alone.
      .filter((name) => name.startsWith(typed) && /^\w/.test(name))
      .sort()
      .map((text) => ({ text, end: ' ' }))
  )
}

async function namesLike(
  folder: string,
  start: string,
  vfs: VirtualFileSystem,
  cwd: VirtualPath,
  foldersAlone: boolean,
): Promise<readonly Candidate[]> {
  const found: Candidate[] = []
  let seen = 0
  try {
    for await (const { name, stat } of entriesOf(vfs, virtualPath(folder === '' ? '.' : folder, cwd))) {
      if (++seen > MOST) break
      const isFolder = stat.kind === 'directory'
      if (!name.startsWith(start) || (start === '' && name.startsWith('.'))) continue
      if (foldersAlone && stat.kind === 'file') continue
      // A name that looks like an option is not taken for one behind a folder.
      const text = name.startsWith('-') && folder === '' ? `./${name}` : name
      found.push({ text, end: isFolder ? '/' : ' ' })
    }
  } catch (error) {
    if (!isOpError(error)) throw error
    return []
  }
  return found.sort((a, b) => (a.text < b.text ? -1 : 1))
}

/** The command of the line that is being typed: what is before it is done before. */
export function lastCommand(line: string): string {
  const { raw, before } = lastWord(line)
  return before === '' ? raw : `${before} ${raw}`
}

/** The last word as it was typed, with its quotes, '' after a blank; and what of its command is before it. */
function lastWord(line: string): { readonly raw: string; readonly before: string } {
  let command = 0
  let start = 0
  let quote = ''
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!
    if (character === '\\' && quote !== "'") at++
    else if (quote !== '') quote = character === quote ? '' : quote
    else if (character === "'" || character === '"') quote = character
    else if (character === ';' || character === '&') command = start = at + 1
    else if (character === ' ' || character === '\t') start = at + 1
  }
  return { raw: line.slice(start), before: line.slice(command, start).trim() }
}

function openQuote(raw: string): '' | "'" | '"' {
  let quote: '' | "'" | '"' = ''
  for (let at = 0; at < raw.length; at++) {
    const character = raw[at]!
    if (character === '\\' && quote !== "'") at++
    else if (quote !== '') quote = character === quote ? '' : quote
    else if (character === "'" || character === '"') quote = character
  }
  return quote
}

function unquoted(raw: string): string {
  for (const close of ['', "'", '"', '\\']) {
    try {
      return splitWords(close === '\\' ? raw.slice(0, -1) : raw + close)[0]?.text ?? ''
    } catch (error) {
      if (!isOpError(error)) throw error
    }
  }
  return raw
}

function commonStart(words: readonly string[]): string {
  let common = words[0] ?? ''
  for (const word of words) while (!word.startsWith(common)) common = common.slice(0, -1)
  return common
}

function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
