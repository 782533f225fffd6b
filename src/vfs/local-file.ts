import fs from 'node:fs'
import { promisify } from 'node:util'
import { type Awaitable, isPromise } from '../base/awaitable.ts'
import { failure, fileError } from './errno.ts'
import { replacedMeanwhile } from './inodes.ts'
import { statOf } from './local-stat.ts'
import type { FileHandle, LentDescriptor, NewAttrs, Stat, VirtualPath } from './vfs.ts'

const fsync = promisify(fs.fsync)

/** An open file of the disk. */
export interface LocalFile extends FileHandle {
  descriptor(): LentDescriptor | undefined
  read(into: readonly Uint8Array[], offset: number): number
  write(data: readonly Uint8Array[], offset: number): void
  truncate(size: number): void
  stat(): Stat
  setstat(attrs: NewAttrs): void
  /** Work off the loop: what it began with stays open until it is done. EBADF. */
  later<T>(work: (descriptor: number) => Promise<T>): Promise<T>
}

/** Takes the descriptor over. `append`: every write goes to the end, whatever its offset (POSIX O_APPEND). */
export function openedFile(descriptor: number, path: VirtualPath, append: boolean, found?: Stat): LocalFile {
  let open: number | undefined = descriptor
  /** Work off the loop that is under way. */
  let users = 0
  let lastGone: (() => void) | undefined
  /** What tells those to whom the descriptor is lent. */
  let closing: AbortController | undefined

  function withFile<T>(work: (descriptor: number) => T): T {
    if (open === undefined) throw failure('EBADF', path)
    try {
      return work(open)
    } catch (error) {
      throw fileError(error, path)
    }
  }

  async function later<T>(work: (descriptor: number) => Promise<T>): Promise<T> {
    if (open === undefined) throw failure('EBADF', path)
    users += 1
    try {
      return await work(open)
    } catch (error) {
      throw fileError(error, path)
    } finally {
      gone()
    }
  }

  function gone(): void {
    users -= 1
    if (users === 0) lastGone?.()
  }

  function lend(): LentDescriptor | undefined {
    if (open === undefined) return undefined
    users += 1
    closing ??= new AbortController()
    let lent = true
    return {
      number: open,
      closing: closing.signal,
      [Symbol.dispose]() {
        if (lent) gone()
        lent = false
      },
    }
  }

  /** The number may be another file's at once: nobody who works with it may be left. */
  const close = (): Awaitable<void> => {
    if (open === undefined) return
    const last = open
    open = undefined
    if (users === 0) return fs.closeSync(last)
    closing?.abort(replacedMeanwhile(path))
    const { promise, resolve } = Promise.withResolvers<void>()
    lastGone = resolve
    return promise.then(() => fs.closeSync(last))
  }

  /** The descriptor is gone, whatever close(2) says; `failed` hears what that is. */
  const closeOr = (failed: (error: unknown) => void): Awaitable<void> => {
    try {
      const done = close()
      return isPromise(done) ? done.catch(failed) : done
    } catch (error) {
      failed(error)
    }
  }

  return {
    descriptor: lend,
    found,
    quick: () => true,
    appends: append,
    read: (into, offset) => withFile((fd) => fs.readvSync(fd, into, offset)),
    write: (data, offset) => withFile((fd) => writeAll(fd, data, append ? fs.fstatSync(fd).size : offset)),
    truncate: (size) => withFile((fd) => fs.ftruncateSync(fd, size)),
    stat: () => withFile((fd) => statOf(fs.fstatSync(fd))),
    setstat: (attrs) => withFile((fd) => setAttrs(fd, attrs)),
    later,
    sync: () => later((fd) => fsync(fd)),
    close: () =>
      closeOr((error) => {
        throw fileError(error, path)
      }),
    // Nobody takes it for whole: what the disk has not kept of it is no news.
    abandon: () => closeOr(() => {}),
  }
}

/** The kernel may take less than all (a full disk, a signal): the rest is written after it, until it says why not. */
function writeAll(fd: number, data: readonly Uint8Array[], offset: number): void {
  let rest = data
  let at = offset
  for (;;) {
    let wrote = fs.writevSync(fd, rest, at)
    at += wrote
    while (rest.length > 0 && wrote >= rest[0]!.length) {
      wrote -= rest[0]!.length
      rest = rest.slice(1)
    }
    if (rest.length === 0) return
    if (wrote > 0) rest = [rest[0]!.subarray(wrote), ...rest.slice(1)]
  }
}

function setAttrs(fd: number, attrs: NewAttrs): void {
  if (attrs.size !== undefined) fs.ftruncateSync(fd, attrs.size)
  if (attrs.mode !== undefined) fs.fchmodSync(fd, attrs.mode & 0o7777)
  if (attrs.uid !== undefined || attrs.gid !== undefined) fs.fchownSync(fd, attrs.uid ?? -1, attrs.gid ?? -1)
  if (attrs.atime === undefined && attrs.mtime === undefined) return
  const now = fs.fstatSync(fd)
  fs.futimesSync(fd, attrs.atime ?? now.atime, attrs.mtime ?? now.mtime)
}
