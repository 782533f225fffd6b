// Over 300 lines: one table of what each request means while uploads are under way, a method each.
import { type Awaitable, isPromise, now, then } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { Book } from '../quota/book.ts'
import { begunAnew } from './begun-anew.ts'
import { failure } from './errno.ts'
import { goneOn } from './gone-on.ts'
import { honest } from './handle-over.ts'
import type { Inodes } from './inodes.ts'
import { OpenHere } from './open-here.ts'
import type { OpenUploads } from './open-uploads.ts'
import type { Overwrite } from './overwrite.ts'
import { ownHandle } from './own-handle.ts'
import { keyOf, type Partials, unlessFull } from './partials.ts'
import type { Refusals } from './refusals.ts'
import type { Shelf } from './shelf.ts'
import type { Shelved } from './shelved.ts'
import { type Own, staging } from './staging.ts'
import { substitute } from './substitute.ts'
import { undecided } from './undecided.ts'
import { unfinished } from './unfinished.ts'
import type { Sender, UploadStore } from './uploads.ts'
import type { FileHandle, NewAttrs, OpenFlags, Stat, VirtualFileSystem, VirtualPath } from './vfs.ts'
import type { Writers } from './writers.ts'

export type Durable = 'overwrite' | 'always' | 'never'

export interface StageParts {
  readonly account: string
  readonly shelf: Shelf
  readonly shelved: Shelved
  readonly partials: Partials
  readonly writers: Writers
  readonly store: UploadStore
  readonly openUploads: OpenUploads
  readonly book: Book
  readonly inodes: Inodes
  readonly refusals: Refusals
  /** Who this session is. */
  readonly sender: Sender
  readonly now: () => number
  readonly overwrite: () => 'staged' | 'in-place'
  readonly durable: Durable
}

/** The tree with what overwrites leave behind beside the rest. */
export type StagedFileSystem = VirtualFileSystem &
  Required<Pick<VirtualFileSystem, 'restore' | 'resume' | 'shelved'>>

/**
 * A tree in which an overwrite is written out of sight and put in the place of the old file at CLOSE, in one step.
 * Whatever fails on the way, the old content stays whole and readable. New files are marked until their CLOSE.
 *
 * The one table of what a request means while uploads are under way; how they go is in `unfinished`, `staging`,
 * `undecided` and `goneOn`.
 */
export function staged(vfs: VirtualFileSystem, parts: StageParts): StagedFileSystem {
  const { account, shelf, shelved, partials, writers, store, book, inodes, sender } = parts
  const files = unfinished({
    ...parts,
    session: {},
    durable: parts.durable === 'always',
    syncFolder: shelf.syncFolder,
  })
  const here = new OpenHere()
  const inPlace = (file: FileHandle, path: VirtualPath): FileHandle =>
    here.counted(honest(file, path, parts.durable === 'always'), true)

  const stat = (path: VirtualPath, follow = true): Stat | undefined => {
    try {
      return now(vfs.stat(path, { follow }))
    } catch (error) {
      if (isOpError(error, 'ENOENT') || isOpError(error, 'ELOOP') || isOpError(error, 'ENOTDIR'))
        return undefined
      throw error
    }
  }
  const overwrites = staging(vfs, parts, stat, inPlace, files.begun)
  const { named, own, settled } = overwrites

  /** The last name of a file is another one's by now, or nobody's. */
  function gone(found: Stat, how: 'replaced' | 'removed'): void {
    partials.unmark(found)
    writers.unnamed(found)
    // What we write in it ourselves is left alone, as in POSIX. Others are told: it would be under no name.
    if (files.isOurs(found) || here.writers(found) > 0) return
    writers.end(found, how === 'removed' ? 'removed' : 'newer')
    inodes.lose(found, how)
  }

  function open(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): Awaitable<FileHandle> {
    const under = own(path)
    if (under?.kind === 'undecided' && under.file.staging)
      return then(under.file.decide(), () => open(path, flags, attrs))
    const writes = flags.write === true || flags.append === true
    if (under?.kind === 'overwrite') return openOwn(under.file, path, flags)
    if (!writes) return then(vfs.open(path, flags, attrs), (file) => here.counted(file, false))
    // Most uploads are new: making the file saves a look whether it is there.
    if (flags.create && !flags.exclusive)
      return unless(
        () => openToMake(path, { ...flags, exclusive: true }, attrs),
        (error) => isOpError(error, 'EEXIST'),
        () => openThere(path, flags, attrs),
      )
    return openThere(path, flags, attrs)
  }

  function openToMake(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): Awaitable<FileHandle> {
    return then(vfs.open(path, flags, attrs), (file) => files.begun(file, path))
  }

  function openThere(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): Awaitable<FileHandle> {
    const found = stat(path)
    if (found === undefined) return openToMake(path, flags, attrs)
    if (found.kind !== 'file' || flags.exclusive) return vfs.open(path, flags, attrs)
    if (partials.has(found)) return openPartial(path, found, flags, attrs)
    // Where the server may write everything (root) the disk would not say it.
    if ((found.mode & 0o222) === 0)
      throw new OpError('EACCES', `"${shown(path)}" is read-only: change its mode first`, { path })
    const stages = found.size > 0 && found.nlink === 1 && parts.overwrite() === 'staged'
    const empty = found.size === 0 && found.nlink === 1
    if (flags.truncate) {
      // What this session writes in place would be lost with the old file.
      if (stages && here.writers(found) === 0) return overwrites.open(now(vfs.realpath(path)), found, flags)
      return then(vfs.open(path, flags, attrs), (file) =>
        empty || here.writers(found) === 0 ? files.begun(file, path) : inPlace(file, path),
      )
    }
    const target = now(vfs.realpath(path))
    if (flags.append && found.size > 0) refuseMix(target)
    const uploads = !flags.read && !flags.append
    return then(vfs.open(path, flags, attrs), (file) => {
      // Nobody's yet: as one that plain scp has made.
      if (empty && uploads && here.count(found) === 0) return files.begun(file, path)
      return flags.append || found.size === 0
        ? inPlace(file, path)
        : openUntruncated(file, target, found, stages && uploads)
    })
  }

  /** Within the session the name means the staged file. */
  function openOwn(file: Overwrite, path: VirtualPath, flags: OpenFlags): Awaitable<FileHandle> {
    if (flags.exclusive) throw failure('EEXIST', path)
    const cuts = flags.truncate === true && (flags.write === true || flags.append === true)
    const how = { appends: flags.append === true, changed: cuts }
    const opened = (): FileHandle => ownHandle(file.share(how), file, flags)
    return cuts ? then(file.truncate(0), opened) : opened()
  }

  /** A TRUNC is in place, but beside another session that writes it; without one, this session goes on with it, or begins it anew. */
  function openPartial(
    path: VirtualPath,
    found: Stat,
    flags: OpenFlags,
    attrs?: NewAttrs,
  ): Awaitable<FileHandle> {
    const goesOn = flags.truncate !== true
    const mayBegin = goesOn && flags.create && !flags.read && !flags.append && !files.isOurs(found)
    const asked = files.takeOver(found, goesOn)
    return then(asked, (isOpen) => {
      if (isOpen && flags.truncate)
        return overwrites.open(now(vfs.realpath(path)), { ...found, size: 0 }, flags)
      return then(vfs.open(path, flags, attrs), (file) => {
        if (flags.truncate) writers.find(found)?.written.resized(0)
        const begun = files.begun(file, path)
        return mayBegin ? begunAnew(begun) : begun
      })
    })
  }

  function openUntruncated(file: FileHandle, path: VirtualPath, old: Stat, stages: boolean): FileHandle {
    const stillThere = (): Stat | undefined => {
      const current = stat(path, false)
      return current !== undefined && keyOf(current) === keyOf(old) ? current : undefined
    }
    const handle = undecided(inPlace(file, path), {
      refuse(offset) {
        if (offset === old.size) refuseMix(path)
      },
      stage() {
        if (!stages || here.count(old) !== 1 || own(path) !== undefined) return undefined
        const current = stillThere()
        if (current === undefined || current.size === 0) return undefined
        const as: Own = { kind: 'undecided', file: handle }
        return overwrites.begin(path, current, as)
      },
      async reopen() {
        if (stillThere() === undefined) return undefined
        try {
          return await vfs.open(path, { read: true })
        } catch (error) {
          if (isOpError(error, 'EACCES')) return undefined
          throw error
        }
      },
    })
    return handle
  }

  /** A resume by size onto the old file, while an interrupted replacement is kept. EBUSY. */
  function refuseMix(path: VirtualPath): void {
    if (shelved.part(path) === undefined) return
    throw new OpError(
      'EBUSY',
      `"${shown(path)}" still holds the old file; its interrupted replacement cannot be continued by size. Put it again from the start, or remove it first`,
      { path },
    )
  }

  return {
    open,
    resume: (path, size) =>
      goneOn(vfs, { shelved, staging: overwrites, unfinished: files, stat }, path, size),
    openDirectory: (path) =>
      then(vfs.openDirectory(path), (folder) => overwrites.listed(files.withMarks(folder), path)),
    stat: (path, options) => {
      const under = own(path, options?.follow)
      return under === undefined ? then(vfs.stat(path, options), files.marked) : under.file.stat()
    },
    setstat(path, attrs, options) {
      const under = own(path, options?.follow)
      if (under !== undefined) return under.file.setstat(attrs)
      const writing = attrs.size === undefined ? undefined : writers.find(now(vfs.stat(path, options)))
      return then(vfs.setstat(path, attrs, options), () => writing?.written.resized(attrs.size!))
    },
    mkdir: (path, mode) => vfs.mkdir(path, mode),
    rmdir: (path) =>
      // What is left may be parts and kept files beside their targets, which nobody else can see.
      unless(
        () => vfs.rmdir(path),
        (error) =>
          isOpError(error, 'ENOTEMPTY') && looksEmpty(path) && shelved.dropBeside(now(vfs.realpath(path))),
        () => vfs.rmdir(path),
      ),
    unlink,
    rename: (from, to, options) => settled(from, () => settled(to, () => rename(from, to, options))),
    link: (existing, path) => settled(existing, () => vfs.link(existing, path)),
    readlink: (path) => vfs.readlink(path),
    symlink: (target, path) => vfs.symlink(target, path),
    realpath: (path) => vfs.realpath(path),
    space: (path) => vfs.space(path),
    shelved: () =>
      shelved
        .list()
        .map(({ kind, path, size, until }) => ({ kind: kind as 'part' | 'kept', path, size, until })),
    async restore(path) {
      const target = now(vfs.realpath(path))
      await book.whenRoom(0, 1, () => {
        const file = shelved.takeKept(target)
        try {
          substitute(file.id, file.size, file.size, target, {
            shelf,
            shelved,
            partials,
            book,
            inodes,
            writers,
            stat,
          })
        } catch (error) {
          shelved.putBack(file)
          throw error
        }
      })
    },
    async [Symbol.asyncDispose]() {
      await using _ = vfs
      await overwrites.abandon()
    },
  }

  /** What lies beside its target is not listed. False when it cannot be seen. */
  function looksEmpty(path: VirtualPath): boolean {
    try {
      const folder = now(vfs.openDirectory(path))
      try {
        return now(folder.read(1)).length === 0
      } finally {
        now(folder.close())
      }
    } catch (error) {
      if (isOpError(error)) return false
      throw error
    }
  }

  function rename(
    from: VirtualPath,
    to: VirtualPath,
    options: { readonly replace: boolean },
  ): Awaitable<void> {
    const target = stat(to, false)
    const source = stat(from, false)
    // Asked before: what is renamed may be on the way to its new name.
    const [was, is] = [named(from), named(to)]
    return then(vfs.rename(from, to, options), () => {
      const isSame = source !== undefined && target !== undefined && keyOf(source) === keyOf(target)
      if (isSame || was === undefined || is === undefined) return
      if (target?.kind === 'file' && target.nlink === 1) gone(target, 'replaced')
      // It is renamed, whether or not a full disk takes that down.
      unlessFull(() => (source?.kind === 'directory' ? shelved.renamed(was, is) : shelved.moved(was, is)))
    })
  }

  /** rclone removes what it could not upload: that is the failed upload then, and not the old file. */
  function unlink(path: VirtualPath): Awaitable<void> {
    const under = own(path)
    if (under?.kind === 'overwrite' && under.file.broken) return under.file.discard()
    return settled(path, () => {
      const found = stat(path, false)
      const target = found?.kind === 'symlink' ? undefined : now(vfs.realpath(path))
      if (target !== undefined && store.takeFailed(account, target, sender, parts.now())) {
        if (shelved.dropPart(target) || found?.kind === 'file') return
      }
      if (found === undefined && target !== undefined && shelved.dropPart(target)) return
      return then(vfs.unlink(path), () => {
        if (found?.kind === 'file' && found.nlink === 1) gone(found, 'removed')
        if (target !== undefined) shelved.dropPart(target)
      })
    })
  }
}

/** `act`; but where it fails so that `mends` can do something about it, `again`. */
function unless<T>(
  act: () => Awaitable<T>,
  mends: (error: unknown) => boolean,
  again: () => Awaitable<T>,
): Awaitable<T> {
  const failed = (error: unknown): Awaitable<T> => {
    if (!mends(error)) throw error
    return again()
  }
  try {
    const done = act()
    return isPromise(done) ? done.catch(failed) : done
  } catch (error) {
    return failed(error)
  }
}
