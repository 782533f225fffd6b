import { type Awaitable, now, then } from '../base/awaitable.ts'
import type { Inode } from './uploads.ts'
import type { DirectoryHandle, FileHandle, Stat, VirtualPath } from './vfs.ts'
import { type WatchParts, watched } from './watched.ts'

/** The files that are not whole, as one session sees them and goes on with them. */
export interface Unfinished {
  /** What other sessions see of one is what a resume would find. */
  marked(found: Stat): Stat
  withMarks(folder: DirectoryHandle): DirectoryHandle
  /** `file`, which is `found`, is not whole before its CLOSE. */
  begun(file: FileHandle, path: VirtualPath, found?: Stat): FileHandle
  /** Whether another session has it open; which is ended, if `end`. */
  takeOver(inode: Inode, end: boolean): Awaitable<boolean>
  /** Whether this session writes it. */
  isOurs(inode: Inode): boolean
}

export function unfinished(parts: WatchParts): Unfinished {
  const { partials, writers, session } = parts
  const marked = (found: Stat): Stat => {
    if (found.kind !== 'file' || !partials.has(found)) return found
    const writing = writers.find(found)
    const size = writing === undefined || writing.session === session ? found.size : writing.written.cut
    return { ...found, size, partial: true }
  }
  return {
    marked,
    withMarks: (folder) => ({
      read: (most) =>
        then(folder.read(most), (entries) =>
          entries.map((entry) => {
            const stat = marked(entry.stat)
            return stat === entry.stat ? entry : { ...entry, stat }
          }),
        ),
      close: () => folder.close(),
    }),
    begun: (file, path, found = file.found ?? now(file.stat())) => watched(file, path, found, parts),
    takeOver(inode, end) {
      const writing = writers.find(inode)
      if (writing === undefined || writing.session === session) return false
      return end ? writers.takeOver(inode) : true
    },
    isOurs: (inode) => writers.find(inode)?.session === session,
  }
}
