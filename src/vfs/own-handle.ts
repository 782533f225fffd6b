import { failure } from './errno.ts'
import { handleOver } from './handle-over.ts'
import type { Overwrite } from './overwrite.ts'
import type { FileHandle, OpenFlags } from './vfs.ts'

/** A session's handle on an overwrite of its own: `file`, with what `flags` have of their own. EBADF for a change by one that only reads, and for what reads by one that only writes. */
export function ownHandle(file: FileHandle, of: Overwrite, flags: OpenFlags): FileHandle {
  const refuse = (): never => {
    throw failure('EBADF', of.path)
  }
  // Nor its descriptor, by which it would be hashed.
  const unread = flags.read ? undefined : { read: refuse, descriptor: () => undefined }
  // One more on it appends by itself.
  const writer =
    flags.append && file === of
      ? handleOver(() => of, { appends: true, write: (data) => of.append(data) })
      : file
  if (flags.write || flags.append) return unread === undefined ? writer : handleOver(() => writer, unread)
  return handleOver(() => file, {
    write: refuse,
    truncate: refuse,
    setstat: (attrs) => (attrs.size === undefined ? file.setstat(attrs) : refuse()),
  })
}
