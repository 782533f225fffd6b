import fs from 'node:fs'
import type { Stat } from './vfs.ts'

/** Node's stat as ours; times in whole seconds, as SFTP v3 carries them. */
export function statOf(found: fs.Stats): Stat {
  return {
    kind: found.isFile()
      ? 'file'
      : found.isDirectory()
        ? 'directory'
        : found.isSymbolicLink()
          ? 'symlink'
          : 'other',
    size: found.size,
    mode: found.mode,
    uid: found.uid,
    gid: found.gid,
    atime: Math.floor(found.atimeMs / 1000),
    mtime: Math.floor(found.mtimeMs / 1000),
    nlink: found.nlink,
    dev: found.dev,
    ino: found.ino,
  }
}

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK } = fs.constants

/** What the addon tells of a file (native/disk.c, `tell`), from `numbers[at]` on, as ours. */
export function statFrom(numbers: Float64Array, at: number): Stat {
  const mode = numbers[at]!
  const type = mode & S_IFMT
  return {
    kind: type === S_IFREG ? 'file' : type === S_IFDIR ? 'directory' : type === S_IFLNK ? 'symlink' : 'other',
    size: numbers[at + 1]!,
    mode,
    uid: numbers[at + 2]!,
    gid: numbers[at + 3]!,
    atime: numbers[at + 4]!,
    mtime: numbers[at + 5]!,
    nlink: numbers[at + 6]!,
    dev: numbers[at + 7]!,
    ino: numbers[at + 8]!,
  }
}
