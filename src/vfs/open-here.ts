import { now } from '../base/awaitable.ts'
import { handleOver } from './handle-over.ts'
import { keyOf } from './partials.ts'
import type { Inode } from './uploads.ts'
import type { FileHandle } from './vfs.ts'

/** How often one session has a complete file open: opened more than once it is shared as in POSIX, and not staged. */
export class OpenHere {
  readonly #handles = new Map<string, { all: number; writers: number }>()

  /** Handles of this session on the file. */
  count(inode: Inode): number {
    return this.#handles.get(keyOf(inode))?.all ?? 0
  }

  /** Those of them that were opened to write. */
  writers(inode: Inode): number {
    return this.#handles.get(keyOf(inode))?.writers ?? 0
  }

  /** `file`, counted until it is closed. */
  counted(file: FileHandle, writes: boolean): FileHandle {
    const key = keyOf(file.found ?? now(file.stat()))
    const counts = this.#handles.get(key) ?? { all: 0, writers: 0 }
    this.#handles.set(key, counts)
    const add = (more: number): void => {
      counts.all += more
      if (writes) counts.writers += more
    }
    add(1)
    let open = true
    const gone = (): void => {
      if (!open) return
      open = false
      add(-1)
      if (counts.all === 0) this.#handles.delete(key)
    }
    return handleOver(() => file, {
      close() {
        gone()
        return file.close()
      },
      abandon() {
        gone()
        return file.abandon()
      },
    })
  }
}
