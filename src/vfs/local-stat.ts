import type fs from 'node:fs'
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
