import fc from 'fast-check'
import type { Request } from '../../src/wire/requests.ts'

const id = fc.nat(0xffffffff)
const bytes = (maxLength: number) => fc.uint8Array({ maxLength })
const text = bytes(12).map((raw) => Buffer.from(raw.map((byte) => byte || 1)).toString('latin1'))
const handle = fc.oneof(
  fc.nat(4).map((n) => String.fromCharCode(0, 0, 0, n)),
  bytes(6).map((raw) => Buffer.from(raw).toString('latin1')),
)
const path = fc.oneof(
  fc.constantFrom('/a', '/b', '/d', '/d/c', '/', '.', '', '/d/..', '/missing/x', '/link'),
  text,
)
const offset = fc.oneof(fc.nat(64), fc.maxSafeNat())
const uint32 = fc.nat(0xffffffff)

export const anyFlags = fc.record({
  read: fc.boolean(),
  write: fc.boolean(),
  append: fc.boolean(),
  create: fc.boolean(),
  truncate: fc.boolean(),
  exclusive: fc.boolean(),
})

const attrs = fc
  .record(
    {
      size: fc.nat(100),
      owner: fc.record({ uid: uint32, gid: uint32 }),
      mode: fc.nat(0o7777),
      times: fc.record({ atime: uint32, mtime: uint32 }),
    },
    { requiredKeys: [] },
  )
  .map(({ size, owner, mode, times }) => ({
    ...(size === undefined ? {} : { size }),
    ...owner,
    ...(mode === undefined ? {} : { mode }),
    ...times,
  }))

const write = fc.tuple(id, handle, fc.nat(200), bytes(40)).map(
  ([id, handle, offset, data]): Request => ({
    type: 'write',
    id,
    handle,
    offset,
    data: data.length === 0 ? [] : [data],
    length: data.length,
  }),
)

/** Any well-formed request but INIT, most of them about a few files and handles, so that they meet. */
export const anyRequest: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ type: fc.constant('open' as const), id, path, flags: anyFlags, attrs }),
  fc.record({
    type: fc.constant('read' as const),
    id,
    handle,
    offset,
    length: fc.oneof(fc.nat(100), uint32),
  }),
  write,
  fc.record({ type: fc.constantFrom('close' as const, 'fstat' as const, 'readdir' as const), id, handle }),
  fc.record({
    type: fc.constantFrom(
      'lstat' as const,
      'stat' as const,
      'opendir' as const,
      'remove' as const,
      'rmdir' as const,
      'realpath' as const,
      'readlink' as const,
    ),
    id,
    path,
  }),
  fc.record({ type: fc.constantFrom('setstat' as const, 'mkdir' as const), id, path, attrs }),
  fc.record({ type: fc.constant('fsetstat' as const), id, handle, attrs }),
  fc.record({ type: fc.constant('rename' as const), id, from: path, to: path }),
  fc.record({ type: fc.constant('symlink' as const), id, first: path, second: path }),
  fc.record({
    type: fc.constant('extended' as const),
    id,
    name: fc.oneof(
      fc.constantFrom(
        'posix-rename@openssh.com',
        'statvfs@openssh.com',
        'fstatvfs@openssh.com',
        'hardlink@openssh.com',
        'fsync@openssh.com',
        'lsetstat@openssh.com',
        'limits@openssh.com',
        'expand-path@openssh.com',
        'copy-data',
        'home-directory',
        'users-groups-by-id@openssh.com',
        'space-available',
        'check-file',
        'check-file-name',
        'check-file-handle',
        'md5-hash',
        'md5-hash-handle',
      ),
      text,
    ),
    body: bytes(40),
  }),
  fc.record({
    type: fc.constant('unknown' as const),
    id,
    code: fc.constantFrom(0, 2, 21, 99, 101, 199, 201, 255),
  }),
)
