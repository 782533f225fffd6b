import { type Awaitable, isPromise } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { removedMeanwhile } from './inodes.ts'
import { keyOf } from './partials.ts'
import type { Inode } from './uploads.ts'
import type { FileHandle } from './vfs.ts'
import type { Slot, Written } from './written.ts'

/** An unfinished file that is being written: by one session, through one handle or several. */
export interface Writing {
  session: object
  readonly written: Written
  readonly slot: Slot
  /** Of whom any can cut the hole off. */
  readonly handles: Set<FileHandle>
  /** It is nobody's any more: a newer upload goes on with it, or has its name; or it was removed. */
  taken: false | Taken
  /** What a write failed of. */
  failed: unknown
  /** Changes on their way to a slow disk, of which `written` does not know yet. */
  underWay: number
}

export type Taken = 'newer' | 'removed'

/** Who writes the unfinished files of one account, in this process. */
export class Writers {
  readonly #open = new Map<string, Writing>()

  find(inode: Inode): Writing | undefined {
    return this.#open.get(keyOf(inode))
  }

  /** One handle more on the file. */
  enter(
    inode: Inode,
    handle: FileHandle,
    begin: () => Pick<Writing, 'session' | 'written' | 'slot'>,
  ): Writing {
    const key = keyOf(inode)
    const found = this.#open.get(key)
    if (found !== undefined) {
      found.handles.add(handle)
      return found
    }
    const made: Writing = {
      ...begin(),
      handles: new Set([handle]),
      taken: false,
      failed: undefined,
      underWay: 0,
    }
    this.#open.set(key, made)
    return made
  }

  /** One handle fewer. Whether it was the last one of a writer that was not taken over: its slot is the caller's to free. */
  leave(inode: Inode, handle: FileHandle, writing: Writing): boolean {
    writing.handles.delete(handle)
    if (writing.taken || writing.handles.size > 0) return false
    this.#open.delete(keyOf(inode))
    return true
  }

  /** Its last name is gone: should we be killed, nothing is left of it that were to be marked. */
  unnamed(inode: Inode): void {
    this.find(inode)?.slot.free()
  }

  /** Its name is another file's, or nobody's, and nothing holds its bytes: the disk may give its number to a new one. */
  end(inode: Inode, how: Taken): void {
    const writing = this.find(inode)
    if (writing === undefined) return
    this.#open.delete(keyOf(inode))
    writing.taken = how
    writing.slot.free()
  }

  /** The writer is ended, and its hole cut off: who goes on by size finds what is right. Whether there was one. */
  takeOver(inode: Inode): Awaitable<boolean> {
    const writing = this.find(inode)
    if (writing === undefined) return false
    const { cut, size } = writing.written
    const [handle] = writing.handles
    // Until it is cut it is nobody's, and known: whoever looks meanwhile sees what will be left.
    writing.taken = 'newer'
    writing.session = {}
    const over = (): true => {
      this.end(inode, 'newer')
      return true
    }
    const failed = (error: unknown): never => {
      this.end(inode, 'newer')
      throw error
    }
    try {
      // Behind what is on its way: it may go beyond what is known.
      const isMore = cut < size || writing.underWay > 0
      const done = handle !== undefined && isMore ? handle.truncate(cut) : undefined
      return isPromise(done) ? done.then(over, failed) : over()
    } catch (error) {
      return failed(error)
    }
  }
}

/** What its writer is told. ESTALE. */
export function takenOver(path: string, how: Taken): OpError {
  if (how === 'removed') return removedMeanwhile(path)
  return new OpError('ESTALE', 'Taken over by a newer upload', { path })
}
