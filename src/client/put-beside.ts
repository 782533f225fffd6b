import { isOpError } from '../base/error.ts'
import { planResume, type Side } from '../transfer/resume.ts'
import { MOST_NAME, nameOf, parentOf, virtualPath } from '../vfs/path.ts'
import type { Stat, VirtualPath } from '../vfs/vfs.ts'
import { claimBeside } from './claim-part.ts'
import type { Line } from './link.ts'
import { openTarget } from './open-target.ts'
import { ownMark } from './own-mark.ts'
import type { OpenPart, OpenSource } from './put-part.ts'
import type { RemoteFile } from './remote-file.ts'
import { localMd5, statOrNone, type Try, wholeMd5 } from './transfer.ts'

/** What a server refuses that lets nobody put a file beside the old one. */
const REFUSED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENOTSUP'])

/** Kept from one try of a replacement to the next. */
export interface BesideMemory {
  /** Where this run has begun to write it. */
  beside: VirtualPath | undefined
  /** The server does not let it be: the old file is written over. */
  inPlace: boolean
  /** The server writes from the beginning alone (rclone without a cache). */
  cannotGoOn: boolean
}

/** A replacement, open beside the file whose place it takes. */
export interface Beside extends OpenPart {
  readonly path: VirtualPath
  readonly target: VirtualPath
  readonly old: Stat
  /** That no other run of ours writes there, until it is disposed of. */
  readonly claim: AsyncDisposable
}

/**
 * A server of another kind writes over the old file from the first byte on, and one that is cut off is lost. So its replacement is
 * made beside it, as `.NAME.miniftp-part-MARK`, where a rename can put it in its place; what an earlier try left there is gone on
 * with, once its bytes are proved. Others have another mark: two that write into one file would mix their contents, one of
 * them in what the other has verified and renamed. Undefined where that cannot be: then it is replaced in place. EBUSY.
 */
export async function openBeside(
  { file, stat: { size } }: OpenSource,
  target: VirtualPath,
  { line, wishes, memory, parts }: Try<BesideMemory>,
): Promise<Beside | undefined> {
  const { vfs, hashes } = line
  if (line.isOurs || memory.inPlace || !vfs.session.extensions.has('posix-rename@openssh.com'))
    return undefined
  const isLink = (await vfs.stat(target, { follow: false })).kind === 'symlink'
  const place = isLink ? await vfs.realpath(target) : target
  const old = await vfs.stat(place)
  const name = `.${nameOf(place)}.miniftp-part-${ownMark()}`
  if (old.kind !== 'file' || name.length > MOST_NAME) return undefined
  const path = virtualPath(name, parentOf(place))

  await using claim = new AsyncDisposableStack()
  claim.use(await claimBeside(line, place))
  const there = await statOrNone(vfs, path)
  const own = memory.beside === path
  const ours: Side = { size, md5: (bytes) => localMd5(file, bytes, parts) }
  const theirs = there && {
    size: there.size,
    md5: (bytes: number) => (bytes < size ? hashes.md5(path, bytes) : wholeMd5(hashes, path, bytes)),
  }
  const plan = await planResume(ours, theirs, {
    restart: (wishes.restart === true && !own) || memory.cannotGoOn,
    // Bytes of this very run need no proof where none can be had.
    trustSize: wishes.trustSize === true || own,
  })
  const offset = plan.do === 'continue' ? plan.offset : plan.do === 'nothing' ? size : 0
  try {
    const flags = offset > 0 ? {} : { create: true, truncate: true }
    const opened = await openTarget(line, path, flags, old)
    if (offset === 0 && !(await gaveOwner(line, opened, path, old))) {
      memory.inPlace = true
      return undefined
    }
    memory.beside = path
    return { path, target: place, old, claim: claim.move(), offset, opened }
  } catch (error) {
    if (!isOpError(error) || !REFUSED.has(error.code)) throw error
    memory.inPlace = true
    return undefined
  }
}

/** The old file would have kept its owner. False where the server refuses that, in whatever way: then nothing is left of it. */
async function gaveOwner({ vfs }: Line, opened: RemoteFile, path: VirtualPath, old: Stat): Promise<boolean> {
  try {
    const { uid, gid } = await opened.stat()
    if (uid !== old.uid || gid !== old.gid) await opened.setstat({ uid: old.uid, gid: old.gid })
    return true
  } catch (error) {
    if (!isOpError(error) || !vfs.session.alive()) throw error
    await opened.close()
    await vfs.unlink(path)
    return false
  }
}

/** And its permissions. Of a file that is whole, before it is closed. */
export async function giveMode({ opened, old }: Beside): Promise<void> {
  if (old.mode !== 0 && ((await opened.stat()).mode ^ old.mode) & 0o777)
    await opened.setstat({ mode: old.mode & 0o777 })
}

/** Puts it in the place of the old file. Where that is refused it is gone, and `memory` says to write in place. */
export async function takePlace(
  { vfs }: Line,
  { path, target }: Beside,
  memory: BesideMemory,
): Promise<'taken' | 'refused'> {
  try {
    await vfs.rename(path, target, { replace: true })
  } catch (error) {
    if (!isOpError(error) || !REFUSED.has(error.code)) throw error
    await vfs.unlink(path)
    memory.inPlace = true
  }
  // Not before: whoever did not hear the answer looks there again.
  memory.beside = undefined
  return memory.inPlace ? 'refused' : 'taken'
}
