import fs from 'node:fs'
import type { DiskCalls } from './disk-calls.ts'
import { failure, fileError } from './errno.ts'
import { type Place, realPath } from './jail.ts'
import { keepReserve, LOOK } from './local-open.ts'
import { statOf } from './local-stat.ts'
import { isReserved } from './reserved.ts'
import type { DirectoryHandle, Entry, VirtualPath } from './vfs.ts'

const { constants } = fs
/** Names that Node asks the kernel for at a time. */
const AT_ONCE = 512

/** The folder that was walked to, to be listed; `path` is for errors. Descriptors from `mostDescriptor` on are not for it (EMFILE). ENOTDIR, EACCES. */
export function openFolder(
  { real }: Place,
  path: VirtualPath,
  mostDescriptor: number,
  calls: DiskCalls | undefined,
): DirectoryHandle {
  const access = calls === undefined ? LOOK : constants.O_RDONLY | constants.O_NOFOLLOW
  const folder = fs.openSync(real, access | constants.O_DIRECTORY)
  let list: Lister
  try {
    keepReserve(folder, mostDescriptor)
    // Whoever may not go into it is told so here, even where no name is in it.
    list = calls?.look(folder, '.') ? atOnce(folder, calls) : byName(folder)
  } catch (error) {
    fs.closeSync(folder)
    throw error
  }
  let open = true
  return {
    read(most) {
      if (!open) throw failure('EBADF', path)
      try {
        return list.read(most)
      } catch (error) {
        throw fileError(error, path)
      }
    },
    close() {
      if (!open) return
      open = false
      list[Symbol.dispose]()
      fs.closeSync(folder)
    },
  }
}

type Lister = Pick<DirectoryHandle, 'read'> & Disposable

/** Names and what bears them by one call. */
function atOnce(folder: number, calls: DiskCalls): Lister {
  let waiting: readonly Entry[] = []
  return {
    read(most) {
      let entries = waiting
      // Only names of the server's own may have come.
      while (entries.length === 0) {
        const next = calls.list(folder, most)
        if (next.length === 0) return []
        entries = next.filter(({ name }) => !isReserved(name))
      }
      waiting = entries.slice(most)
      return waiting.length === 0 ? entries : entries.slice(0, most)
    },
    [Symbol.dispose]() {
      waiting = []
    },
  }
}

/** Name by name, as Node can. */
function byName(folder: number): Lister {
  const names = fs.opendirSync(`/proc/self/fd/${folder}/.`, {
    encoding: 'latin1' as BufferEncoding,
    bufferSize: AT_ONCE,
  })
  return {
    read(most) {
      const entries: Entry[] = []
      while (entries.length < most) {
        const next = names.readSync()
        if (next === null) break
        if (isReserved(next.name)) continue
        const found = fs.lstatSync(realPath(folder, next.name), { throwIfNoEntry: false })
        if (found !== undefined) entries.push({ name: next.name, stat: statOf(found) })
      }
      return entries
    },
    [Symbol.dispose]: () => names.closeSync(),
  }
}
