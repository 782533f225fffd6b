import type { Awaitable } from '../base/awaitable.ts'
import type { Usage } from '../quota/ledger.ts'

declare const brand: unique symbol

/**
 * An absolute, normalised path in an account's tree: starts with '/', no '.', '..', '//' or NUL.
 * A byte string (latin1: one character a byte), because names are bytes; shell, menu, JSON and log
 * turn it to and from UTF-8.
 */
export type VirtualPath = string & { readonly [brand]: 'virtual' }

/** One account's tree, as one session sees it. Every method throws or rejects with OpError. */
export interface VirtualFileSystem extends AsyncDisposable {
  /** ENOENT, EEXIST, EACCES, EISDIR, ELOOP, EDQUOT, ENOSPC … Only regular files are opened. Whoever opens, closes. */
  open(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): Awaitable<FileHandle>
  /** ENOENT, ENOTDIR, EACCES. */
  openDirectory(path: VirtualPath): Awaitable<DirectoryHandle>
  stat(path: VirtualPath, options?: { readonly follow: boolean }): Awaitable<Stat>
  setstat(path: VirtualPath, attrs: NewAttrs, options?: { readonly follow: boolean }): Awaitable<void>
  mkdir(path: VirtualPath, mode?: number): Awaitable<void>
  rmdir(path: VirtualPath): Awaitable<void>
  unlink(path: VirtualPath): Awaitable<void>
  /** `replace: false`: EEXIST when `to` is there (SFTP RENAME). `replace: true`: POSIX rename. */
  rename(from: VirtualPath, to: VirtualPath, options: { readonly replace: boolean }): Awaitable<void>
  /** Hard link to `existing` (to a symlink: the link itself). */
  link(existing: VirtualPath, path: VirtualPath): Awaitable<void>
  /** Byte string, as stored. */
  readlink(path: VirtualPath): Awaitable<string>
  symlink(target: string, path: VirtualPath): Awaitable<void>
  /** Links resolved as far as the path exists. A last component that is not there is kept. */
  realpath(path: VirtualPath): Awaitable<VirtualPath>
  space(path: VirtualPath): Awaitable<Space>
  /** Brings back what an overwrite replaced, where the tree keeps such. ENOENT: nothing is kept. */
  restore?(path: VirtualPath): Promise<void>
  /**
   * Opens, to read and to go on writing at `size`, what an upload of `path` has left: an interrupted overwrite of that
   * size, else the file. Nothing is changed before it is written. EINVAL: nothing there has that size.
   */
  resume?(path: VirtualPath, size: number): Awaitable<FileHandle>
  /** EACCES where the account may not put a file at `path` (or in it), as an OPEN would say later. Without: it may. */
  mayPut?(path: VirtualPath): Awaitable<void>
  /** Interrupted overwrites, and files that are kept after they were replaced; oldest first. */
  shelved?(): readonly Shelved[]
}

/** An open regular file. After `close` or `abandon` every method is EBADF, and those two do nothing. */
export interface FileHandle {
  /** What the file was when it was opened, where that is known: saves a look. */
  readonly found?: Stat | undefined
  /** The open descriptor, when there is one: for hashing off the loop. Whoever takes it gives it back. */
  readonly descriptor?: (() => LentDescriptor | undefined) | undefined
  /**
   * True while `read` answers now and never with a promise: only then may it be given places in a packet that
   * is being built. Asked before each read; a wrapper passes on what the file below says.
   */
  readonly quick?: (() => boolean) | undefined
  /** Every write goes to the end, whatever its offset (POSIX O_APPEND). */
  readonly appends?: boolean | undefined
  /** Tells, from now on, whether the first `size` bytes are as they are now, whoever writes; where the tree knows. */
  readonly holds?: ((size: number) => () => boolean) | undefined
  /** Bytes put into `into`, taken as one run: 0 only at the end of the file. May be fewer than asked. `into` lasts until the answer. */
  read(into: readonly Uint8Array[], offset: number): Awaitable<number>
  /**
   * All of `data`, as one run, or an error. Past the end leaves a hole of zeros. `data` is lent for the call
   * alone (it may lie in the socket's read buffer): whoever answers with a promise has copied it first.
   */
  write(data: readonly Uint8Array[], offset: number): Awaitable<void>
  truncate(size: number): Awaitable<void>
  stat(): Awaitable<Stat>
  setstat(attrs: NewAttrs): Awaitable<void>
  /** fsync; never on the loop. */
  sync(): Promise<void>
  /** The writer's word that it is done. Reports what the storage could not keep (ENOSPC, EDQUOT, EIO). */
  close(): Awaitable<void>
  /** The writer went away: what is written stays, and is not taken for whole. It is closed, whatever fails; EIO: that could not be written down. */
  abandon(): Awaitable<void>
}

/** A descriptor that stays open until it is given back (disposed): its number may be another account's file then. */
export interface LentDescriptor extends Disposable {
  readonly number: number
  /** Aborted when the file is closed meanwhile, which waits then; its reason is what to throw (ESTALE). */
  readonly closing: AbortSignal
}

export interface DirectoryHandle {
  /** Some more entries, without '.' and '..'; none at the end. At most `most`. */
  read(most: number): Awaitable<readonly Entry[]>
  close(): Awaitable<void>
}

/** Sizes in bytes; times in whole seconds since 1970, as SFTP v3 carries them. */
export interface Stat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  readonly size: number
  /** Permission bits with the type bits (S_IFMT), as st_mode. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly atime: number
  readonly mtime: number
  readonly nlink: number
  /** Device and inode: who this file is, whatever its name. */
  readonly dev: number
  readonly ino: number
  /** An upload that was not finished. */
  readonly partial?: boolean
}

/** `size` in bytes, `mode` permission bits only, times in seconds (fractions kept). */
export interface NewAttrs {
  readonly size?: number
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly atime?: number
  readonly mtime?: number
}

/** What an overwrite of `path` left out of sight: its own bytes when it was interrupted, or the file that it replaced. */
export interface Shelved {
  readonly kind: 'part' | 'kept'
  readonly path: VirtualPath
  /** Bytes, which count as reserved. */
  readonly size: number
  /** When it is given up, in ms since 1970. */
  readonly until: number
}

export interface Entry {
  /** Byte string. */
  readonly name: string
  /** Of the entry itself: links are not followed. */
  readonly stat: Stat
}

/** What statvfs tells. Bytes, and number of files; `freeFiles` and `files` 0 when unknown. */
export interface Space {
  readonly total: number
  readonly free: number
  readonly files: number
  readonly freeFiles: number
  /** Of the account's book, where the tree has one. */
  readonly usage?: Usage
}

export interface OpenFlags {
  readonly read?: boolean
  readonly write?: boolean
  readonly append?: boolean
  readonly create?: boolean
  readonly truncate?: boolean
  readonly exclusive?: boolean
  /** Only to be hashed: an account that reads nothing may still ask for the hash of a file it is making. */
  readonly hash?: boolean
}
