import { randomBytes } from 'node:crypto'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { parentOf, virtualPath } from '../vfs/path.ts'
import type { Stat, VirtualPath } from '../vfs/vfs.ts'

export interface RenameParts {
  /** As SFTP has it (draft-ietf-secsh-filexfer-02 §6.5): refused where the new name is taken. */
  readonly rename: (from: VirtualPath, to: VirtualPath) => Promise<void>
  readonly remove: (path: VirtualPath) => Promise<void>
  readonly lstat: (path: VirtualPath) => Promise<Stat>
}

/**
 * Puts a file in the place of another at a server that replaces nothing. The old one is moved aside, comes back
 * where the new one is refused, and is removed last: cut off in the midst it lies beside its name, which the error says.
 */
export async function renameOver(
  from: VirtualPath,
  to: VirtualPath,
  { rename, remove, lstat }: RenameParts,
): Promise<void> {
  try {
    return await rename(from, to)
  } catch (error) {
    if (!isOpError(error, 'EEXIST') && !isOpError(error, 'EIO')) throw error
    if (!(await isFile(from, lstat)) || !(await isFile(to, lstat))) throw error
  }
  const aside = virtualPath(`.miniftp-old-${randomBytes(6).toString('hex')}`, parentOf(to))
  await rename(to, aside)
  try {
    await rename(from, to)
  } catch (error) {
    await rename(aside, to).catch(() => {
      throw isOpError(error) ? left(error, to, aside) : error
    })
    throw error
  }
  await remove(aside)
}

/** Nobody looks for a hidden name. */
function left(cause: OpError, to: VirtualPath, aside: VirtualPath): OpError {
  const where = `what "${shown(to)}" was is "${shown(aside)}" now, move it back`
  return new OpError(cause.code, `${cause.message}: ${where}`, { path: to, cause })
}

async function isFile(path: VirtualPath, lstat: RenameParts['lstat']): Promise<boolean> {
  try {
    return (await lstat(path)).kind !== 'directory'
  } catch (error) {
    // The refusal of the rename says more.
    if (isOpError(error)) return false
    throw error
  }
}
