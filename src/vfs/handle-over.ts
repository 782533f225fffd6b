import { isPromise, then } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { FileHandle } from './vfs.ts'

/** A handle that does what the file of the moment does, but for `changes`. */
export function handleOver(file: () => FileHandle, changes: Partial<FileHandle>): FileHandle {
  // One shape for all of them: what is defined property by property is slow to make, and to use.
  return {
    descriptor: () => file().descriptor?.(),
    quick: () => file().quick?.() === true,
    appends: file().appends,
    read: (into, offset) => file().read(into, offset),
    write: (data, offset) => file().write(data, offset),
    truncate: (size) => file().truncate(size),
    stat: () => file().stat(),
    setstat: (attrs) => file().setstat(attrs),
    sync: () => file().sync(),
    close: () => file().close(),
    abandon: () => file().abandon(),
    ...changes,
  }
}

/** A file written in place: when a write of it failed, its CLOSE says so. `durable`: fsync before CLOSE is answered. */
export function honest(file: FileHandle, path: string, durable: boolean): FileHandle {
  let failed: unknown
  const note = (error: unknown): never => {
    failed ??= error
    throw error
  }
  return handleOver(() => file, {
    write(data, offset) {
      try {
        const done = file.write(data, offset)
        return isPromise(done) ? done.catch(note) : done
      } catch (error) {
        return note(error)
      }
    },
    close: () =>
      then(durable ? closedDurably(file) : file.close(), () => {
        if (failed === undefined) return
        throw notWhole(path, failed)
      }),
  })
}

/** What CLOSE says of a file of which a write failed, and why: some clients, as AsyncSSH, tell of CLOSE alone. */
export function notWhole(path: string, failed: unknown, left = ''): OpError {
  const why = isOpError(failed) ? `: ${failed.message}` : ''
  return new OpError('EIO', `Not all of "${shown(path)}" could be written${left}${why}`, {
    path,
    cause: failed,
  })
}

async function closedDurably(file: FileHandle): Promise<void> {
  try {
    await file.sync()
  } catch (error) {
    await file.abandon()
    throw error
  }
  await file.close()
}
