import { now } from '../base/awaitable.ts'
import type { Book } from '../quota/book.ts'
import type { Inodes } from './inodes.ts'
import type { FileHandle, Stat } from './vfs.ts'

/** The old file's bytes while an overwrite of it is under way: charged once for both, so that a full account can replace a file. */
export interface Loan {
  /** Bytes. */
  readonly size: number
  /** The old file is charged again for what it is. */
  end(): void
}

/** `file` is open on the old file `old`, and closed at the end. One overwrite at a time has the loan of a file. */
export function lend(file: FileHandle, old: Stat, inodes: Inodes, book: Book): Loan {
  const inode = inodes.find(old)
  let open = true
  const close = (): void => {
    if (!open) return
    open = false
    void file.abandon()
  }
  if (inode === undefined || inode.lent !== undefined) return { size: 0, end: close }
  inode.lent = old.size
  return {
    size: old.size,
    end() {
      if (!open) return
      delete inode.lent
      const found = now(file.stat())
      if (found.size < inode.size) {
        book.give(inode.size - found.size)
        inode.size = found.size
      }
      close()
    },
  }
}

export const NO_LOAN: Loan = { size: 0, end() {} }
