import { closeSync, constants, lstatSync, openSync, readlinkSync } from 'node:fs'
import { errnoOf, failure, fileError } from './errno.ts'
import { namesOf, ROOT } from './path.ts'
import { checkName, holdsReserved } from './reserved.ts'
import type { VirtualPath } from './vfs.ts'

/** Of open(2): not to be read, only to be told of or gone on from. Node does not name it. */
export const O_PATH = 0o10000000
/** Opens a folder as a place to go on from: not to be read, and no link. */
export const ENTER = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** As Linux (MAXSYMLINKS). */
const MOST_LINKS = 40
/**
 * Names that one walk goes through, those of links included: what a path of 4,096 bytes can hold. Each costs some 5 µs
 * on the loop, and 40 links of 'd/../d/../…' are 60,000.
 */
const MOST_NAMES = 2048

declare const brand: unique symbol
/** A name in an open folder of the home, as a path of the real disk. Good while the walk that made it lasts. */
export type RealPath = (string | Buffer) & { readonly [brand]: 'real' }

/** Where a walk ended. */
export interface Place {
  /** `/proc/PID/fd/N/name`: acts on the name in exactly the folder that was walked to, whatever was renamed since. */
  readonly real: RealPath
  /** Descriptor of that folder; closed when the walk ends. */
  readonly folder: number
  /** The virtual path with every link resolved that was followed. */
  readonly path: VirtualPath
  /** Whether the last name is none: the root, or a link that ends in '..'. It is a folder for sure. */
  readonly isFolder: boolean
}

/** The only maker of real paths: what a path names is looked for inside the home alone. */
export interface Jail extends Disposable {
  /**
   * Walks to the folder that holds the last name of `path`, and calls `use` there. A link at the end is followed
   * if `follow`, to where it leads even if nothing is there (a file may be made there). ENOENT, ENOTDIR, ELOOP, EACCES.
   * Where a folder on the way is not there, `missing` says what comes of it, if it is given: it is told how many names
   * of `path` come behind the one that led there.
   */
  walk<T>(path: VirtualPath, follow: boolean, use: (place: Place) => T, missing?: (behind: number) => T): T
  /**
   * For a call that itself stays below a folder and follows no link (DiskCalls): the open home, and the path from there.
   * Undefined for a path that no such call is to see: the root, and what has a name of the server's own. ECANCELED.
   */
  below<T>(path: VirtualPath, use: (home: number, path: string) => T): T | undefined
}

/**
 * Opens the folder `home` (a real path) as a jail.
 *
 * Names are never joined and compared: each folder on the way is opened by name in the one before, without
 * following links (O_PATH, O_NOFOLLOW), and links are read and resolved here. So a folder that is swapped for a
 * link while we walk cannot lead outside, nor can '..', of which only those of links are left at this point:
 * they go back the way we came, and stop at the root.
 */
export function openJail(home: string): Jail {
  /** Not kept once it is closed: the number may be another folder's then. */
  let root: number | undefined = openSync(home, ENTER)

  function walk<T>(
    path: VirtualPath,
    follow: boolean,
    use: (place: Place) => T,
    missing?: (behind: number) => T,
  ): T {
    if (root === undefined) throw failure('ECANCELED', path)
    const todo = namesOf(path).toReversed()
    const folders: number[] = [root]
    const names: string[] = []
    let links = 0
    let walked = 0
    /** Names of the path itself that are still to be walked; those of links lie on top of them. */
    let behind = todo.length

    const back = (): void => {
      if (folders.length === 1) return
      closeSync(folders.pop()!)
      names.pop()
    }
    const goto = (target: string): void => {
      if (++links > MOST_LINKS) throw failure('ELOOP', path)
      if (target.startsWith('/')) while (folders.length > 1) back()
      // Read from its end: what is done next lies last.
      for (const name of target.split('/').reverse()) if (name !== '' && name !== '.') todo.push(name)
    }

    try {
      while (todo.length > 0) {
        const name = todo.pop()!
        behind = Math.min(behind, todo.length)
        if (++walked > MOST_NAMES) throw failure('ELOOP', path)
        if (name === '..') {
          back()
          continue
        }
        checkName(name)
        const folder = folders.at(-1)!
        const real = realPath(folder, name)
        if (todo.length === 0) {
          const target = follow ? linkAt(real) : undefined
          if (target === undefined) return use({ real, folder, path: joined(names, name), isFolder: false })
          goto(target)
          continue
        }
        try {
          folders.push(openSync(real, ENTER))
          names.push(name)
        } catch (error) {
          const code = errnoOf(error)
          if (code === 'ENOENT' && missing !== undefined) return missing(behind)
          const target = code === 'ENOTDIR' || code === 'ELOOP' ? linkAt(real) : undefined
          if (target === undefined) throw error
          goto(target)
        }
      }
      const folder = folders.at(-1)!
      return use({ real: realPath(folder, '.'), folder, path: joined(names), isFolder: true })
    } catch (error) {
      throw fileError(error, path)
    } finally {
      while (folders.length > 1) closeSync(folders.pop()!)
    }
  }

  return {
    walk,
    below(path, use) {
      if (root === undefined) throw failure('ECANCELED', path)
      return path === ROOT || holdsReserved(path) ? undefined : use(root, path.slice(1))
    },
    [Symbol.dispose]() {
      if (root === undefined) return
      const closing = root
      root = undefined
      closeSync(closing)
    },
  }
}

/** What /proc/self leads to: one link less to follow for each name. */
const DESCRIPTORS = `/proc/${readlinkSync('/proc/self')}/fd`

/** A name in a folder that is open. Node takes a string as UTF-8, and goes its shortest way with it: right while it is ASCII. */
export function realPath(folder: number, name: string): RealPath {
  const path = `${DESCRIPTORS}/${folder}/${name}`
  return (BEYOND_ASCII.test(name) ? Buffer.from(path, 'latin1') : path) as RealPath
}

const BEYOND_ASCII = /[\x80-\xff]/

/** What the link says, as a byte string; undefined when there is no link. */
function linkAt(real: RealPath): string | undefined {
  // Most names are no links: an error for each of them would cost ten times the call.
  if (lstatSync(real, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined
  try {
    return readlinkSync(real, 'latin1')
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'EINVAL' || code === 'ENOENT') return undefined
    throw error
  }
}

function joined(names: readonly string[], name?: string): VirtualPath {
  return `/${(name === undefined ? names : [...names, name]).join('/')}` as VirtualPath
}
