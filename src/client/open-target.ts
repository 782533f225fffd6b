import { isOpError } from '../base/error.ts'
import type { OpenFlags, Stat, VirtualPath } from '../vfs/vfs.ts'
import type { Line } from './link.ts'
import type { RemoteFile } from './remote-file.ts'
import { modeOf } from './transfer.ts'

/** Open for writing, and for reading where that is allowed: to be hashed before it is closed. A new file is like `source`. */
export async function openTarget(
  { vfs }: Pick<Line, 'vfs'>,
  target: VirtualPath,
  flags: OpenFlags,
  source?: Stat,
): Promise<RemoteFile> {
  const mode = source && modeOf(source)
  const attrs = mode === undefined ? {} : { mode }
  try {
    return await vfs.open(target, { ...flags, read: true, write: true }, attrs)
  } catch (error) {
    if (!isOpError(error, 'EACCES')) throw error
    return vfs.open(target, { ...flags, write: true }, attrs)
  }
}
