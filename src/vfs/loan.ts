import { now } from '../base/awaitable.ts'
import type { Book } from '../quota/book.ts'
import { giveDown, type Inodes, inLane } from './inodes.ts'
import type { FileHandle, Stat } from './vfs.ts'

/** The old file's bytes while an overwrite of it is under way: charged once for both, so that a full account can replace a file. */
export interface Loan {
  /** Bytes; none any more when another overwrite replaced the old file and nothing is charged for it. */
  readonly size: number
  /** The old file is charged again for what it is. */
  end(): void
}

/** `file` is open on the old file `old`, and closed at the end. One overwrite at a time has the loan of a file. */
export function lend(file: FileHandle, old: Stat, inodes: Inodes, book: Book): Loan {
  const inode = inodes.find(old)
  let open = true
  if (inode === undefined || inode.lent !== undefined) {
    return {
      size: 0,
      end() {
        if (open) void file.abandon()
        open = false
      },
    }
  }
  const there = (): number => now(file.stat()).size
  inode.lent = { bytes: old.size, there }
  return {
    get size() {
      return inode.replaced ? 0 : old.size
    },
    end() {
      if (!open) return
      open = false
      delete inode.lent
      void inLane(inode, () => {
        try {
          giveDown(inode, there(), book)
        } finally {
          void file.abandon()
        }
      })
    },
  }
}

export const NO_LOAN: Loan = { size: 0, end() {} }
