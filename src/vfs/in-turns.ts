import { setImmediate as turn } from 'node:timers/promises'
import type { Awaitable } from '../base/awaitable.ts'
import type { VirtualFileSystem, VirtualPath } from './vfs.ts'

/** How long a session goes on before the others have their turn, in ms. */
const MOST_MS = 2

/**
 * A tree that lets the others go first, time and again, whatever is done with it: what answers at once never lets the
 * loop go, and a command that goes through a tree asks thousands of such things one behind the other. For sessions that
 * no order of requests keeps from it. `elapsed`: ms since some moment.
 */
export function inTurns(vfs: VirtualFileSystem, elapsed: () => number): VirtualFileSystem {
  let since = Number.NEGATIVE_INFINITY

  function next<T>(act: () => Awaitable<T>): Awaitable<T> {
    return elapsed() - since < MOST_MS ? act() : othersFirst(act)
  }
  async function othersFirst<T>(act: () => Awaitable<T>): Promise<T> {
    await turn()
    since = elapsed()
    return act()
  }

  return {
    open: (path, flags, attrs) => next(() => vfs.open(path, flags, attrs)),
    openDirectory: (path) => next(() => vfs.openDirectory(path)),
    stat: (path, options) => next(() => vfs.stat(path, options)),
    setstat: (path, attrs, options) => next(() => vfs.setstat(path, attrs, options)),
    mkdir: (path, mode) => next(() => vfs.mkdir(path, mode)),
    rmdir: (path) => next(() => vfs.rmdir(path)),
    unlink: (path) => next(() => vfs.unlink(path)),
    rename: (from, to, options) => next(() => vfs.rename(from, to, options)),
    link: (existing, path) => next(() => vfs.link(existing, path)),
    readlink: (path) => next(() => vfs.readlink(path)),
    symlink: (target, path) => next(() => vfs.symlink(target, path)),
    realpath: (path) => next(() => vfs.realpath(path)),
    space: (path) => next(() => vfs.space(path)),
    ...(vfs.restore && { restore: async (path: VirtualPath) => next(() => vfs.restore!(path)) }),
    ...(vfs.resume && {
      resume: (path: VirtualPath, size: number) => next(() => vfs.resume!(path, size)),
    }),
    ...(vfs.mayPut && { mayPut: (path: VirtualPath) => next(() => vfs.mayPut!(path)) }),
    ...(vfs.shelved && { shelved: () => vfs.shelved!() }),
    [Symbol.asyncDispose]: () => vfs[Symbol.asyncDispose](),
  }
}
