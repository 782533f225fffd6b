import type { Awaitable } from '../../src/base/awaitable.ts'
import { then } from '../../src/base/awaitable.ts'
import type { DirectoryHandle, FileHandle, VirtualFileSystem } from '../../src/vfs/vfs.ts'

/** When the next answer is given: at once, by a promise that is kept already, or in a later turn of the loop. */
export type When = 'now' | 'soon' | 'later'

/** A file system whose answers come as `when` says, and which keeps to what FileHandle promises about lent bytes. */
export function lateVfs(vfs: VirtualFileSystem, when: () => When): VirtualFileSystem {
  const late = <T>(work: () => Awaitable<T>): Awaitable<T> => {
    const moment = when()
    if (moment === 'now') return work()
    if (moment === 'soon') return Promise.resolve().then(work)
    return new Promise<void>((resolve) => setImmediate(resolve)).then(work)
  }
  const directory = (inner: DirectoryHandle): DirectoryHandle => ({
    read: (most) => late(() => inner.read(most)),
    close: () => late(() => inner.close()),
  })
  const file = (inner: FileHandle): FileHandle => ({
    quick: () => false,
    read: (into, offset) => late(() => inner.read(into, offset)),
    write: (data, offset) => {
      const copy = [Buffer.concat(data)]
      return late(() => inner.write(copy, offset))
    },
    truncate: (size) => late(() => inner.truncate(size)),
    stat: () => late(() => inner.stat()),
    setstat: (attrs) => late(() => inner.setstat(attrs)),
    sync: () => inner.sync(),
    close: () => late(() => inner.close()),
    abandon: () => inner.abandon(),
  })
  return {
    open: (path, flags, attrs) =>
      then(
        late(() => vfs.open(path, flags, attrs)),
        file,
      ),
    openDirectory: (path) =>
      then(
        late(() => vfs.openDirectory(path)),
        directory,
      ),
    stat: (path, options) => late(() => vfs.stat(path, options)),
    setstat: (path, attrs, options) => late(() => vfs.setstat(path, attrs, options)),
    mkdir: (path, mode) => late(() => vfs.mkdir(path, mode)),
    rmdir: (path) => late(() => vfs.rmdir(path)),
    unlink: (path) => late(() => vfs.unlink(path)),
    rename: (from, to, options) => late(() => vfs.rename(from, to, options)),
    link: (existing, path) => late(() => vfs.link(existing, path)),
    readlink: (path) => late(() => vfs.readlink(path)),
    symlink: (target, path) => late(() => vfs.symlink(target, path)),
    realpath: (path) => late(() => vfs.realpath(path)),
    space: (path) => late(() => vfs.space(path)),
    [Symbol.asyncDispose]: () => vfs[Symbol.asyncDispose](),
  }
}
