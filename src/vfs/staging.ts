import { type Awaitable, now, then } from '../base/awaitable.ts'
import { isOpError } from '../base/error.ts'
import { fileError } from './errno.ts'
import { type Loan, lend, NO_LOAN } from './loan.ts'
import { type Overwrite, overwrite } from './overwrite.ts'
import { ownHandle } from './own-handle.ts'
import { isWithin, nameOf, parentOf, virtualPath } from './path.ts'
import type { StageParts } from './staged.ts'
import { type SubstituteParts, substitute } from './substitute.ts'
import type { Undecided } from './undecided.ts'
import type { ShelvedFile } from './uploads.ts'
import type {
  DirectoryHandle,
  Entry,
  FileHandle,
  OpenFlags,
  Stat,
  VirtualFileSystem,
  VirtualPath,
} from './vfs.ts'
import { type Slot, Written } from './written.ts'

/** How long a failed upload may be removed by its name, the old file left alone: rclone does so. In ms. */
const FAILED_MS = 60_000

/** What a session has under way for a name. */
export type Own =
  | { readonly kind: 'overwrite'; readonly file: Overwrite }
  | { readonly kind: 'undecided'; readonly file: Undecided }

/** The overwrites that one session has under way. */
export interface Staging {
  /** The real name of `path`; a link at its end stays one. Undefined when nothing can have it. */
  named(path: VirtualPath): VirtualPath | undefined
  /** Of the name `path`; a link at its end is followed, unless `follow` is false. */
  own(path: VirtualPath, follow?: boolean): Own | undefined
  /** A listing of the folder `path`, with what is under way in it as a STAT tells it. */
  listed(folder: DirectoryHandle, path: VirtualPath): DirectoryHandle
  /** Does `act` with the name as this session sees it: what is under way for it, or in the folder of that name, is committed first. */
  settled<T>(path: VirtualPath, act: () => Awaitable<T>): Awaitable<T>
  /** Of the file `old` at the real name `path`. EACCES, as an open in its place would be. */
  open(path: VirtualPath, old: Stat, flags: OpenFlags): Awaitable<FileHandle>
  /** The same without looking whether the old file may be written; `as`: what the session then has under way. EDQUOT. */
  begin(path: VirtualPath, old: Stat, as?: Own): Awaitable<Overwrite>
  /** A part is gone on with. */
  resume(part: ShelvedFile): Overwrite
  /** The session ends: what is under way becomes parts. */
  abandon(): Promise<void>
}

/** `inPlace`: a handle on a file under its name, as any other of this session; `unfinished`: on one that is not whole before its CLOSE. */
export function staging(
  vfs: VirtualFileSystem,
  parts: StageParts,
  stat: SubstituteParts['stat'],
  inPlace: (file: FileHandle, path: VirtualPath) => FileHandle,
  unfinished: (file: FileHandle, path: VirtualPath) => FileHandle,
): Staging {
  const { account, shelf, shelved, partials, store, openUploads, book, inodes, writers, refusals, sender } =
    parts
  const mine = new Map<VirtualPath, Own>()

  /** It leads nowhere, and so to nothing that is under way: what is asked for it says why, if it matters there. */
  function real(path: VirtualPath): VirtualPath | undefined {
    try {
      return now(vfs.realpath(path))
    } catch (error) {
      if (isOpError(error)) return undefined
      throw error
    }
  }
  function named(path: VirtualPath): VirtualPath | undefined {
    const folder = real(parentOf(path))
    return folder && virtualPath(nameOf(path), folder)
  }
  function own(path: VirtualPath, follow = true): Own | undefined {
    if (mine.size === 0) return undefined
    const name = follow ? real(path) : named(path)
    return name && mine.get(name)
  }
  /** What is under way for the name, or in the folder of that name: there without what failed, whose CLOSE says so. */
  function within(path: VirtualPath): readonly Own[] {
    if (mine.size === 0) return []
    const [file, folder] = [real(path), named(path)]
    const isInside = (name: VirtualPath, of: Own): boolean =>
      folder !== undefined && isWithin(name, folder) && !(of.kind === 'overwrite' && of.file.broken)
    return [...mine].filter(([name, of]) => name === file || isInside(name, of)).map(([, of]) => of)
  }

  /** Refuses what was refused a moment ago. */
  function begin(path: VirtualPath, old: Stat, as?: Own): Awaitable<Overwrite> {
    if (!refusals.has(path)) return beginNow(path, old, as)
    return then(book.exactFree(), (free) => {
      refusals.check(path, free)
      return beginNow(path, old, as)
    })
  }

  function beginNow(path: VirtualPath, old: Stat, as?: Own): Overwrite {
    // A new attempt: what failed before is no longer what a REMOVE means.
    store.takeFailed(account, path, sender, parts.now())
    const loan = loanOf(path, old)
    const id = shelf.newId(path)
    try {
      shelved.begin(id, path)
      const file = unmarked(shelf.make(id, old, path))
      return entered({ id, file, path, loan, size: 0, reserved: 0 }, as)
    } catch (error) {
      loan.end()
      shelved.letGo(id, path)
      throw error
    }
  }

  /** New: a mark is of one that had its number before, and was removed behind our back. */
  function unmarked(file: FileHandle): FileHandle {
    try {
      partials.unmark(now(file.stat()))
    } catch (error) {
      void file.abandon()
      throw error
    }
    return file
  }

  /** Of the file that is replaced, if it has bytes to lend. */
  function loanOf(path: VirtualPath, old: Stat | undefined): Loan {
    if (old?.kind !== 'file' || old.size === 0 || old.nlink > 1 || (old.mode & 0o444) === 0) return NO_LOAN
    if (shelved.isOpenElsewhere(path)) return NO_LOAN
    const held = now(vfs.open(path, { read: true }))
    return lend(held, now(held.stat()), inodes, book)
  }

  function entered(
    { size, ...of }: Omit<Parameters<typeof overwrite>[0], 'written' | 'slot'> & { readonly size: number },
    as?: Own,
  ): Overwrite {
    const { path, file } = of
    const slot = slotOf(file, path)
    const made = overwrite(
      { ...of, slot, written: new Written(size, slot) },
      {
        book,
        refusals,
        shelf,
        shelved,
        durable: parts.durable !== 'never',
        place: (id, size, reserved) =>
          substitute(id, size, reserved, path, { shelf, shelved, partials, book, inodes, writers, stat }),
        reopen: (at, whole) =>
          then(vfs.open(at, { read: true, write: true }), (file) => (whole ? inPlace : unfinished)(file, at)),
        over: () => mine.delete(path),
        failed: () => store.addFailed(account, path, sender, parts.now() + FAILED_MS),
      },
    )
    mine.set(path, as ?? { kind: 'overwrite', file: made })
    return made
  }

  function slotOf(file: FileHandle, path: VirtualPath): Slot {
    try {
      return openUploads.enter(account, now(file.stat()), 'staged')
    } catch (error) {
      void file.abandon()
      throw fileError(error, path)
    }
  }

  return {
    named,
    own,
    listed(folder, path) {
      const seen = (entry: Entry, at: VirtualPath): Entry => {
        const file = mine.get(virtualPath(entry.name, at))?.file
        return file === undefined ? entry : { name: entry.name, stat: now(file.stat()) }
      }
      return {
        read: (most) =>
          then(folder.read(most), (entries) => {
            const at = mine.size === 0 ? undefined : real(path)
            return at === undefined ? entries : entries.map((entry) => seen(entry, at))
          }),
        close: () => folder.close(),
      }
    },
    settled(path, act) {
      const settle = ({ kind, file }: Own): Awaitable<void> =>
        kind === 'overwrite' ? file.commit() : file.decide()
      const one = (before: Awaitable<void>, of: Own) => then(before, () => settle(of))
      return then(within(path).reduce(one, undefined), act)
    },
    open: (path, old, flags) =>
      then(vfs.open(path, { write: true }), (probe) =>
        then(probe.close(), () => then(begin(path, old), (file) => ownHandle(file, file, flags))),
      ),
    begin,
    resume({ id, path, size, ...part }) {
      const loan = loanOf(path, stat(path))
      try {
        const file = shelf.open(id, path)
        shelved.resumePart({ id, path, size, ...part })
        // Its bytes are reserved whole.
        return entered({ id, file, path, loan, size, reserved: size })
      } catch (error) {
        loan.end()
        throw error
      }
    },
    async abandon() {
      // Each of them, whatever becomes of the others.
      await using ends = new AsyncDisposableStack()
      for (const { file } of [...mine.values()].reverse()) ends.defer(() => file.abandon())
    },
  }
}
