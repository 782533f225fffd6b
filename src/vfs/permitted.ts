import type { Rights } from '../accounts/account.ts'
import { type Awaitable, then } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { Fresh } from './fresh.ts'
import { handleOver } from './handle-over.ts'
import { writes } from './metered.ts'
import type { FileHandle, OpenFlags, Stat, VirtualFileSystem, VirtualPath } from './vfs.ts'

export interface Permission {
  /** What the account may do now: asked at each OPEN and path request. EACCES when it may not be here any more. */
  readonly rights: () => Awaitable<Rights>
  /** Rights as people call them: "drop-box". */
  readonly describe: (rights: Rights) => string
  /** The files that this account is making. */
  readonly fresh: Fresh
}

/**
 * A tree in which only that is done which the account's rights allow: the one place of that rule. Who may write but
 * not overwrite can add files, and go on with, hash, stat, rename to a free name and set the times of those it is
 * making, and of no others: a drop-box.
 */
export function permitted(
  vfs: VirtualFileSystem,
  { rights, describe, fresh }: Permission,
): VirtualFileSystem {
  const refusal = (verb: string, path: VirtualPath, may: Rights): OpError =>
    new OpError('EACCES', `Not allowed to ${verb} "${shown(path)}": this account is ${describe(may)}`, {
      path,
    })
  /** Does `act` when the rights allow it. */
  const when = <T>(
    allowed: (may: Rights) => boolean,
    verb: string,
    path: VirtualPath,
    act: () => Awaitable<T>,
  ): Awaitable<T> =>
    then(rights(), (may) => {
      if (!allowed(may)) throw refusal(verb, path, may)
      return act()
    })
  const changes = (may: Rights): boolean => may.write && may.overwrite
  const sees = (may: Rights): boolean => may.list || may.read
  const look = (path: VirtualPath): Awaitable<Stat | undefined> => optional(() => vfs.stat(path))

  function open(
    path: VirtualPath,
    flags: OpenFlags,
    attrs: Parameters<VirtualFileSystem['open']>[2],
  ): Awaitable<FileHandle> {
    return then(rights(), (may) => {
      if (!writes(flags)) return openToRead(path, flags, may)
      if (!may.write) throw refusal('write', path, may)
      if (!may.overwrite) return openToAdd(path, flags, attrs, may)
      const opened = vfs.open(path, flags, attrs)
      if (may.read) return opened
      // Hashes of pieces say what is in a file; of what it wrote itself it knows.
      const hidden = flags.truncate ? undefined : { descriptor: () => undefined }
      return then(opened, (file) => unreadable(file, path, may, hidden))
    })
  }

  function openToRead(path: VirtualPath, flags: OpenFlags, may: Rights): Awaitable<FileHandle> {
    if (may.read) return then(vfs.open(path, flags), (file) => unchangeable(file, path))
    if (!flags.hash) throw refusal('read', path, may)
    return then(vfs.open(path, flags), (file) =>
      then(file.stat(), (found) => {
        if (fresh.has(found)) return unreadable(unchangeable(file, path), path, may)
        return then(file.close(), () => {
          throw refusal('read', path, may)
        })
      }),
    )
  }

  /** A file that is not there yet, or one that this account is making. */
  function openToAdd(
    path: VirtualPath,
    flags: OpenFlags,
    attrs: Parameters<VirtualFileSystem['open']>[2],
    may: Rights,
  ): Awaitable<FileHandle> {
    return then(look(path), (found) => {
      const cuts = found !== undefined && flags.truncate === true && !found.partial && found.size > 0
      if (found !== undefined && (!fresh.has(found) || cuts)) throw refusal('replace', path, may)
      // Whatever comes into being meanwhile is somebody else's.
      const exclusive = found === undefined && flags.create === true
      return then(vfs.open(path, exclusive ? { ...flags, exclusive } : flags, attrs), (file) =>
        then(making(file, path, may), (made) => adding(made, path, found, may)),
      )
    })
  }

  /** What was whole stays as it is, and is gone on with behind its end. */
  function adding(file: FileHandle, path: VirtualPath, found: Stat | undefined, may: Rights): FileHandle {
    if (found === undefined || found.partial === true) return file
    const check = (from: number): void => {
      if (from < found.size) throw refusal('replace', path, may)
    }
    return handleOver(() => file, {
      write(data, offset) {
        if (!file.appends) check(offset)
        return file.write(data, offset)
      },
      truncate(size) {
        check(size)
        return file.truncate(size)
      },
      setstat(attrs) {
        if (attrs.size !== undefined) check(attrs.size)
        return file.setstat(attrs)
      },
    })
  }

  function making(file: FileHandle, path: VirtualPath, may: Rights): Awaitable<FileHandle> {
    return then(file.stat(), (made) => {
      const added = inTheMaking(file, made)
      return may.read ? added : unreadable(added, path, may)
    })
  }

  function inTheMaking(file: FileHandle, inode: Stat): FileHandle {
    fresh.opened(inode)
    let open = true
    const over = (): void => {
      if (open) fresh.closed(inode)
      open = false
    }
    return handleOver(() => file, {
      close: () => whatever(() => file.close(), over),
      abandon: () => whatever(() => file.abandon(), over),
    })
  }

  /** A file that was opened for reading says nothing of the right to set its mode or times: fchmod would do it. */
  function unchangeable(file: FileHandle, path: VirtualPath): FileHandle {
    return handleOver(() => file, {
      found: file.found,
      truncate: (size) => when(changes, 'change', path, () => file.truncate(size)),
      setstat: (attrs) => when(changes, 'change', path, () => file.setstat(attrs)),
    })
  }

  function unreadable(
    file: FileHandle,
    path: VirtualPath,
    may: Rights,
    also: Partial<FileHandle> = {},
  ): FileHandle {
    return handleOver(() => file, {
      ...also,
      read() {
        throw refusal('read', path, may)
      },
    })
  }

  /** Of its own files an account that sees nothing hears; of others not, but for folders, which clients go into. */
  function stat(
    path: VirtualPath,
    options: { readonly follow: boolean } | undefined,
    may: Rights,
  ): Awaitable<Stat> {
    return then(vfs.stat(path, options), (found) => {
      if (sees(may) || found.kind === 'directory' || fresh.has(found)) return found
      throw refusal('look at', path, may)
    })
  }

  function mayChange(may: Rights, found: Stat): boolean {
    if (found.kind === 'directory') return changes(may) || may.mkdir
    return changes(may) || (may.write && fresh.has(found))
  }

  function rename(from: VirtualPath, to: VirtualPath, replace: boolean, may: Rights): Awaitable<void> {
    if (!may.write) throw refusal('rename', from, may)
    const move = (): Awaitable<void> => vfs.rename(from, to, { replace: replace && may.overwrite })
    if (may.delete) return move()
    return then(vfs.stat(from, { follow: false }), (found) => {
      if (found.kind !== 'file' || !fresh.has(found)) throw refusal('rename', from, may)
      return move()
    })
  }

  /** Going on with a file changes it: one of its own, unless it may change any. */
  function resume(path: VirtualPath, size: number, may: Rights): Awaitable<FileHandle> {
    const go = (): Awaitable<FileHandle> => vfs.resume!(path, size)
    if (changes(may)) return may.read ? go() : then(go(), (file) => unreadable(file, path, may))
    return then(look(path), (found) => {
      if (!may.write || found === undefined || !fresh.has(found)) throw refusal('change', path, may)
      return then(go(), (file) => then(making(file, path, may), (made) => adding(made, path, found, may)))
    })
  }

  return {
    open,
    openDirectory: (path) =>
      when(
        (may) => may.list,
        'list',
        path,
        () => vfs.openDirectory(path),
      ),
    stat: (path, options) => then(rights(), (may) => stat(path, options, may)),
    setstat: (path, attrs, options) =>
      then(rights(), (may) => {
        if (changes(may)) return vfs.setstat(path, attrs, options)
        return then(vfs.stat(path, options), (found) => {
          const cuts = attrs.size !== undefined && !found.partial
          if (!mayChange(may, found) || cuts) throw refusal('change', path, may)
          return vfs.setstat(path, attrs, options)
        })
      }),
    mkdir: (path, mode) =>
      when(
        (may) => may.mkdir,
        'make the folder',
        path,
        () => vfs.mkdir(path, mode),
      ),
    rmdir: (path) =>
      when(
        (may) => may.delete,
        'delete',
        path,
        () => vfs.rmdir(path),
      ),
    unlink: (path) =>
      when(
        (may) => may.delete,
        'delete',
        path,
        () => vfs.unlink(path),
      ),
    rename: (from, to, { replace }) => then(rights(), (may) => rename(from, to, replace, may)),
    link: (existing, path) => when(changes, 'link to', existing, () => vfs.link(existing, path)),
    readlink: (path) => when(sees, 'look at', path, () => vfs.readlink(path)),
    symlink: (target, path) => when(changes, 'make the link', path, () => vfs.symlink(target, path)),
    // Where links lead is part of what is there to be seen.
    realpath: (path) => then(rights(), (may) => (sees(may) ? vfs.realpath(path) : path)),
    space: (path) => then(rights(), () => vfs.space(path)),
    ...(vfs.restore && {
      restore: async (path: VirtualPath) => {
        const may = await rights()
        if (!changes(may)) throw refusal('restore', path, may)
        await vfs.restore?.(path)
      },
    }),
    ...(vfs.resume && {
      resume: (path: VirtualPath, size: number) => then(rights(), (may) => resume(path, size, may)),
    }),
    mayPut: (path) =>
      then(rights(), (may) => {
        if (!may.write) throw refusal('write', path, may)
        if (may.overwrite) return
        return then(look(path), (found) => {
          if (found !== undefined && found.kind !== 'directory' && !fresh.has(found))
            throw refusal('replace', path, may)
        })
      }),
    ...(vfs.shelved && { shelved: () => vfs.shelved?.() ?? [] }),
    [Symbol.asyncDispose]: () => vfs[Symbol.asyncDispose](),
  }
}

/** `finish` runs when `act` is over, however it ended. */
function whatever<T>(act: () => Awaitable<T>, finish: () => void): Awaitable<T> {
  let done: Awaitable<T>
  try {
    done = act()
  } catch (error) {
    finish()
    throw error
  }
  if (done instanceof Promise) return done.finally(finish)
  finish()
  return done
}

function optional<T>(act: () => Awaitable<T>): Awaitable<T | undefined> {
  const missing = (error: unknown): undefined => {
    if (isOpError(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    const done = act()
    return done instanceof Promise ? done.catch(missing) : done
  } catch (error) {
    return missing(error)
  }
}
