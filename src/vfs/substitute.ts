import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { Book } from '../quota/book.ts'
import type { Inodes } from './inodes.ts'
import { type Partials, unlessFull } from './partials.ts'
import type { Shelf } from './shelf.ts'
import type { Shelved } from './shelved.ts'
import type { Stat, VirtualPath } from './vfs.ts'
import type { Writers } from './writers.ts'

export interface SubstituteParts {
  readonly shelf: Shelf
  readonly shelved: Shelved
  readonly partials: Partials
  readonly book: Book
  readonly inodes: Inodes
  readonly writers: Writers
  /** What bears a name now; itself, if it is a link and `follow` is false. */
  readonly stat: (path: VirtualPath, follow?: boolean) => Stat | undefined
}

/**
 * The file `id` of the shelf, of `size` bytes of which `reserved` are reserved, takes the place of whatever file bears
 * the name now. What is replaced is kept if there is room; whoever has it open goes on reading it: it is paid for until
 * then, or else its handles end. On an error nothing is changed, and what was reserved still is: EISDIR, EEXIST where
 * something else took the name, which could not be kept.
 */
export function substitute(
  id: string,
  size: number,
  reserved: number,
  path: VirtualPath,
  { shelf, shelved, partials, book, inodes, writers, stat }: SubstituteParts,
): void {
  // A rename replaces the name itself: where it leads to, nothing is freed and nobody is to be ended.
  const current = stat(path, false)
  const holders = current === undefined ? undefined : inodes.find(current)
  /** A whole file that nobody can change any more, or has borrowed. */
  const keepable = (found: Stat): boolean =>
    found.nlink === 1 && !partials.has(found) && !holders?.writers && holders?.lent === undefined
  if (current !== undefined && current.kind !== 'file') throw taken(current, path)
  /** What is charged for it: what is on its way to it too. */
  const freed = current?.nlink === 1 ? (holders?.size ?? current.size) : 0
  const more = Math.max(0, size - freed - reserved)
  if (more > 0) book.take(more, path)
  let held: string | undefined
  let entered = false
  try {
    if (current === undefined) {
      book.takeFile(path)
      entered = true
    }
    if (current !== undefined && keepable(current)) held = shelved.hold(shelf, path)
    shelf.place(id, path)
  } catch (error) {
    if (entered) book.giveFile()
    if (more > 0) book.give(more)
    if (held !== undefined) shelved.letGo(held, path)
    throw error
  }
  const settled = Math.min(reserved, Math.max(0, size - freed))
  if (settled > 0) book.settle(settled)
  if (reserved > settled) book.release(reserved - settled)
  if (size < freed) book.give(freed - size)
  if (current === undefined) return
  if (current.nlink === 1) {
    // It is replaced, whether or not a full disk takes that down.
    unlessFull(() => partials.unmark(current))
    // Who writes it hears of it: a CLOSE that says OK would be of what is under no name.
    writers.end(current, 'newer')
  }
  if (held !== undefined && shelved.keep(held, path, current.size)) return
  if (holders === undefined || current.nlink > 1) return
  holders.nameless = 'replaced'
  if (freed <= book.free) {
    book.take(freed, path)
    holders.unlinked = true
  } else inodes.end(current, holders)
}

/** What took the name can neither be replaced nor kept. */
function taken({ kind }: Stat, path: VirtualPath): OpError {
  const name = `"${shown(path)}"`
  if (kind === 'directory') return new OpError('EISDIR', `${name} is a folder now`, { path })
  const what = kind === 'symlink' ? 'a link' : 'no file'
  return new OpError('EEXIST', `${name} is ${what} now: remove it, then put the file again`, { path })
}
