import { failure } from './errno.ts'
import { handleOver } from './handle-over.ts'
import type { Overwrite } from './overwrite.ts'
import type { FileHandle, OpenFlags } from './vfs.ts'

/** A session's handle on an overwrite of its own: `file`, with what `flags` have of their own. EBADF for a change by one that only reads. */
export function ownHandle(file: FileHandle, of: Overwrite, flags: OpenFlags): FileHandle {
  if (flags.append) return handleOver(() => file, { appends: true, write: (data) => of.append(data) })
  if (flags.write) return file
  const refuse = (): never => {
    throw failure('EBADF', of.path)
  }
  return handleOver(() => file, {
    write: refuse,
    truncate: refuse,
    setstat: (attrs) => (attrs.size === undefined ? file.setstat(attrs) : refuse()),
  })
}
