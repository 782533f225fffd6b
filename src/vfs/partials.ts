import { isOpError } from '../base/error.ts'
import type { Inode, UploadStore } from './uploads.ts'
import type { Slot } from './written.ts'

type Store = Pick<UploadStore, 'partials' | 'addPartial' | 'removePartial'>

/**
 * The uploads of one account that are not finished: new files from OPEN to CLOSE, and those whose writer went away.
 * A mark is written down when its writer goes away; before, the side file of open uploads says it, for most uploads
 * are over soon.
 */
export class Partials {
  readonly #account: string
  readonly #store: Store
  /** By inode; true once written down. */
  readonly #marks = new Map<string, boolean>()
  /** Not written down, for the disk was full: their slots stay. */
  readonly #owed = new Map<string, { readonly inode: Inode; readonly slot: Slot }>()

  constructor(account: string, store: Store) {
    this.#account = account
    this.#store = store
    for (const inode of store.partials(account)) this.#marks.set(keyOf(inode), true)
  }

  has(inode: Inode): boolean {
    return this.#marks.size > 0 && this.#marks.has(keyOf(inode))
  }

  mark(inode: Inode): void {
    const key = keyOf(inode)
    if (!this.#marks.has(key)) this.#marks.set(key, false)
    this.#payUp()
  }

  /** From now on it lasts; on a full disk by its slot, until `payUp`. */
  writeDown(inode: Inode): void {
    const key = keyOf(inode)
    if (this.#marks.get(key) === true) return
    this.#marks.set(key, false)
    if (unlessFull(() => this.#store.addPartial(this.#account, inode))) this.#marks.set(key, true)
  }

  /** Nobody writes it any more: its slot is free, unless the mark could not be written down. */
  leave(inode: Inode, slot: Slot): void {
    const key = keyOf(inode)
    if (this.#marks.get(key) === false) {
      slot.keep()
      this.#owed.get(key)?.slot.free()
      this.#owed.set(key, { inode, slot })
    } else slot.free()
  }

  /** All is written down that another process must know: what a full disk did not take is tried once more. */
  get settled(): boolean {
    this.#payUp()
    return this.#owed.size === 0
  }

  /** It is whole, or gone. */
  unmark(inode: Inode): void {
    const key = keyOf(inode)
    if (this.#marks.get(key) === true) this.#store.removePartial(this.#account, inode)
    this.#marks.delete(key)
    this.#owed.get(key)?.slot.free()
    this.#owed.delete(key)
  }

  /** What a full disk did not take, with the next upload. */
  #payUp(): void {
    for (const [key, { inode, slot }] of this.#owed) {
      this.writeDown(inode)
      if (this.#marks.get(key) === false) return
      this.#owed.delete(key)
      slot.free()
    }
  }
}

/** Does `act`; false when the disk was full. */
export function unlessFull(act: () => void): boolean {
  try {
    act()
    return true
  } catch (error) {
    if (isOpError(error, 'ENOSPC')) return false
    throw error
  }
}

export function keyOf({ dev, ino }: Inode): string {
  return `${dev}:${ino}`
}
