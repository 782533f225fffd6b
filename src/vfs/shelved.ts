// Over 300 lines: all that one account has on the shelf: each entry is written down, charged for and given up here alone.
import type { Clock } from '../base/clock.ts'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { Book } from '../quota/book.ts'
import type { Inodes } from './inodes.ts'
import { unlessFull } from './partials.ts'
import { isWithin, parentOf } from './path.ts'
import { isBeside, type Shelf } from './shelf.ts'
import type { ShelvedFile, UploadStore } from './uploads.ts'
import type { VirtualPath } from './vfs.ts'

export interface ShelvedParts {
  readonly account: string
  readonly store: UploadStore
  /** Good for the life of the account, not of a session. */
  readonly shelf: Pick<Shelf, 'remove' | 'stat' | 'move'>
  readonly book: Book
  readonly inodes: Inodes
  readonly clock: Clock
  readonly rules: KeepRules
  /** This process, as `ShelvedFile.owner`. */
  readonly owner: string
  /** Whether another one still runs. */
  readonly lives: (process: string) => boolean
}

export interface KeepRules {
  /** How long a replaced file is kept, and an interrupted overwrite, in ms; 0: not at all. */
  readonly keepMs: number
  readonly partMs: number
}

/** Most that are given up in one step: an hour of uploads may have left thousands. */
const STEP = 128

/** No limit, in SQL. */
const ALL = -1

/** How long what is held is, should we be killed in that moment. */
const HELD_MS = 60_000

/**
 * What overwrites of one account leave out of sight: the replaced file, kept a while if there is room, and the staged
 * bytes of one that was interrupted, one a name. Their bytes are reserved; the oldest are given up before anything is refused.
 */
export class Shelved {
  readonly #parts: ShelvedParts
  /** For which names the overwrites under way here are by now: folders above them may have been renamed. */
  readonly #names = new Map<string, VirtualPath>()
  /** Overwrites that are over, and still written down as open. */
  readonly #ended = new Set<string>()

  constructor(parts: ShelvedParts) {
    this.#parts = parts
    const { account, store, book } = parts
    for (const file of store.shelved(account)) {
      if (!isUnheld(file, (owner) => owner !== parts.owner && parts.lives(owner))) continue
      if (fits(file, book.free, parts.clock.now())) {
        book.reserve(file.size, file.path)
        store.putShelved(account, { ...file, owner: parts.owner })
      } else this.#forget(file)
    }
    book.onNoRoom((bytes, some) => this.#makeRoom(bytes, some ? STEP : ALL))
  }

  /** All but overwrites under way, oldest first. */
  list(): readonly ShelvedFile[] {
    const { account, store, clock } = this.#parts
    const now = clock.now()
    const files = store.shelved(account).filter(({ kind }) => kind !== 'open')
    // The rest is given up by and by, or for room.
    for (const file of files.slice(0, STEP)) if (file.until <= now) this.drop(file)
    return files.filter(({ until }) => until > now)
  }

  /** Of replaced files: what they hold is given up as soon as it is needed. */
  get keptBytes(): number {
    return this.#parts.store.shelvedBytes(this.#parts.account).kept
  }

  /** The file at `path` is about to be replaced: held by an id, to be kept. Undefined when it is not wanted, or not possible. */
  hold(shelf: Shelf, path: VirtualPath): string | undefined {
    if (this.#parts.rules.keepMs === 0) return undefined
    const { account, store, clock, owner } = this.#parts
    const id = shelf.newId(path)
    // Written down first: nothing lies on the shelf that a crash could make unknown.
    const until = clock.now() + HELD_MS
    store.putShelved(account, { id, kind: 'kept', path, size: 0, until, owner })
    if (shelf.keep(id, path)) return id
    store.removeShelved(account, id)
    return undefined
  }

  /** What is held was not replaced after all. */
  letGo(id: string, path: VirtualPath): void {
    this.#parts.shelf.remove(id, path)
    this.end(id)
  }

  /** What is held as `id` was replaced: kept if its `size` bytes fit, else given up. Whether it is. */
  keep(id: string, path: VirtualPath, size: number): boolean {
    const until = this.#parts.clock.now() + this.#parts.rules.keepMs
    let kept = false
    const noted = unlessFull(() => {
      for (const old of this.#for(path, 'kept')) if (old.id !== id) this.drop(old)
      kept = this.#lay({ id, kind: 'kept', path, size, until, owner: this.#parts.owner }, size)
    })
    if (!noted) this.letGo(id, path)
    return kept
  }

  /** Takes what was replaced off the list for `restore`. Its bytes stay reserved: they are the caller's now. ENOENT. */
  takeKept(path: VirtualPath): ShelvedFile {
    const file = this.#for(path, 'kept').at(-1)
    if (file === undefined)
      throw new OpError('ENOENT', `Nothing that "${shown(path)}" replaced is kept`, { path })
    this.#parts.store.removeShelved(this.#parts.account, file.id)
    return { ...file, owner: this.#parts.owner }
  }

  /** What `takeKept` gave was not used after all. */
  putBack(file: ShelvedFile): void {
    const { account, store, book } = this.#parts
    try {
      store.putShelved(account, file)
    } catch (error) {
      book.release(file.size)
      throw error
    }
  }

  /** For which name the overwrite `id`, begun for `path`, is by now: it goes along with the folder, and what lies beside its target with it. */
  nameOf(id: string, path: VirtualPath): VirtualPath {
    return this.#names.get(id) ?? path
  }

  /** An overwrite begins to be staged as `id`. An interrupted one of the name is given up. */
  begin(id: string, path: VirtualPath): void {
    this.dropPart(path)
    this.#open(id, path)
  }

  /** It is over: committed, or given up. What a full disk does not take down is taken down with a later one, or by the next start. */
  end(id: string): void {
    const { account, store } = this.#parts
    this.#names.delete(id)
    this.#ended.add(id)
    for (const one of this.#ended) {
      if (!unlessFull(() => store.removeShelved(account, one))) return
      this.#ended.delete(one)
    }
  }

  /**
   * It was interrupted: kept as the name's part if its `size` bytes fit, of which `reserved` are reserved already.
   * Whether it is; if not, the caller removes it.
   */
  interrupt(id: string, path: VirtualPath, size: number, reserved: number): boolean {
    const { book, clock, owner, rules } = this.#parts
    const { partMs } = rules
    this.#names.delete(id)
    if (partMs > 0 && size > 0) {
      const part = { id, kind: 'part', path, size, until: clock.now() + partMs, owner } as const
      let kept = false
      unlessFull(() => {
        this.dropPart(path)
        kept = this.#lay(part, size - reserved)
      })
      if (kept) return true
    }
    book.release(reserved)
    this.end(id)
    return false
  }

  /** From now on nobody has their bytes reserved: the next process that serves the account will. False while an overwrite is under way. */
  handOver(): boolean {
    const { account, store, owner } = this.#parts
    const mine = store.shelved(account).filter((file) => file.owner === owner)
    if (mine.some(({ kind }) => kind === 'open')) return false
    for (const file of mine) store.putShelved(account, { ...file, owner: '' })
    return true
  }

  part(path: VirtualPath): ShelvedFile | undefined {
    return this.#for(path, 'part').at(-1)
  }

  /** It is gone on with: the caller has its bytes reserved from now on. */
  resumePart(file: ShelvedFile): void {
    this.#open(file.id, file.path)
  }

  /** Whether there was one. */
  dropPart(path: VirtualPath): boolean {
    const parts = this.#for(path, 'part')
    for (const part of parts) this.drop(part)
    return parts.length > 0
  }

  /** Whether another overwrite of the name is under way in another process. */
  isOpenElsewhere(path: VirtualPath): boolean {
    const { account, store, owner } = this.#parts
    return store.shelvedFor(account, path).some((file) => file.kind === 'open' && file.owner !== owner)
  }

  /**
   * A file was renamed, by its real names: its part and what it replaced go along, in the place of what was for the new
   * name. A part for that would replace another file than it was meant to.
   */
  moved(from: VirtualPath, to: VirtualPath): void {
    this.dropPart(to)
    for (const kind of ['kept', 'part'] as const) {
      const files = this.#for(from, kind)
      if (files.length > 0) for (const old of this.#for(to, kind)) this.drop(old)
      for (const file of files) this.#move(file, to)
    }
  }

  /** A folder was renamed, by its real names: what was for names in it is for the same names there. */
  renamed(from: VirtualPath, to: VirtualPath): void {
    const { account, store } = this.#parts
    const there = (path: VirtualPath): VirtualPath => `${to}${path.slice(from.length)}` as VirtualPath
    for (const [id, path] of this.#names) if (isWithin(path, from)) this.#names.set(id, there(path))
    for (const file of store.shelved(account))
      if (isWithin(file.path, from)) store.putShelved(account, { ...file, path: there(file.path) })
  }

  /**
   * Gives up what lies in the folder itself, beside its targets, which keeps it from being removed. False when there is
   * none, or one is under way: that stays in the way.
   */
  dropBeside(folder: VirtualPath): boolean {
    const { account, store } = this.#parts
    const files = store.shelved(account).filter(({ id, path }) => isBeside(id) && parentOf(path) === folder)
    if (files.some(({ kind }) => kind === 'open')) return false
    for (const file of files) this.drop(file)
    return files.length > 0
  }

  /** Gives it up. Whoever still reads it goes on, unless the room is needed. */
  drop(file: ShelvedFile, needed = false): void {
    const { book, inodes, shelf } = this.#parts
    const found = shelf.stat(file.id, file.path)
    this.#forget(file)
    book.release(file.size)
    if (found === undefined || found.nlink > 1) return
    const inode = inodes.find(found)
    if (inode === undefined) return
    if (!needed && file.size <= book.free) {
      book.take(file.size, file.path)
      inode.unlinked = true
    } else inodes.end(found, inode)
  }

  #for(path: VirtualPath, kind: ShelvedFile['kind']): readonly ShelvedFile[] {
    const { account, store, clock } = this.#parts
    const files = store.shelvedFor(account, path).filter((file) => file.kind === kind)
    for (const file of files) if (file.until <= clock.now()) this.drop(file)
    return files.filter((file) => file.until > clock.now())
  }

  #move(file: ShelvedFile, to: VirtualPath): void {
    const { account, store, shelf } = this.#parts
    store.putShelved(account, { ...file, path: to })
    try {
      shelf.move(file.id, file.path, to)
    } catch (error) {
      if (!isOpError(error)) throw error
      this.drop(file)
    }
  }

  #open(id: string, path: VirtualPath): void {
    const { account, store, owner } = this.#parts
    store.putShelved(account, { id, kind: 'open', path, size: 0, until: 0, owner })
    this.#names.set(id, path)
  }

  /** Onto the list, `more` of its bytes reserved now. Whether there was room. */
  #lay(file: ShelvedFile, more: number): boolean {
    const { account, store, book } = this.#parts
    if (more > book.free) {
      this.#forget(file)
      return false
    }
    if (more > 0) book.reserve(more, file.path)
    try {
      store.putShelved(account, file)
    } catch (error) {
      if (more > 0) book.release(more)
      throw error
    }
    if (more < 0) book.release(-more)
    return true
  }

  #forget({ id, path }: ShelvedFile): void {
    this.#parts.shelf.remove(id, path)
    this.#parts.store.removeShelved(this.#parts.account, id)
  }

  /** At most so many of them. None for what does not fit without them either. */
  #makeRoom(bytes: number, most: number): boolean {
    const { account, store, book } = this.#parts
    if (book.free + store.shelvedBytes(account).all < bytes) return false
    let given = false
    for (const file of store.oldestShelved(account, most)) {
      if (book.free >= bytes) break
      this.drop(file, true)
      given = true
    }
    return given
  }
}

/** Bytes of files on an account's shelf that nobody has reserved since a process ended: whoever serves it next will, where `free` are. */
export function unheldBytes(
  files: readonly ShelvedFile[],
  {
    free,
    now,
    lives,
  }: { readonly free: number; readonly now: number; readonly lives: ShelvedParts['lives'] },
): number {
  let bytes = 0
  for (const file of files) if (isUnheld(file, lives) && fits(file, free - bytes, now)) bytes += file.size
  return bytes
}

/** Nobody has its bytes reserved any more. */
function isUnheld({ kind, owner }: ShelvedFile, lives: ShelvedParts['lives']): boolean {
  return kind !== 'open' && !lives(owner)
}

/** It stays, and its bytes are reserved again. */
function fits({ until, size }: ShelvedFile, free: number, now: number): boolean {
  return until > now && size <= free
}
