import fs from 'node:fs'
import { OpError } from '../base/error.ts'
import type { DiskCalls } from './disk-calls.ts'
import { errnoOf, failure } from './errno.ts'
import { type Jail, O_PATH, type Place } from './jail.ts'
import { openedFile } from './local-file.ts'
import { statOf } from './local-stat.ts'
import type { Paced } from './paced-file.ts'
import type { FileHandle, NewAttrs, OpenFlags, Stat, VirtualPath } from './vfs.ts'

const { constants } = fs
/** Of the name itself, whatever it is: no device is opened, no FIFO waited for. */
export const LOOK = O_PATH | constants.O_NOFOLLOW
/** Of a mode, what may be set. */
export const MODE_BITS = 0o7777

export interface FilesParts {
  readonly jail: Jail
  /** Descriptors from this number on are not for files (EMFILE). */
  readonly mostDescriptor: number
  readonly paced: Paced
  readonly calls: DiskCalls | undefined
}

/** What is asked for with an OPEN. */
interface Asked {
  readonly path: VirtualPath
  readonly flags: OpenFlags
  /** As for open(2). */
  readonly access: number
  readonly mode: number
}

type OpenFile = (path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs) => FileHandle

/** Opens files of a home: by one call of the kernel where no link lies on the way, else where the jail walks to. */
export function filesIn({ jail, mostDescriptor, paced, calls }: FilesParts): OpenFile {
  /** What comes to nothing here is looked into on the walk, which knows why. */
  function shortly(asked: Asked): FileHandle | undefined {
    const { path, flags, access, mode } = asked
    if (calls === undefined) return undefined
    return jail.below(path, (home, below) => {
      const made = flags.create ? calls.make(home, below, access, mode, mostDescriptor) : undefined
      if (made !== undefined)
        return orUndone(asked, made.descriptor, made.stat, () =>
          jail.walk(path, false, ({ real }) => fs.unlinkSync(real)),
        )
      // What TRUNC cuts cannot be given back: more is looked at before.
      if (flags.truncate || (flags.create && flags.exclusive)) return undefined
      const found = calls.open(home, below, access)
      return found && orUndone(asked, found.descriptor, found.stat)
    })
  }

  /** Looks at what bears the name before it is opened, and opens exactly that; or makes it, if nothing does. Undefined for a link. */
  function openAt(place: Place, asked: Asked): FileHandle | undefined {
    const { path, flags, access, mode } = asked
    if (place.isFolder) throw failure('EISDIR', path)
    const make = access | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const unlink = (): void => fs.unlinkSync(place.real)
    if (flags.create && flags.exclusive)
      return orUndone(asked, fs.openSync(place.real, make, mode), undefined, unlink)
    // A name that comes and goes while we look: another process works here too.
    for (let tries = 0; tries < 8; tries++) {
      const inode = attempt(() => fs.openSync(place.real, LOOK), 'ENOENT')
      if (inode !== undefined) {
        try {
          const found = fs.fstatSync(inode)
          if (found.isDirectory()) throw failure('EISDIR', path)
          if (found.isSymbolicLink()) return undefined
          if (!found.isFile()) throw failure('EACCES', path)
          // What TRUNC has cut cannot be given back. While the inode is held, the file's number will be the lowest free one.
          if (flags.truncate) look(place, mostDescriptor)
          const descriptor = fs.openSync(`/proc/self/fd/${inode}`, access)
          return orUndone(asked, descriptor, statOf(found))
        } finally {
          fs.closeSync(inode)
        }
      }
      if (!flags.create) throw failure('ENOENT', path)
      const descriptor = attempt(() => fs.openSync(place.real, make, mode), 'EEXIST')
      if (descriptor !== undefined) return orUndone(asked, descriptor, undefined, unlink)
    }
    throw failure('EBUSY', path)
  }

  /** One of the reserve is given back, and with it the file that was made for it. */
  function orUndone(
    { path, flags }: Asked,
    descriptor: number,
    found: Stat | undefined,
    undo?: () => void,
  ): FileHandle {
    try {
      keepReserve(descriptor, mostDescriptor)
      const stat = found ?? statOf(fs.fstatSync(descriptor))
      // What was there before TRUNC cut it is not so any more.
      const still = flags.truncate && undo === undefined ? undefined : stat
      return paced(openedFile(descriptor, path, flags.append === true, still), stat.dev)
    } catch (error) {
      fs.closeSync(descriptor)
      undo?.()
      throw error
    }
  }

  return (path, flags, attrs) => {
    const asked = { path, flags, access: accessOf(flags), mode: (attrs?.mode ?? 0o666) & MODE_BITS }
    const short = shortly(asked)
    if (short !== undefined) return short
    const open = (place: Place): FileHandle | undefined => openAt(place, asked)
    // Most names are no links: it is not looked whether one is before it is opened.
    let opened = jail.walk(path, false, open)
    if (opened === undefined && !flags.exclusive) opened = jail.walk(path, true, open)
    if (opened === undefined) throw failure('ELOOP', path)
    return opened
  }
}

/** A descriptor is as high as the lowest free number: one of the reserve is given back. EMFILE. */
export function keepReserve(descriptor: number, most: number): void {
  if (descriptor < most) return
  throw new OpError('EMFILE', 'The server has as many files open as it can: try again when some are closed')
}

/** As `keepReserve`, before something is made. */
function look({ folder }: Place, most: number): void {
  if (most === Number.POSITIVE_INFINITY) return
  const descriptor = fs.openSync(`/proc/self/fd/${folder}/.`, LOOK)
  fs.closeSync(descriptor)
  keepReserve(descriptor, most)
}

/** O_APPEND is not asked of the kernel: appending is done under our own offsets (openedFile). */
function accessOf({ read, write, append, truncate }: OpenFlags): number {
  const writes = write === true || append === true
  const mode = writes ? (read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY
  return mode | (truncate && writes ? constants.O_TRUNC : 0) | constants.O_NONBLOCK
}

function attempt<T>(work: () => T, expected: string): T | undefined {
  try {
    return work()
  } catch (error) {
    if (errnoOf(error) === expected) return undefined
    throw error
  }
}
