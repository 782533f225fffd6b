import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { atOnce, type InTurn } from '../base/lane.ts'
import { errnoOf, fileError } from './errno.ts'
import { type Jail, type Place, type RealPath, realPath } from './jail.ts'
import { openedFile } from './local-file.ts'
import { statOf } from './local-stat.ts'
import type { Paced } from './paced-file.ts'
import { reservedName } from './reserved.ts'
import type { FileHandle, Stat, VirtualPath } from './vfs.ts'

const MAKE = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL

/**
 * Files of an account that no name of its tree leads to: overwrites under way, and what they replaced. They lie in a
 * folder that only the server knows; those whose target is on another device beside it, under a reserved name.
 */
export interface Shelf {
  /** Of a file for the name `path`; it says where the file lies. */
  newId(path: VirtualPath): string
  /** With the mode of the file it will replace, and its owner and group as far as the server may give files away. */
  make(id: string, old: Pick<Stat, 'mode' | 'uid' | 'gid'>, path: VirtualPath): FileHandle
  /** An interrupted one again, to read and to write. */
  open(id: string, path: VirtualPath): FileHandle
  stat(id: string, path: VirtualPath): Stat | undefined
  /** Puts it in the place of what bears the name `path`, in one step. */
  place(id: string, path: VirtualPath): void
  /** Gives the file at `path` a second life here; `place` over it then replaces only its name. False where the disk cannot. */
  keep(id: string, path: VirtualPath): boolean
  /** It is for the name `to` from now on. */
  move(id: string, path: VirtualPath, to: VirtualPath): void
  cut(id: string, path: VirtualPath, size: number): void
  /** Nothing when it is not there. */
  remove(id: string, path: VirtualPath): void
  /** fsync of the folder that holds `path`: a rename is durable after it. */
  syncFolder(path: VirtualPath): Promise<void>
}

/** In `folder` (a real path); names on the other side go through the jail. */
export function openShelf(
  folder: string,
  jail: Pick<Jail, 'walk'>,
  paced: Paced = (file) => file,
  inTurn: InTurn = atOnce,
): Shelf {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { dev } = fs.statSync(folder)

  /** At the name `path`, with the real place of the file `id` for it. */
  function at<T>(id: string, path: VirtualPath, use: (real: string | Buffer, place: Place) => T): T {
    return jail.walk(path, false, (place) =>
      use(isBeside(id) ? realPath(place.folder, reservedName(id)) : join(folder, id), place),
    )
  }
  function opened(id: string, path: VirtualPath, flags: number, mode = 0): number {
    return at(id, path, (real) => fs.openSync(real, flags | fs.constants.O_NOFOLLOW, mode & 0o777))
  }

  return {
    newId: (path) =>
      jail.walk(path, false, (place) => {
        const far = fs.fstatSync(place.folder).dev !== dev
        return `${far ? BESIDE : ''}${randomUUID()}`
      }),
    make(id, { mode, uid, gid }, path) {
      const descriptor = opened(id, path, MAKE, mode)
      try {
        const made = fs.fstatSync(descriptor)
        if (made.uid !== uid || made.gid !== gid) giveAway(descriptor, uid, gid)
        // Behind that: it takes the bits away that run a file as its owner.
        fs.fchmodSync(descriptor, mode & 0o7777)
        return paced(openedFile(descriptor, path, false), made.dev)
      } catch (error) {
        fs.closeSync(descriptor)
        throw error
      }
    },
    open(id, path) {
      const descriptor = opened(id, path, fs.constants.O_RDWR)
      return paced(openedFile(descriptor, path, false), fs.fstatSync(descriptor).dev)
    },
    stat: (id, path) =>
      unlessGone(() =>
        isBeside(id)
          ? at(id, path, (real) => statOf(fs.lstatSync(real)))
          : statOf(fs.lstatSync(join(folder, id))),
      ),
    place: (id, path) => at(id, path, (real, place) => fs.renameSync(real, place.real)),
    keep: (id, path) => at(id, path, (real, place) => linked(place.real, real)),
    move(id, path, to) {
      if (isBeside(id)) at(id, path, (before) => at(id, to, (after) => fs.renameSync(before, after)))
    },
    cut: (id, path, size) => at(id, path, (real) => fs.truncateSync(real, size)),
    remove: (id, path) =>
      unlessGone(() =>
        isBeside(id) ? at(id, path, (real) => fs.unlinkSync(real)) : fs.unlinkSync(join(folder, id)),
      ),
    async syncFolder(path) {
      const descriptor = jail.walk(path, false, (place) =>
        fs.openSync(`/proc/self/fd/${place.folder}/.`, fs.constants.O_RDONLY),
      )
      try {
        await inTurn(
          () =>
            new Promise<void>((resolve, reject) =>
              fs.fsync(descriptor, (error) => (error ? reject(fileError(error, path)) : resolve())),
            ),
        )
      } finally {
        fs.closeSync(descriptor)
      }
    },
  }
}

const BESIDE = 'beside-'

/** Whether it lies beside its target, on another device than the rest. */
export function isBeside(id: string): boolean {
  return id.startsWith(BESIDE)
}

/** As far as it may: only root gives files away, and in a container not to everybody; a group may be one of the server's own. */
function giveAway(descriptor: number, uid: number, gid: number): void {
  for (const owner of [uid, -1]) {
    try {
      fs.fchownSync(descriptor, owner, gid)
      return
    } catch (error) {
      if (!['EPERM', 'EINVAL'].includes(errnoOf(error) ?? '')) throw error
    }
  }
}

/** A disk without hard links keeps nothing that is replaced. */
function linked(from: RealPath | Buffer, to: string | Buffer): boolean {
  try {
    fs.linkSync(from, to)
    return true
  } catch (error) {
    if (['EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(error) ?? '')) return false
    throw error
  }
}

function unlessGone<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    const code = errnoOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined
    throw error
  }
}
