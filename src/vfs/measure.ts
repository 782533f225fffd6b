import fs from 'node:fs'
import { lstat, opendir, unlink } from 'node:fs/promises'
import { errnoOf, failure, fileError } from './errno.ts'
import { ENTER, realPath } from './jail.ts'
import { idOfReserved, isReserved } from './reserved.ts'

/** To list a folder and to look at what is in it. */
const MAY_LOOK = 0o500

export interface Measure {
  /** Apparent sizes of files, an inode counted once. */
  readonly bytes: number
  /** Every entry below: files, folders and links. */
  readonly files: number
}

/** A folder on the way down to the one that is open. */
interface Level {
  readonly dev: number
  readonly ino: number
  /** Folders in it that are still to be counted; byte strings. */
  readonly left: string[]
}

/**
 * Bytes and entries below `folder` (a real path); nothing when it is not there. Off the loop. What goes away
 * meanwhile is passed over; EBUSY when a folder is moved while it is counted, and what the disk says. A folder whose mode
 * keeps us out is opened while we look into it: what cannot be counted would be free of charge.
 *
 * Like the jail it goes from folder to open folder, following no link. One is open at a time and '..' is the way
 * back, for a tree can be deeper than a path is long and than descriptors reach (renames make such).
 *
 * A file beside its target that nothing is written down about (`isKnown` is asked by its id) is removed on the way:
 * the database is older than it is.
 */
export async function measure(
  folder: string,
  isKnown: (id: string) => boolean = () => true,
): Promise<Measure> {
  const seen = new Set<string>()
  const levels: Level[] = []
  let bytes = 0
  let files = 0
  let at = enter(folder)
  if (at === undefined) return { bytes, files }

  const goto = (next: number): void => {
    const left = at
    at = next
    if (left !== undefined) fs.closeSync(left)
  }
  const count = async (): Promise<void> => {
    const { dev, ino } = fs.fstatSync(at!)
    using _ = openUp(at!)
    const left: string[] = []
    for await (const { name } of await opendir(`/proc/self/fd/${at}/.`, {
      bufferSize: 256,
      encoding: 'latin1' as BufferEncoding,
    })) {
      const found = await lstat(realPath(at!, name)).catch(passOverGone)
      if (found === undefined) continue
      if (isReserved(name)) {
        // Reserved, not used: parts and kept files beside their targets.
        if (found.isFile() && !isKnown(idOfReserved(name)))
          await unlink(realPath(at!, name)).catch(passOverGone)
        continue
      }
      files += 1
      if (found.isDirectory()) left.push(name)
      else if (found.isFile()) {
        const inode = `${found.dev}:${found.ino}`
        if (found.nlink > 1 && seen.has(inode)) continue
        if (found.nlink > 1) seen.add(inode)
        bytes += found.size
      }
    }
    levels.push({ dev, ino, left })
  }
  const back = (): void => {
    levels.pop()
    const level = levels.at(-1)
    if (level === undefined) return
    const parent = enterIn(at!, '..')
    if (parent === undefined) throw failure('EBUSY', '/')
    goto(parent)
    const found = fs.fstatSync(parent)
    if (found.dev !== level.dev || found.ino !== level.ino) throw failure('EBUSY', '/')
  }

  try {
    await count()
    while (levels.length > 0) {
      const name = levels.at(-1)!.left.pop()
      if (name === undefined) {
        back()
        continue
      }
      const next = enterIn(at, name)
      if (next === undefined) continue
      goto(next)
      await count()
    }
  } catch (error) {
    throw fileError(error, '/')
  } finally {
    fs.closeSync(at)
  }
  return { bytes, files }
}

/** Which file or folder is at a real path, by what stays when the machine starts anew; '' where there is none. */
export function placeOf(real: string): string {
  const found = fs.statSync(real, { throwIfNoEntry: false })
  return found === undefined ? '' : `${found.ino}:${found.birthtimeMs}`
}

/** A folder that is open becomes one that its owner may list and enter, until this is disposed of. */
function openUp(folder: number): Disposable {
  const real = `/proc/self/fd/${folder}`
  const mode = fs.fstatSync(folder).mode & 0o7777
  const mayLook = mode | MAY_LOOK
  if (mode !== mayLook) fs.chmodSync(real, mayLook)
  return {
    [Symbol.dispose]() {
      if (mode !== mayLook) fs.chmodSync(real, mode)
    },
  }
}

/** As `enter`, by a name in an open folder. */
function enterIn(folder: number, name: string): number | undefined {
  using _ = openUp(folder)
  return enter(realPath(folder, name))
}

/** undefined when it is no folder (any more). */
function enter(real: string | Buffer): number | undefined {
  try {
    return fs.openSync(real, ENTER)
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined
    throw error
  }
}

function passOverGone(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}
