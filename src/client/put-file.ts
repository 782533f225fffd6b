import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { lost } from '../ssh/dial.ts'
import { isNoRoom, withRest } from '../transfer/no-room.ts'
import { planResume, type ResumePlan, type Side } from '../transfer/resume.ts'
import type { VirtualPath } from '../vfs/vfs.ts'
import type { Line } from './link.ts'
import { sendBytes } from './move-bytes.ts'
import { openTarget } from './open-target.ts'
import type { Outcome } from './outcome.ts'
import { type Beside, type BesideMemory, giveMode, openBeside, takePlace } from './put-beside.ts'
import { type OpenSource, openPart } from './put-part.ts'
import type { RemoteFile } from './remote-file.ts'
import {
  isPartial,
  keptAttrs,
  type LocalPlace,
  localMd5,
  mismatch,
  NO_MD5,
  NOT_ASKED,
  refused,
  SMALL,
  statOrNone,
  type Try,
  wholeMd5,
  writeWindow,
} from './transfer.ts'

/** Kept from one try of an upload to the next. */
export interface PutMemory extends BesideMemory {
  /** This run has begun to write the target, so what is there is its own. */
  began: boolean
  /** And it replaces a file, which a server of our kind shows until the new one is whole. */
  replaces: boolean
}

export function newPut(): PutMemory {
  return { began: false, replaces: false, cannotGoOn: false, beside: undefined, inPlace: false }
}

/**
 * Sends a file, or the rest of it. What is there already is compared first, and the whole before it is closed.
 * `listed`: whether a listing tells that an earlier upload of it was not finished.
 * ENOENT, EISDIR, EEXIST when what is there is something else, EDQUOT, ENOSPC, EIO, ECONNRESET.
 */
export async function putFile(
  source: LocalPlace,
  target: VirtualPath,
  attempt: Try<PutMemory>,
  listed: (line: Line) => Promise<boolean> = (now) => isPartial(now, target),
): Promise<Outcome> {
  const file = await source.vfs.open(source.path, { read: true })
  try {
    const opened = { file, stat: await file.stat(), name: source.name }
    let reached: number | undefined
    const parts: typeof attempt.parts = {
      ...attempt.parts,
      onProgress(done, from) {
        reached = done
        attempt.parts.onProgress(done, from)
      },
    }
    try {
      return await send(opened, target, { ...attempt, parts }, listed)
    } catch (error) {
      // Refused before a byte was asked for: nobody has told how many are there.
      if (reached === undefined || !isNoRoom(error)) throw error
      throw withRest(error, opened.stat.size - reached)
    }
  } finally {
    await file.close()
  }
}

async function send(
  source: OpenSource,
  target: VirtualPath,
  attempt: Try<PutMemory>,
  listed: (line: Line) => Promise<boolean>,
): Promise<Outcome> {
  const { stat: before, name } = source
  const { line, memory, parts } = attempt
  const { size } = before
  const { plan, opened } = await decide(source, target, attempt, listed)
  if (plan.do === 'nothing') {
    parts.onProgress(size, size)
    // What a listing told is older than what this run has sent.
    const isUnfinished = await (memory.began ? isPartial(line, target) : listed(line))
    if (isUnfinished) await (await line.vfs.open(target, { write: true })).close()
    return {
      did: 'same',
      size,
      moved: 0,
      md5: plan.md5,
      verified: plan.md5 !== undefined,
      unverified: plan.md5 === undefined ? NO_MD5 : undefined,
    }
  }
  // What is written anew because it cannot be gone on with is ours already.
  const replaces = plan.do === 'replace' && (!memory.cannotGoOn || memory.beside !== undefined)
  const beside = replaces ? await openBeside(source, target, attempt) : undefined
  await using _ = beside?.claim
  const from = plan.do === 'continue' ? plan.offset : (beside?.offset ?? 0)
  const remote =
    beside?.opened ??
    opened ??
    (await openTarget(
      line,
      target,
      plan.do === 'continue' ? {} : { create: true, truncate: true },
      plan.do === 'start' ? before : undefined,
    ))
  const own = memory.began || beside !== undefined
  memory.began = true
  try {
    const outcome = await move(source, { remote, path: beside?.path ?? target, from, beside, own }, attempt)
    if (beside === undefined || (await takePlace(line, beside, memory)) === 'taken') return outcome
  } catch (error) {
    if (beside !== undefined && isOpError(error) && error.code !== 'ECONNRESET' && !parts.signal.aborted)
      parts.tell(
        `What came of "${name}" is kept at the server as "${shown(beside.path)}": put it again to go on, or remove it`,
      )
    throw error
  }
  memory.began = false
  return send(source, target, attempt, listed)
}

/** Where the bytes go. */
interface Place {
  readonly remote: RemoteFile
  readonly path: VirtualPath
  /** Bytes that are there already. */
  readonly from: number
  readonly beside: Beside | undefined
  /** This run has begun it. */
  readonly own: boolean
}

/** The bytes themselves, compared and closed. */
async function move(
  { file, stat: before, name }: OpenSource,
  { remote, path, from, beside, own }: Place,
  { line, wishes, memory, parts }: Try<PutMemory>,
): Promise<Outcome> {
  const { size } = before
  const { vfs } = line
  let reached = from
  try {
    const verifies = wishes.verify !== false
    const ours = verifies ? localMd5(file, size, parts) : undefined
    ours?.catch(() => {})
    parts.onProgress(from, from)
    // One packet, which leaves at once: what follows it need not wait for its answer.
    const atOnce =
      size - from <= vfs.session.limits.write && file.quick?.() === true && size > from && remote.hasRoom()
    const moving = sendBytes(file, remote, {
      from,
      to: size,
      chunk: vfs.session.limits.write,
      window: writeWindow(vfs.session.roundTripMs()),
      signal: parts.signal,
      onProgress(done) {
        reached = done
        parts.onProgress(done, from)
      },
    })
    moving.catch(() => {})
    if (!atOnce) await moving
    const after = await file.stat()
    const hashes = verifies && vfs.session.extensions.has('check-file-handle')
    const hash = (): Promise<string | undefined> => line.hashes.ofOpen(vfs.session, remote)
    // A server of our kind does what it is asked in order.
    let hashing = hashes && line.isOurs ? hash() : undefined
    hashing?.catch(() => {})
    // A CLOSE says that the file is whole: one that knows parts hears it last. Others may do several things at once,
    // and only a CLOSE is known to wait for the WRITEs before it.
    if (
      !atOnce ||
      line.isOurs ||
      hashes ||
      wishes.preserve === true ||
      beside !== undefined ||
      after.size !== size ||
      after.mtime !== before.mtime
    ) {
      const end = await moving
      if (end < size || after.size !== size || after.mtime !== before.mtime)
        throw new OpError(
          'EBUSY',
          `"${name}" changed while it was sent: say the same again, with -f if its beginning changed`,
        )
    }
    if (hashes) hashing ??= hash()
    const theirs = await hashing
    const md5 = await ours
    if (theirs !== undefined && md5 !== theirs) throw mismatch(name, md5!, theirs, '-f')
    // It may ask for the times first, and a CLOSE that overtook it would leave it without a handle.
    if (wishes.preserve) await remote.setstat(keptAttrs(before))
    else if (beside !== undefined) await giveMode(beside)
    const closing: Promise<unknown>[] = []
    if (size >= SMALL && vfs.session.extensions.has('fsync@openssh.com')) closing.push(remote.sync())
    closing.push(remote.close(), moving)
    await Promise.all(closing)
    const late = verifies && theirs === undefined ? await wholeMd5(line.hashes, path, size) : theirs
    if (late !== undefined && md5 !== late) throw mismatch(name, md5!, late, '-f')
    return {
      did: 'moved',
      size,
      moved: size - from,
      md5,
      verified: late !== undefined,
      unverified: !verifies ? NOT_ASKED : late === undefined ? NO_MD5 : undefined,
      resumedAt: from > 0 ? from : undefined,
    }
  } catch (error) {
    await remote.abandon()
    // What this run began may be begun again, where the server does not let it go on.
    if (own && from > 0 && reached === from && isOpError(error, 'EIO')) {
      memory.cannotGoOn = true
      throw lost(error)
    }
    throw error
  }
}

interface Decided {
  readonly plan: Exclude<ResumePlan, { do: 'refuse' }>
  readonly opened?: RemoteFile
}

/** A new file is opened before anything is asked; only a name that is taken is looked into. */
async function decide(
  source: OpenSource,
  target: VirtualPath,
  attempt: Try<PutMemory>,
  listed: (line: Line) => Promise<boolean>,
): Promise<Decided> {
  const { file, name } = source
  const { size } = source.stat
  const { line, wishes, memory, parts } = attempt
  const { vfs, hashes, isOurs } = line
  if (!memory.began && line.keepsExclusive) {
    try {
      const flags = { create: true, exclusive: true }
      return { plan: { do: 'start' }, opened: await openTarget(line, target, flags, source.stat) }
    } catch (error) {
      if (!isOpError(error, 'EEXIST')) throw error
    }
  }
  const there = await statOrNone(vfs, target)
  if (there?.kind === 'directory')
    throw new OpError(
      'EISDIR',
      `"${shown(target)}" is a folder: name a file, or put into it with a "/" at the end`,
    )
  if (there !== undefined && there.kind !== 'file')
    throw new OpError('EEXIST', `"${shown(target)}" is no file, and stays as it is`)
  if (memory.cannotGoOn) return { plan: { do: 'replace' } }
  const own = memory.began
  if (memory.beside !== undefined) return { plan: { do: 'replace' } }
  // What this run began to replace is still the old file there, until the new one is whole.
  if (own && memory.replaces && isOurs) return goOnReplacing(source, target, attempt)
  const ours: Side = { size, md5: (bytes) => localMd5(file, bytes, parts) }
  const theirs = there && {
    size: there.size,
    // What is shorter may grow meanwhile: an older run still sends it. Some others can tell of the whole alone.
    md5: (bytes: number) =>
      bytes < there.size || (isOurs && bytes < size)
        ? hashes.md5(target, bytes)
        : wholeMd5(hashes, target, bytes),
  }
  // A server of another kind does not tell what a try left: what is shorter may be that.
  const isPart = async (): Promise<boolean> =>
    there !== undefined && (isOurs ? await listed(line) : there.size < size)
  const restart = wishes.restart === true && (wishes.force === true || (await isPart()))
  // Bytes of this very run need no proof where none can be had.
  const plan = await planResume(ours, theirs, own ? { trustSize: true } : { ...wishes, restart })
  if (plan.do === 'refuse')
    throw refused(
      plan,
      name,
      { source: size, target: there?.size ?? 0 },
      { source: 'here', target: 'at the server' },
      await isPart(),
    )
  memory.replaces ||= plan.do === 'replace'
  if (plan.do === 'replace' && wishes.restart !== true) return goOnReplacing(source, target, attempt)
  return { plan }
}

/** From where an interrupted replacement was left, if what was kept of it is ours; else from the start. */
async function goOnReplacing(...replacement: Parameters<typeof openPart>): Promise<Decided> {
  const part = await openPart(...replacement)
  if (part === undefined) return { plan: { do: 'replace' } }
  return { plan: { do: 'continue', offset: part.offset, proved: true }, opened: part.opened }
}
