import { type Awaitable, isPromise, now, then } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { countBytes } from '../base/units.ts'
import { handleOver } from './handle-over.ts'
import { removedMeanwhile } from './inodes.ts'
import { copied } from './lent-data.ts'
import type { Shelved } from './shelved.ts'
import type { Staging } from './staging.ts'
import type { Unfinished } from './unfinished.ts'
import type { FileHandle, Stat, VirtualFileSystem, VirtualPath } from './vfs.ts'

export interface GoneOnParts {
  readonly shelved: Shelved
  readonly staging: Staging
  readonly unfinished: Unfinished
  readonly stat: (path: VirtualPath) => Stat | undefined
}

/**
 * What an upload left is gone on with, in this session, at the `size` that the client has proved: a part, a partial,
 * or a complete file, which is partial from its first byte until its CLOSE. EINVAL: nothing there has that size.
 */
export function goneOn(
  vfs: VirtualFileSystem,
  { shelved, staging, unfinished, stat }: GoneOnParts,
  path: VirtualPath,
  size: number,
): Awaitable<FileHandle> {
  if (staging.own(path) !== undefined)
    throw new OpError('EBUSY', `"${shown(path)}" is being written already`, { path })
  const part = shelved.part(now(vfs.realpath(path)))
  if (part?.size === size) return staging.resume(part)
  const found = stat(path)
  if (found === undefined && part === undefined)
    throw new OpError('EINVAL', `"${shown(path)}" is not there: put it from the start`, { path })
  const there = found?.kind === 'file' ? unfinished.marked(found) : undefined
  if (there?.size !== size) {
    const replacement = part === undefined ? '' : ` and ${part.size} of its interrupted replacement`
    throw new OpError(
      'EINVAL',
      `"${shown(path)}" has ${countBytes(there?.size ?? 0)} here${replacement}, not ${size}: go on from there, or replace it by put -f`,
      { path },
    )
  }
  return then(vfs.open(path, { read: true, write: true }), (file) => {
    const holds = file.holds?.(size)
    // As it is by now: a hole may have been cut off since it was opened.
    const begun = (): FileHandle => unfinished.begun(file, path, now(file.stat()))
    const taken = (): Awaitable<FileHandle> => {
      if (now(file.stat()).nlink === 0) throw stat(path) === undefined ? removedMeanwhile(path) : wentOn(path)
      if (holds?.() === false || unfinished.marked(now(file.stat())).size !== size) throw wentOn(path)
      return then(unfinished.takeOver(there, true), begun)
    }
    return onceWritten(file, taken, { close: there.partial === true })
  })
}

function wentOn(path: VirtualPath): OpError {
  return new OpError('ESTALE', `Another upload of "${shown(path)}" went on meanwhile: begin again`, { path })
}

/**
 * `file` until it is written, and then what `begin` makes of it: looking alone, and a proof that fails, change nothing
 * and end nobody. With `close` it begins at the latest at its CLOSE: what was left may be all.
 */
function onceWritten(
  file: FileHandle,
  begin: () => Awaitable<FileHandle>,
  { close = false } = {},
): FileHandle {
  let current = file
  let beginning: Promise<FileHandle> | undefined
  /** Why it could not begin: its CLOSE says so, too. */
  let refused: unknown
  const begun = (): Awaitable<FileHandle> => {
    if (current !== file) return current
    if (beginning !== undefined) return beginning
    if (refused !== undefined) throw refused
    let made: Awaitable<FileHandle>
    try {
      made = begin()
    } catch (error) {
      refused = error
      throw error
    }
    if (!isPromise(made)) {
      current = made
      return made
    }
    beginning = made.then((begun) => {
      current = begun
      return begun
    })
    return beginning
  }
  return handleOver(() => current, {
    write(data, offset) {
      const to = begun()
      if (!isPromise(to)) return to.write(data, offset)
      const copies = copied(data)
      return to.then((begun) => begun.write(copies, offset))
    },
    truncate: (size) => then(begun(), (begun) => begun.truncate(size)),
    close() {
      const isAsItWas = current === file && beginning === undefined && refused === undefined
      return isAsItWas && !close ? file.close() : closed(begun, file)
    },
  })
}

async function closed(begun: () => Awaitable<FileHandle>, file: FileHandle): Promise<void> {
  let all: FileHandle
  try {
    all = await begun()
  } catch (error) {
    await file.abandon()
    throw error
  }
  await all.close()
}
