import { type Awaitable, isPromise, now, then } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { Siblings } from '../base/siblings.ts'
import type { Book } from '../quota/book.ts'
import { handleOver, honest } from './handle-over.ts'
import type { Inodes } from './inodes.ts'
import { type Loan, lend, NO_LOAN } from './loan.ts'
import type { OpenUploads } from './open-uploads.ts'
import { type Overwrite, overwrite } from './overwrite.ts'
import { keyOf, type Partials } from './partials.ts'
import type { Refusals } from './refusals.ts'
import type { Shelf } from './shelf.ts'
import type { Shelved } from './shelved.ts'
import { substitute } from './substitute.ts'
import { type Undecided, undecided } from './undecided.ts'
import type { Inode, Sender, ShelvedFile, UploadStore } from './uploads.ts'
import type {
  DirectoryHandle,
  FileHandle,
  NewAttrs,
  OpenFlags,
  Stat,
  VirtualFileSystem,
  VirtualPath,
} from './vfs.ts'
import { watched } from './watched.ts'
import type { Writers } from './writers.ts'
import { Written } from './written.ts'

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
  readonly siblings: Siblings
  /** Who this session is. */
  readonly sender: Sender
  readonly now: () => number
  readonly overwrite: () => 'staged' | 'in-place'
  readonly durable: Durable
}

/** The tree with what overwrites leave behind beside the rest. */
export type StagedFileSystem = VirtualFileSystem &
  Required<Pick<VirtualFileSystem, 'restore' | 'resume' | 'shelved'>>

/** How long a failed upload may be removed by its name, the old file left alone: rclone does so. In ms. */
const FAILED_MS = 60_000

/** What this session has under way for a name. */
type Own =
  | { readonly kind: 'overwrite'; readonly file: Overwrite }
  | { readonly kind: 'undecided'; readonly file: Undecided }

/**
 * A tree in which an overwrite is written out of sight and put in the place of the old file at CLOSE, in one step.
 * Whatever fails on the way, the old content stays whole and readable. New files are marked until their CLOSE.
 *
 * Long because it is the one table of what a request means while uploads are under way; how they go is in
 * `watched`, `overwrite` and `undecided`.
 */
export function staged(vfs: VirtualFileSystem, parts: StageParts): StagedFileSystem {
  const { account, shelf, shelved, partials, writers, store, openUploads, book, inodes, refusals, sender } =
    parts
  const session = {}
  const mine = new Map<VirtualPath, Own>()
  /** How often this session has a complete file open, by inode. */
  const here = new Map<string, number>()

  const stat = (path: VirtualPath, follow = true): Stat | undefined => {
    try {
      return now(vfs.stat(path, { follow }))
    } catch (error) {
      if (isOpError(error, 'ENOENT') || isOpError(error, 'ELOOP') || isOpError(error, 'ENOTDIR'))
        return undefined
      throw error
    }
  }
  /** What other sessions see of an unfinished file is what a resume would find. */
  const marked = (found: Stat): Stat => {
    if (found.kind !== 'file' || !partials.has(found)) return found
    const writing = writers.find(found)
    const size = writing === undefined || writing.session === session ? found.size : writing.written.cut
    return { ...found, size, partial: true }
  }
  const own = (path: VirtualPath): Own | undefined =>
    mine.size === 0 ? undefined : mine.get(now(vfs.realpath(path)))
  /** Commits first: a rename or remove means the file as this session sees it. */
  const settled = <T>(path: VirtualPath, act: () => Awaitable<T>): Awaitable<T> => {
    const found = own(path)
    if (found === undefined) return act()
    return then(found.kind === 'overwrite' ? found.file.commit() : found.file.decide(), act)
  }

  function open(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): Awaitable<FileHandle> {
    const under = own(path)
    if (under?.kind === 'undecided' && under.file.staging)
      return then(under.file.decide(), () => open(path, flags, attrs))
    const writes = flags.write === true || flags.append === true
    if (under?.kind === 'overwrite') return openOwn(under.file, flags)
    if (!writes) return then(vfs.open(path, flags, attrs), counted)
    const found = stat(path)
    if (found === undefined) return then(vfs.open(path, flags, attrs), (file) => fresh(file, path))
    if (found.kind !== 'file' || flags.exclusive) return vfs.open(path, flags, attrs)
    if (partials.has(found)) return openPartial(path, found, flags, attrs)
    const stages = found.size > 0 && found.nlink === 1 && parts.overwrite() === 'staged'
    if (flags.truncate) {
      if (stages) return stage(now(vfs.realpath(path)), found, flags)
      const empty = found.size === 0 && found.nlink === 1
      return then(vfs.open(path, flags, attrs), (file) =>
        empty ? fresh(file, path) : counted(honest(file, path)),
      )
    }
    const target = now(vfs.realpath(path))
    if (flags.append && found.size > 0) refuseMix(target)
    return then(vfs.open(path, flags, attrs), (file) =>
      flags.append || found.size === 0
        ? counted(honest(file, path))
        : openUntruncated(file, target, found, stages && !flags.read),
    )
  }

  /** Within the session the name means the staged file. */
  function openOwn(file: Overwrite, flags: OpenFlags): Awaitable<FileHandle> {
    const shared = handleOver(() => file, { close() {}, abandon() {} })
    const again = flags.append
      ? handleOver(() => shared, { appends: true, write: (data) => file.write(data, file.size) })
      : shared
    return flags.truncate ? then(file.truncate(0), () => again) : again
  }

  function fresh(file: FileHandle, path: VirtualPath): FileHandle {
    const found = file.stat()
    return tracked(file, path, now(found))
  }

  /** A file that is not whole before its CLOSE. */
  function tracked(file: FileHandle, path: VirtualPath, found: Stat): FileHandle {
    const durable = parts.durable === 'always'
    const syncFolder = shelf.syncFolder
    return watched(file, path, found, {
      account,
      partials,
      writers,
      openUploads,
      session,
      durable,
      syncFolder,
    })
  }

  /** A TRUNC is in place, but beside another session that writes it; without one, this session goes on with it. */
  function openPartial(
    path: VirtualPath,
    found: Stat,
    flags: OpenFlags,
    attrs?: NewAttrs,
  ): Awaitable<FileHandle> {
    const asked = takeOver(found, flags.truncate !== true)
    return then(asked, (isOpen) => {
      if (isOpen && flags.truncate) return stage(now(vfs.realpath(path)), { ...found, size: 0 }, flags)
      return then(vfs.open(path, flags, attrs), (file) => fresh(file, path))
    })
  }

  /** Whether another session has it open; which is ended, if `end`. */
  function takeOver(inode: Inode, end: boolean): Awaitable<boolean> {
    const writing = writers.find(inode)
    if (writing !== undefined) {
      if (writing.session === session) return false
      return end ? writers.takeOver(inode) : true
    }
    if (parts.siblings.count === 0) return false
    const { dev, ino } = inode
    return parts.siblings.ask('upload', { account, dev, ino, end }).then((answers) => answers.includes(true))
  }

  /** A complete file, open more than once in a session, is shared as in POSIX: it is not staged then. */
  function counted(file: FileHandle): FileHandle {
    const key = keyOf(now(file.stat()))
    here.set(key, (here.get(key) ?? 0) + 1)
    let counts = true
    const gone = (): void => {
      if (!counts) return
      counts = false
      const left = here.get(key)! - 1
      if (left === 0) here.delete(key)
      else here.set(key, left)
    }
    return handleOver(() => file, {
      close() {
        gone()
        return file.close()
      },
      abandon() {
        gone()
        return file.abandon()
      },
    })
  }

  function openUntruncated(file: FileHandle, path: VirtualPath, old: Stat, stages: boolean): FileHandle {
    const handle = undecided(counted(honest(file, path)), {
      oldSize: old.size,
      refuse(offset) {
        if (offset === old.size) refuseMix(path)
      },
      stage() {
        if (!stages || here.get(keyOf(old)) !== 1 || mine.has(path)) return undefined
        const current = stat(path, false)
        if (current === undefined || keyOf(current) !== keyOf(old) || current.size === 0) return undefined
        return begin(path, current, {}, { kind: 'undecided', file: handle })
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

  /** Looks whether the old file may be written at all, as the open in its place would. */
  function stage(path: VirtualPath, old: Stat, flags: OpenFlags): Awaitable<FileHandle> {
    if ((old.mode & 0o222) === 0)
      throw new OpError('EACCES', `"${shown(path)}" is read-only: change its mode first`, { path })
    return then(vfs.open(path, { write: true }), (probe) =>
      then(probe.close(), () => begin(path, old, flags)),
    )
  }

  /** Refuses what was refused a moment ago; a part of the name would be given up for it. */
  function begin(path: VirtualPath, old: Stat, flags: OpenFlags, as?: Own): Awaitable<Overwrite> {
    if (!refusals.has(path)) return beginNow(path, old, flags, as)
    return then(book.exactFree(), (free) => {
      refusals.check(path, free + (shelved.part(path)?.size ?? 0))
      return beginNow(path, old, flags, as)
    })
  }

  function beginNow(path: VirtualPath, old: Stat, flags: OpenFlags, as?: Own): Overwrite {
    // A new attempt: what failed before is no longer what a REMOVE means.
    store.takeFailed(account, path, sender, parts.now())
    const loan = old.size === 0 || shelved.isOpenElsewhere(path) ? NO_LOAN : loanOf(path, old)
    try {
      const id = shelf.newId(path)
      shelved.begin(id, path)
      const file = shelf.make(id, old.mode, path)
      return staging({ id, file, path, loan, appends: flags.append === true, size: 0, reserved: 0 }, as)
    } catch (error) {
      loan.end()
      throw error
    }
  }

  function loanOf(path: VirtualPath, old: Stat): Loan {
    if ((old.mode & 0o444) === 0) return NO_LOAN
    const held = now(vfs.open(path, { read: true }))
    return lend(held, now(held.stat()), inodes, book)
  }

  function staging(
    { size, ...of }: Omit<Parameters<typeof overwrite>[0], 'written' | 'slot'> & { readonly size: number },
    as?: Own,
  ): Overwrite {
    const { path, file } = of
    const slot = openUploads.enter(account, file.stat(), 'staged')
    const made = overwrite(
      { ...of, slot, written: new Written(size, slot) },
      {
        book,
        refusals,
        shelf,
        shelved,
        durable: parts.durable !== 'never',
        place: (id, size, reserved) =>
          substitute(id, size, reserved, path, { shelf, shelved, partials, book, inodes, stat }),
        reopen: (at) => vfs.open(at, { read: true, write: true }),
        over: () => mine.delete(path),
        failed: () => store.addFailed(account, path, sender, parts.now() + FAILED_MS),
      },
    )
    mine.set(path, as ?? { kind: 'overwrite', file: made })
    return made
  }

  /** What an upload left is gone on with, in this session. */
  function resume(path: VirtualPath, size: number): Awaitable<FileHandle> {
    const under = own(path)
    if (under !== undefined) throw new OpError('EBUSY', `"${shown(path)}" is being written already`, { path })
    const target = now(vfs.realpath(path))
    const part = shelved.part(target)
    if (part?.size === size) return resumePart(part)
    const found = stat(path)
    const there = found?.kind === 'file' ? marked(found).size : 0
    if (found?.kind !== 'file' || there !== size) {
      const replacement = part === undefined ? '' : ` and ${part.size} of its interrupted replacement`
      throw new OpError(
        'EINVAL',
        `"${shown(path)}" has ${there} bytes here${replacement}, not ${size}: go on from there, or replace it by put -f`,
        { path },
      )
    }
    const opened = (): Awaitable<FileHandle> => vfs.open(path, { read: true, write: true })
    if (partials.has(found))
      return then(takeOver(found, true), () => then(opened(), (file) => fresh(file, path)))
    return then(opened(), (file) => onceWritten(file, () => fresh(file, path)))
  }

  function resumePart(part: ShelvedFile): FileHandle {
    const file = shelf.open(part.id, part.path)
    shelved.resumePart(part)
    return staging({
      id: part.id,
      file,
      path: part.path,
      // Its bytes are reserved whole.
      loan: NO_LOAN,
      appends: false,
      size: part.size,
      reserved: part.size,
    })
  }

  async function ended(): Promise<void> {
    for (const { file } of [...mine.values()]) await file.abandon()
    await vfs[Symbol.asyncDispose]()
  }

  return {
    can: vfs.can,
    open,
    resume,
    openDirectory: (path) => then(vfs.openDirectory(path), (folder) => withMarks(folder, marked)),
    stat: (path, options) => {
      const under = own(path)
      return under === undefined ? then(vfs.stat(path, options), marked) : under.file.stat()
    },
    setstat(path, attrs, options) {
      const under = own(path)
      if (under !== undefined) return under.file.setstat(attrs)
      const writing = attrs.size === undefined ? undefined : writers.find(now(vfs.stat(path, options)))
      return then(vfs.setstat(path, attrs, options), () => writing?.written.resized(attrs.size!))
    },
    mkdir: (path, mode) => vfs.mkdir(path, mode),
    rmdir: (path) =>
      // What is left may be parts and kept files beside their targets, which nobody else can see.
      unless(
        () => vfs.rmdir(path),
        (error) => isOpError(error, 'ENOTEMPTY') && shelved.dropWithin(now(vfs.realpath(path))),
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
          substitute(file.id, file.size, 0, target, { shelf, shelved, partials, book, inodes, stat })
        } catch (error) {
          shelved.putBack(file)
          throw error
        }
      })
    },
    [Symbol.asyncDispose]: ended,
  }

  function rename(
    from: VirtualPath,
    to: VirtualPath,
    options: { readonly replace: boolean },
  ): Awaitable<void> {
    const target = stat(to, false)
    const source = stat(from, false)
    return then(vfs.rename(from, to, options), () => {
      if (target?.kind === 'file' && target.nlink === 1 && keyOf(target) !== keyOf(source!))
        partials.unmark(target)
      if (source?.kind === 'directory') shelved.renamed(from, now(vfs.realpath(to)))
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
        if (found?.nlink === 1) partials.unmark(found)
        if (target !== undefined) shelved.dropPart(target)
      })
    })
  }
}

/** `file` until it is written, and then what `begin` makes of it: looking alone changes nothing. */
function onceWritten(file: FileHandle, begin: () => FileHandle): FileHandle {
  let current = file
  const begun = (): FileHandle => {
    if (current === file) current = begin()
    return current
  }
  return handleOver(() => current, {
    write: (data, offset) => begun().write(data, offset),
    truncate: (size) => begun().truncate(size),
  })
}

/** `act`; but where it fails so that `mends` can do something about it, `again`. */
function unless(
  act: () => Awaitable<void>,
  mends: (error: unknown) => boolean,
  again: () => Awaitable<void>,
): Awaitable<void> {
  const failed = (error: unknown): Awaitable<void> => {
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

function withMarks(folder: DirectoryHandle, marked: (found: Stat) => Stat): DirectoryHandle {
  return {
    read: (most) =>
      then(folder.read(most), (entries) => entries.map((entry) => ({ ...entry, stat: marked(entry.stat) }))),
    close: () => folder.close(),
  }
}
