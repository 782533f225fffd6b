import type { Siblings } from '../base/siblings.ts'
import type { Inode, UploadStore } from './uploads.ts'

type Store = Pick<UploadStore, 'partials' | 'isPartial' | 'addPartial' | 'removePartial'>

/**
 * The uploads of one account that are not finished: new files from OPEN to CLOSE, and those whose writer went away.
 * A mark is written down when its writer goes away; before, the side file of open uploads says it, for most uploads
 * are over soon. With other processes beside us it is written down at once, and asked there.
 */
export class Partials {
  readonly #account: string
  readonly #store: Store
  readonly #siblings: Pick<Siblings, 'count'>
  /** By inode; true once written down. */
  readonly #marks = new Map<string, boolean>()

  constructor(account: string, store: Store, siblings: Pick<Siblings, 'count'>) {
    this.#account = account
    this.#store = store
    this.#siblings = siblings
    for (const inode of store.partials(account)) this.#marks.set(keyOf(inode), true)
  }

  has(inode: Inode): boolean {
    const key = keyOf(inode)
    if (this.#siblings.count === 0) return this.#marks.size > 0 && this.#marks.has(key)
    if (this.#marks.get(key) === false) return true
    const there = this.#store.isPartial(this.#account, inode)
    if (there) this.#marks.set(key, true)
    else this.#marks.delete(key)
    return there
  }

  mark(inode: Inode): void {
    const key = keyOf(inode)
    if (!this.#marks.has(key)) this.#marks.set(key, false)
    if (this.#siblings.count > 0) this.writeDown(inode)
  }

  /** From now on it lasts. */
  writeDown(inode: Inode): void {
    const key = keyOf(inode)
    if (this.#marks.get(key) === true) return
    this.#marks.set(key, true)
    this.#store.addPartial(this.#account, inode)
  }

  /** It is whole, or gone. */
  unmark(inode: Inode): void {
    const key = keyOf(inode)
    if (this.#marks.get(key) === true || this.#siblings.count > 0)
      this.#store.removePartial(this.#account, inode)
    this.#marks.delete(key)
  }
}

export function keyOf({ dev, ino }: Inode): string {
  return `${dev}:${ino}`
}
