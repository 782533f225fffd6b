import type { NewAttrs, Stat } from '../vfs/vfs.ts'
import type { Builder } from './builder.ts'
import { AttrFlag, FileType } from './constants.ts'
import type { Cursor } from './cursor.ts'

/** Reads an ATTRS as what a client wants set (§5): permission bits only, extended attributes left out. */
export function decodeAttrs(cursor: Cursor): NewAttrs {
  const flags = cursor.uint32()
  const attrs: { -readonly [Key in keyof NewAttrs]: NewAttrs[Key] } = {}
  if (flags & AttrFlag.size) attrs.size = cursor.uint64()
  if (flags & AttrFlag.uidgid) {
    attrs.uid = cursor.uint32()
    attrs.gid = cursor.uint32()
  }
  if (flags & AttrFlag.permissions) attrs.mode = cursor.uint32() & 0o7777
  if (flags & AttrFlag.times) {
    attrs.atime = cursor.uint32()
    attrs.mtime = cursor.uint32()
  }
  if (flags & AttrFlag.extended) skipExtended(cursor)
  return attrs
}

/** Writes what is given of uid and gid, and of atime and mtime, only where both are. */
export function encodeAttrs(builder: Builder, attrs: NewAttrs): void {
  const { size, uid, gid, mode, atime, mtime } = attrs
  const owner = uid !== undefined && gid !== undefined
  const times = atime !== undefined && mtime !== undefined
  builder.uint32(
    (size === undefined ? 0 : AttrFlag.size) |
      (owner ? AttrFlag.uidgid : 0) |
      (mode === undefined ? 0 : AttrFlag.permissions) |
      (times ? AttrFlag.times : 0),
  )
  if (size !== undefined) builder.uint64(size)
  if (owner) builder.uint32(uid).uint32(gid)
  if (mode !== undefined) builder.uint32(mode)
  if (times) builder.uint32(seconds(atime)).uint32(seconds(mtime))
}

/** Reads the ATTRS of a reply. Fields that were not sent are 0; the kind comes from the mode's type bits. */
export function decodeStat(cursor: Cursor): Stat {
  const flags = cursor.uint32()
  const size = flags & AttrFlag.size ? cursor.uint64() : 0
  const uid = flags & AttrFlag.uidgid ? cursor.uint32() : 0
  const gid = flags & AttrFlag.uidgid ? cursor.uint32() : 0
  const mode = flags & AttrFlag.permissions ? cursor.uint32() : 0
  const atime = flags & AttrFlag.times ? cursor.uint32() : 0
  const mtime = flags & AttrFlag.times ? cursor.uint32() : 0
  if (flags & AttrFlag.extended) skipExtended(cursor)
  return { kind: kindOf(mode), size, mode, uid, gid, atime, mtime, nlink: 1, dev: 0, ino: 0 }
}

const WHOLE_STAT = AttrFlag.size | AttrFlag.uidgid | AttrFlag.permissions | AttrFlag.times

/** All that version 3 can say of a file. */
export function encodeStat(builder: Builder, stat: Stat): void {
  builder
    .uint32(WHOLE_STAT)
    .uint64(stat.size)
    .uint32(stat.uid)
    .uint32(stat.gid)
    .uint32(stat.mode)
    .uint32(seconds(stat.atime))
    .uint32(seconds(stat.mtime))
}

function kindOf(mode: number): Stat['kind'] {
  const type = mode & FileType.mask
  if (type === FileType.directory) return 'directory'
  if (type === FileType.symlink) return 'symlink'
  return type === FileType.file ? 'file' : 'other'
}

/** Seconds since 1970 as version 3 can say them: nothing before, nothing after 2106. */
function seconds(time: number): number {
  return Math.min(Math.max(Math.floor(time), 0), 0xffffffff)
}

function skipExtended(cursor: Cursor): void {
  const count = cursor.uint32()
  // Each pair is eight bytes at least: a larger count is a lie, and no reason to loop.
  if (count > cursor.left / 8) cursor.fail('There are not that many extended attributes')
  else for (let i = 0; i < 2 * count; i++) cursor.bytes()
}
