import { isOpError } from '../base/error.ts'
import type { Entry, Stat, VirtualPath } from '../vfs/vfs.ts'
import { FileType } from '../wire/constants.ts'
import type { Name } from '../wire/replies.ts'

type Kind = Stat['kind']

/** Requests that only what is of their kind answers. */
export interface KindParts {
  /** Opens and closes it as a folder. */
  readonly visit: (path: VirtualPath) => Promise<unknown>
  readonly readlink: (path: VirtualPath) => Promise<unknown>
}

/** First letters of longnames, as `ls -l` writes them. */
const LETTERS: Readonly<Record<string, Kind>> = { '-': 'file', d: 'directory', l: 'symlink' }

/**
 * Servers may leave out permissions (draft-02 §5), some send them without the type of the file, and then nothing says
 * what it is. It is what it answers to: a link that is not followed, a folder, else a file.
 */
export function kindsOf({ visit, readlink }: KindParts) {
  async function does(ask: (path: VirtualPath) => Promise<unknown>, path: VirtualPath): Promise<boolean> {
    try {
      await ask(path)
      return true
    } catch (error) {
      if (!isOpError(error) || error.code === 'ECONNRESET' || error.code === 'EPROTO') throw error
      return false
    }
  }

  async function withKind(path: VirtualPath, stat: Stat, follow: boolean): Promise<Stat> {
    if (isTold(stat)) return stat
    if (!follow && (await does(readlink, path))) return { ...stat, kind: 'symlink' }
    return { ...stat, kind: (await does(visit, path)) ? 'directory' : 'file' }
  }

  return {
    withKind,
    /** The same of a name that a folder lists, whose longname often says it. */
    async entry({ name, longname }: Name, stat: Stat, path: VirtualPath): Promise<Entry> {
      const kind = isTold(stat) ? stat.kind : LETTERS[longname.slice(0, 1)]
      return { name, stat: kind === undefined ? await withKind(path, stat, false) : { ...stat, kind } }
    },
  }
}

function isTold({ mode }: Stat): boolean {
  return (mode & FileType.mask) !== 0
}
