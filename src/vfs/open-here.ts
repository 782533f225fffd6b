import { now } from '../base/awaitable.ts'
import { handleOver } from './handle-over.ts'
import { keyOf } from './partials.ts'
import type { Inode } from './uploads.ts'
import type { FileHandle } from './vfs.ts'

/** How often one session has a complete file open: opened more than once it is shared as in POSIX, and not staged. */
export class OpenHere {
  readonly #handles = new Map<string, number>()

  /** Handles of this session on the file. */
  count(inode: Inode): number {
    return this.#handles.get(keyOf(inode)) ?? 0
  }

  /** `file`, counted until it is closed. */
  counted(file: FileHandle): FileHandle {
    const key = keyOf(file.found ?? now(file.stat()))
    this.#handles.set(key, (this.#handles.get(key) ?? 0) + 1)
    let counts = true
    const gone = (): void => {
      if (!counts) return
      counts = false
      const left = this.#handles.get(key)! - 1
      if (left === 0) this.#handles.delete(key)
      else this.#handles.set(key, left)
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
