import { glob } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { OpError } from '../base/error.ts'
import { errnoOf } from '../vfs/errno.ts'
import { ownFile } from './own-file.ts'
import { type ConfigLine, parseConfig } from './ssh-config.ts'

/** Files that include files (OpenSSH's own number). */
const MOST_DEPTH = 16

/**
 * The config in `file`, and in the files that it includes: patterns, `~`, and what is not absolute lies in ~/.ssh. A file that is
 * not there is empty, unless it is `wanted`, and so is a folder, which a pattern may find. EACCES.
 */
export async function readConfig(
  file: string,
  home: string,
  wanted: boolean,
  depth = 0,
): Promise<readonly ConfigLine[]> {
  const lines = parseConfig(await textOf(file, wanted))
  if (depth === MOST_DEPTH && lines.some(({ keyword }) => keyword === 'include'))
    throw new OpError('EINVAL', `Too many files include each other: look for a ring in "${file}"`)
  // One after the other: files that include each other in a ring end at the depth, not in all ways through it.
  const read: ConfigLine[] = []
  for (const line of lines) {
    const included: (readonly ConfigLine[])[] = []
    if (line.keyword === 'include')
      for (const word of line.words)
        for (const one of await named(word, home))
          included.push(await readConfig(one, home, false, depth + 1))
    read.push(line.keyword === 'include' ? { ...line, included } : line)
  }
  return read
}

async function named(pattern: string, home: string): Promise<readonly string[]> {
  const path = pattern.replace(/^~(?=\/|$)/, () => home)
  const found = await Array.fromAsync(glob(isAbsolute(path) ? path : join(home, '.ssh', path)))
  return found.sort()
}

async function textOf(file: string, wanted: boolean): Promise<string> {
  try {
    return (await ownFile(file)).toString()
  } catch (error) {
    const errno = errnoOf(error)
    if (!wanted && (errno === 'ENOENT' || errno === 'EISDIR')) return ''
    throw new OpError('EACCES', `The settings in "${file}" cannot be read (${errno ?? 'unknown'})`, {
      cause: error,
    })
  }
}
