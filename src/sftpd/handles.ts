import { type Awaitable, isPromise } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { Log } from '../base/log.ts'
import { type LiveTransfers, sizeOf, type Transfer } from '../transfer/live.ts'
import type { DirectoryHandle, Entry, FileHandle, OpenFlags, VirtualPath } from '../vfs/vfs.ts'

/** Handles a session may hold, unless the site says otherwise. */
export const MAX_HANDLES = 256

export interface OpenFile extends Transfer {
  readonly kind: 'file'
  readonly file: FileHandle
  readonly flags: OpenFlags
  read: number
  written: number
}

export interface OpenDirectory {
  readonly kind: 'directory'
  readonly directory: DirectoryHandle
  readonly path: VirtualPath
  /** Entries that were read and have not been sent. */
  waiting: readonly Entry[]
  /** '.' and '..' were sent. */
  dotted: boolean
  /** All entries were read. */
  over: boolean
  closed: boolean
}

interface Slot {
  readonly open: OpenFile | OpenDirectory
  readonly live: Disposable | undefined
}

interface Owner {
  readonly account: string
  readonly session: string
  readonly log: Log
  readonly live: LiveTransfers | undefined
  /** Handles it may hold. */
  readonly most: number
}

/**
 * The names a client has for what it opened. A name is never given twice in a session, so that one kept too long
 * is refused and never means another file.
 */
export class Handles {
  readonly #slots = new Map<string, Slot>()
  readonly #owner: Owner
  #given = 0

  constructor(owner: Owner) {
    this.#owner = owner
  }

  get most(): number {
    return this.#owner.most
  }

  get size(): number {
    return this.#slots.size
  }

  /** Asked before anything is opened. EMFILE. */
  checkRoom(): void {
    if (this.#slots.size < this.most) return
    throw new OpError('EMFILE', `At most ${this.most} files can be open at once: close one first`)
  }

  addFile(file: FileHandle, path: VirtualPath, flags: OpenFlags, now: number): string {
    const { account, session, live } = this.#owner
    const open: OpenFile = {
      kind: 'file',
      file,
      path,
      flags,
      account,
      session,
      since: now,
      read: 0,
      written: 0,
      size: sizeOf(file, flags),
    }
    return this.#add({ open, live: live?.show(open) })
  }

  addDirectory(directory: DirectoryHandle, path: VirtualPath): string {
    return this.#add({
      open: { kind: 'directory', directory, path, waiting: [], dotted: false, over: false, closed: false },
      live: undefined,
    })
  }

  /** EBADF. */
  file(handle: string): OpenFile {
    const open = this.#slots.get(handle)?.open
    if (open?.kind === 'file') return open
    throw new OpError('EBADF', open === undefined ? 'No such handle' : 'The handle is a folder')
  }

  /** EBADF. */
  directory(handle: string): OpenDirectory {
    const open = this.#slots.get(handle)?.open
    if (open?.kind === 'directory') return open
    throw new OpError('EBADF', open === undefined ? 'No such handle' : 'The handle is a file')
  }

  /** The handle is gone whatever closing says. EBADF, and what the storage could not keep. */
  close(handle: string): Awaitable<void> {
    const slot = this.#slots.get(handle)
    if (slot === undefined) throw new OpError('EBADF', 'No such handle')
    this.#slots.delete(handle)
    slot.live?.[Symbol.dispose]()
    const { open } = slot
    if (open.kind === 'directory') return closeDirectory(open)
    const failed = (error: unknown): never => {
      this.#log('close failed', open)
      throw error
    }
    try {
      const done = open.file.close()
      if (isPromise(done)) return done.then(() => this.#log('close', open), failed)
      this.#log('close', open)
    } catch (error) {
      failed(error)
    }
  }

  /** The client went away: what it left open is abandoned, and logged as closed by force. Never throws. */
  async abandonAll(): Promise<void> {
    const slots = [...this.#slots.values()]
    this.#slots.clear()
    for (const { open, live } of slots) {
      live?.[Symbol.dispose]()
      try {
        if (open.kind === 'file') {
          await open.file.abandon()
          this.#log('forced close', open)
        } else await closeDirectory(open)
      } catch (error) {
        this.#owner.log.error('forced close failed', error, { path: shown(open.path) })
      }
    }
  }

  #log(event: string, { path, read, written }: OpenFile): void {
    this.#owner.log.info(event, { path: shown(path), read, written })
  }

  #add(slot: Slot): string {
    let handle: string
    do {
      this.#given = (this.#given + 1) >>> 0
      handle = nameOf(this.#given)
    } while (this.#slots.has(handle))
    this.#slots.set(handle, slot)
    return handle
  }
}

/** Four bytes. */
function nameOf(number: number): string {
  return String.fromCharCode(number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255)
}

function closeDirectory(open: OpenDirectory): Awaitable<void> {
  open.closed = true
  return open.directory.close()
}
