import { isPromise } from '../base/awaitable.ts'
import { systemClock } from '../base/clock.ts'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { diskCalls } from '../vfs/disk-calls.ts'
import { type LocalFileSystem, openLocal } from '../vfs/local.ts'
import { openPaces } from '../vfs/pace.ts'
import { pacedBy } from '../vfs/paced-file.ts'
import type { VirtualFileSystem } from '../vfs/vfs.ts'

/** ms of slow calls before the disk is asked off the loop: nobody else waits for it here, and threads cost more. */
const PATIENCE_MS = 250

/** This machine's disk below `folder` (a real path). */
export function openDisk(folder: string): LocalFileSystem {
  const paced = pacedBy(openPaces(systemClock, PATIENCE_MS))
  return openLocal(folder, Number.POSITIVE_INFINITY, paced, diskCalls().calls)
}

/** The same, whose errors call what lies in it as a person does: by `called` in front (a byte string that ends with "/", or is empty). */
export function openFolder(folder: string, called: string): VirtualFileSystem {
  const disk = openDisk(folder)
  const renamed = (error: unknown): unknown => {
    if (!isOpError(error) || error.path === undefined) return error
    const name = `${called}${error.path.slice(1)}`.replace(/(?<=.)\/$/, '') || '.'
    const message = error.message.replace(`"${shown(error.path)}"`, () => `"${shown(name)}"`)
    return new OpError(error.code, message, { path: error.path, cause: error })
  }
  const told =
    <Args extends unknown[], Result>(work: (...args: Args) => Result) =>
    (...args: Args): Result => {
      try {
        const made = work(...args)
        return isPromise(made)
          ? (made.catch((error: unknown) => Promise.reject(renamed(error))) as Result)
          : made
      } catch (error) {
        throw renamed(error)
      }
    }
  return {
    ...disk,
    open: told(disk.open),
    openDirectory: told(disk.openDirectory),
    stat: told(disk.stat),
    setstat: told(disk.setstat),
    mkdir: told(disk.mkdir),
    rename: told(disk.rename),
  }
}
