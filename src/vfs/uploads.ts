import type { Stat, VirtualPath } from './vfs.ts'

export type Inode = Pick<Stat, 'dev' | 'ino'>

/** A file that no name of the tree leads to: an overwrite under way, an interrupted one, or what one replaced. */
export interface ShelvedFile {
  readonly id: string
  readonly kind: 'open' | 'part' | 'kept'
  /** The name that it is for. */
  readonly path: VirtualPath
  /** Bytes, reserved in the account's book. Of an open one 0: whoever writes it reserves. */
  readonly size: number
  /** When it is given up, in ms since 1970. */
  readonly until: number
  /** The process that writes it, or has its bytes reserved. */
  readonly owner: string
}

/** Who sent an upload that failed. */
export interface Sender {
  readonly session: string
  readonly address: string
}

/** Where is written down what uploads leave behind; shared by all processes of a VAR. Answers at once. */
export interface UploadStore {
  /** Marks of unfinished files, by inode, so that they follow renames. */
  partials(account: string): readonly Inode[]
  addPartial(account: string, inode: Inode): void
  removePartial(account: string, inode: Inode): void

  /** Oldest first. */
  shelved(account: string): readonly ShelvedFile[]
  shelvedFor(account: string, path: VirtualPath): readonly ShelvedFile[]
  /** Those that are not open, at most so many of the oldest. */
  oldestShelved(account: string, most: number): readonly ShelvedFile[]
  /** Bytes of those that are not open, and of the kept ones among them. */
  shelvedBytes(account: string): { readonly all: number; readonly kept: number }
  /** Adds it, or changes the one of its id. */
  putShelved(account: string, file: ShelvedFile): void
  removeShelved(account: string, id: string): void

  /** Uploads that failed and may be removed by name, the file under that name left alone. */
  addFailed(account: string, path: VirtualPath, sender: Sender, until: number): void
  /** Whether there was one of this sender's session or address; it is forgotten. */
  takeFailed(account: string, path: VirtualPath, sender: Sender, now: number): boolean

  /** Accounts with something written down. */
  accounts(): readonly string[]
  /** The account is gone. */
  forget(account: string): void
}
