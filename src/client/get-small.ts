import { createHash } from 'node:crypto'
import { isOpError } from '../base/error.ts'
import type { FileHandle, Stat, VirtualPath } from '../vfs/vfs.ts'
import type { Outcome } from './outcome.ts'
import { type GetPlace, keptAttrs, mismatch, modeOf, NO_MD5, NOT_ASKED, SMALL, type Try } from './transfer.ts'

/**
 * Fetches a file of one packet, as the listing told of it, into a folder that was made for it: all that is asked of
 * it leaves at once. Undefined, and nothing is lost, when it is no longer so: it became another file meanwhile, its
 * name or its part is taken here. EIO when it did not arrive as it was sent.
 */
export async function getSmall(
  source: VirtualPath,
  told: Stat,
  target: GetPlace,
  { line, wishes, parts }: Omit<Try<unknown>, 'memory'>,
): Promise<Outcome | undefined> {
  const { session } = line.vfs
  const { size } = told
  if (size > Math.min(session.limits.read, SMALL)) return undefined
  const verifies = wishes.verify !== false
  const remote = await line.vfs.open(source, { read: true })
  const bytes = new Uint8Array(size)
  const [count, now, hash] = await Promise.all([
    size === 0 ? 0 : remote.read([bytes], 0),
    remote.stat(),
    verifies ? line.hashes.ofOpen(session, remote) : undefined,
    remote.close(),
  ])
  if (count < size || now.size !== size || now.mtime !== told.mtime) return undefined
  const ours = verifies ? createHash('md5').update(bytes).digest('hex') : undefined
  const theirs = verifies ? (hash ?? (await line.hashes.ofSmall(source))) : undefined
  if (theirs !== undefined && ours !== theirs) throw mismatch(target.name, ours!, theirs, '--restart')

  const { part } = target
  let file: FileHandle
  try {
    const mode = modeOf(now)
    const flags = { write: true, create: true, exclusive: true }
    file = await target.vfs.open(part, flags, mode === undefined ? {} : { mode })
  } catch (error) {
    if (isOpError(error, 'EEXIST')) return undefined
    throw error
  }
  try {
    await file.write([bytes], 0)
    if (wishes.preserve) await file.setstat(keptAttrs(now))
  } catch (error) {
    // The usual way meets the same, and says what it means.
    if (isOpError(error, 'ENOSPC')) return undefined
    throw error
  } finally {
    await file.close()
  }
  try {
    await target.vfs.rename(part, target.path, { replace: false })
  } catch (error) {
    if (isOpError(error, 'EEXIST')) return undefined
    throw error
  }
  parts.onProgress(size, 0)
  return {
    did: 'moved',
    size,
    moved: size,
    md5: ours,
    verified: theirs !== undefined,
    unverified: !verifies ? NOT_ASKED : theirs === undefined ? NO_MD5 : undefined,
  }
}
