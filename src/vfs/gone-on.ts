import { type Awaitable, now, then } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { handleOver } from './handle-over.ts'
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
  const there = found?.kind === 'file' ? unfinished.marked(found) : undefined
  if (there?.size !== size) {
    const replacement = part === undefined ? '' : ` and ${part.size} of its interrupted replacement`
    throw new OpError(
      'EINVAL',
      `"${shown(path)}" has ${there?.size ?? 0} bytes here${replacement}, not ${size}: go on from there, or replace it by put -f`,
      { path },
    )
  }
  const opened = (): Awaitable<FileHandle> => vfs.open(path, { read: true, write: true })
  const begun = (file: FileHandle): FileHandle => unfinished.begun(file, path)
  if (there.partial) return then(unfinished.takeOver(there, true), () => then(opened(), begun))
  return then(opened(), (file) => onceWritten(file, () => begun(file)))
}

/** `file` until it is written, and then what `begin` makes of it: looking alone changes nothing. */
function onceWritten(file: FileHandle, begin: () => FileHandle): FileHandle {
  let current = file
  const begun = (): FileHandle => {
    if (current === file) current = begin()
    return current
  }
  return handleOver(() => current, {
    write: (data, offset) => begun().write(data, offset),
    truncate: (size) => begun().truncate(size),
  })
}
