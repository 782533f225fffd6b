import { setImmediate as turn } from 'node:timers/promises'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { virtualPath } from '../vfs/path.ts'
import type { DirectoryHandle, Entry, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import { charactersOf } from './quoting.ts'
import type { Word } from './words.ts'

/** Names that the patterns of one command may grow into. */
const MOST_MATCHES = 100_000

/** Whether the word has a `*` or `?` or `[` that was not quoted. */
export function isPattern({ text, quoted }: Word): boolean {
  return [...text].some((character, at) => '*?['.includes(character) && !quoted.has(at))
}

export interface Surroundings {
  readonly vfs: VirtualFileSystem
  readonly cwd: VirtualPath
  readonly signal?: AbortSignal
}

/**
 * Names that fit, sorted, as they were typed up to there; the pattern itself when none does (as a shell leaves it).
 * `before`: how many the patterns before it have found.
 */
export async function expand(
  word: Word,
  { vfs, cwd, signal }: Surroundings,
  before = 0,
): Promise<readonly string[]> {
  let found: readonly string[] = ['']
  for (const [index, part] of partsOf(word).entries()) {
    const longer: string[] = []
    for (const path of found) {
      if (signal?.aborted) throw new OpError('ECANCELED', 'Cancelled')
      const folder = index === 0 ? '' : `${path}/`
      if (!isPattern(part)) longer.push(folder + part.text)
      else
        for (const name of await fitting(part, vfs, virtualPath(folder || '.', cwd)))
          longer.push(folder + name)
      if (before + longer.length > MOST_MATCHES) {
        const others = before > 0 ? ' and the patterns before it' : ''
        throw new OpError('EINVAL', `More than ${MOST_MATCHES} names fit "${shown(word.text)}"${others}`)
      }
    }
    found = longer
  }
  // What a folder listed is there; what was only put behind it may not be.
  const listed = isPattern(partsOf(word).at(-1)!)
  const there: string[] = listed ? [...found] : []
  if (!listed) for (const path of found) if (await isThere(vfs, virtualPath(path, cwd))) there.push(path)
  return there.length === 0 ? [word.text] : there.sort()
}

/** A pattern of one name (POSIX 2.13): `*`, `?`, `[a-z]`, `[!x]`; a leading dot is matched by a dot alone. In time of name times pattern. */
export function nameMatcher(word: Word): (name: string) => boolean {
  const pieces = piecesOf(word)
  const dotted = word.text.startsWith('.')
  return (name) => (dotted || !name.startsWith('.')) && fits(charactersOf(name), pieces)
}

/** The entries of a folder, as they are asked for. */
export async function* entriesOf(vfs: VirtualFileSystem, path: VirtualPath): AsyncGenerator<Entry> {
  const folder: DirectoryHandle = await vfs.openDirectory(path)
  try {
    for (;;) {
      const entries = await folder.read(512)
      if (entries.length === 0) return
      yield* entries
      // A folder of many names does not keep the others waiting.
      await turn()
    }
  } finally {
    await folder.close()
  }
}

async function fitting(part: Word, vfs: VirtualFileSystem, folder: VirtualPath): Promise<readonly string[]> {
  const fit = nameMatcher(part)
  const names: string[] = []
  try {
    for await (const { name } of entriesOf(vfs, folder)) {
      if (fit(name)) names.push(name)
      if (names.length > MOST_MATCHES) break
    }
  } catch (error) {
    if (!isOpError(error, 'ENOENT') && !isOpError(error, 'ENOTDIR') && !isOpError(error, 'EACCES'))
      throw error
  }
  return names
}

async function isThere(vfs: VirtualFileSystem, path: VirtualPath): Promise<boolean> {
  try {
    await vfs.stat(path, { follow: false })
    return true
  } catch (error) {
    if (isOpError(error)) return false
    throw error
  }
}

/** The word between its slashes. */
function partsOf({ text, quoted }: Word): readonly Word[] {
  let start = 0
  return text.split('/').map((part) => {
    const from = start
    start += part.length + 1
    return { text: part, quoted: new Set([...quoted].map((at) => at - from)) }
  })
}

type Piece = '*' | ((character: string) => boolean)

function piecesOf({ text, quoted }: Word): readonly Piece[] {
  const pieces: Piece[] = []
  const characters = charactersOf(text)
  const isSpecial = starts(characters).map((at) => !quoted.has(at))
  const lastClose = characters.lastIndexOf(']')
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!
    if (!isSpecial[at]) pieces.push((one) => one === character)
    else if (character === '*') pieces.at(-1) !== '*' && pieces.push('*')
    else if (character === '?') pieces.push(() => true)
    else if (character === '[') {
      const from = at + (characters[at + 1] === '!' ? 3 : 2)
      // Not looked for behind each of thousands.
      const close = from > lastClose ? -1 : characters.indexOf(']', from)
      if (close < 0) pieces.push((one) => one === '[')
      else {
        pieces.push(oneOf(characters.slice(at + 1, close)))
        at = close
      }
    } else pieces.push((one) => one === character)
  }
  return pieces
}

/** Where each character begins, in bytes. */
function starts(characters: readonly string[]): readonly number[] {
  let next = 0
  return characters.map((character) => {
    const at = next
    next += character.length
    return at
  })
}

function oneOf(body: readonly string[]): (character: string) => boolean {
  const not = body[0] === '!'
  const list = not ? body.slice(1) : body
  const ranges: (readonly [string, string])[] = []
  for (let at = 0; at < list.length; at++) {
    if (list[at + 1] === '-' && at + 2 < list.length) {
      ranges.push([list[at]!, list[at + 2]!])
      at += 2
    } else ranges.push([list[at]!, list[at]!])
  }
  // UTF-8 sorts as its characters do.
  return (one) => ranges.some(([from, to]) => one >= from && one <= to) !== not
}

/** Goes back to the last star only: what an earlier one took need not change. */
function fits(name: readonly string[], pieces: readonly Piece[]): boolean {
  let at = 0
  let piece = 0
  let star = -1
  let starAt = 0
  while (at < name.length) {
    const now = pieces[piece]
    if (now === '*') {
      star = piece++
      starAt = at
    } else if (now?.(name[at]!)) {
      at += 1
      piece += 1
    } else if (star >= 0) {
      piece = star + 1
      at = ++starAt
    } else return false
  }
  while (pieces[piece] === '*') piece += 1
  return piece === pieces.length
}
