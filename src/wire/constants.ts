/** The numbers of SFTP version 3 (draft-ietf-secsh-filexfer-02). */

/** The version we speak, whatever the client asks for (§4). */
export const VERSION = 3

/** Longest packet taken, in bytes after the length field: what OpenSSH's server takes. */
export const MAX_PACKET = 256 * 1024

/** Most data asked for or given in one READ or WRITE, in bytes: a packet less room for its other fields. */
export const MAX_DATA = 255 * 1024

/** Longest handle a peer may make, in bytes (§6.2). */
export const MAX_HANDLE = 256

/** Packet types (§3). */
export const Type = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const

/** Error codes of a STATUS reply (§7). */
export const Status = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
} as const

/** Flags of OPEN (§6.3). */
export const OpenFlag = {
  read: 0x01,
  write: 0x02,
  append: 0x04,
  create: 0x08,
  truncate: 0x10,
  exclusive: 0x20,
} as const

/** Which fields an ATTRS holds (§5). */
export const AttrFlag = {
  size: 0x01,
  uidgid: 0x02,
  permissions: 0x04,
  times: 0x08,
  extended: 0x80000000,
} as const

/** The type bits of a mode (POSIX S_IFMT). */
export const FileType = {
  mask: 0o170000,
  socket: 0o140000,
  symlink: 0o120000,
  file: 0o100000,
  block: 0o060000,
  directory: 0o040000,
  character: 0o020000,
  fifo: 0o010000,
} as const
