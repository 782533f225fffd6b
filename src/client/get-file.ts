import { createHash } from 'node:crypto'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { countBytes, showBytes } from '../base/units.ts'
import { planResume, type ResumePlan, type Side } from '../transfer/resume.ts'
import { trailingDigest } from '../transfer/trailing-digest.ts'
import { nameOf } from '../vfs/path.ts'
import type { FileHandle, Stat, VirtualPath } from '../vfs/vfs.ts'
import { claimPart } from './claim-part.ts'
import { getSmall } from './get-small.ts'
import type { Line } from './link.ts'
import { fetchBytes } from './move-bytes.ts'
import type { Outcome } from './outcome.ts'
import type { RemoteFile } from './remote-file.ts'
import {
  type GetPlace,
  isPartial,
  keptAttrs,
  localMd5,
  mismatch,
  modeOf,
  NO_MD5,
  NOT_ASKED,
  readWindow,
  refused,
  SMALL,
  statOrNone,
  type Try,
  wholeMd5,
} from './transfer.ts'

/** What is known of a file before it is fetched. */
export interface Listed {
  readonly stat: Stat
  /** Its upload was not finished. */
  readonly isPartial: boolean
  /** Its folder here was made for it: nothing lies there. */
  readonly isNew: boolean
}

/** Kept from one try of a download to the next. */
export interface GetMemory {
  /** Size and time of the file whose bytes this run has put into the part. */
  began: { readonly size: number; readonly mtime: number } | undefined
}

export function newGet(): GetMemory {
  return { began: undefined }
}

/**
 * Fetches a file, or the rest of it, into NAME.part beside its place, and renames that when it is whole and verified.
 * `known`: what a listing told of it.
 * ENOENT, EISDIR, EBUSY when it is partial at the server, EEXIST, ENOSPC, EIO, ECONNRESET.
 */
export async function getFile(
  source: VirtualPath,
  target: GetPlace,
  attempt: Try<GetMemory>,
  known?: Listed,
): Promise<Outcome> {
  const { line, wishes, memory } = attempt
  if (known?.isNew === true && !known.isPartial && memory.began === undefined) {
    const small = await getSmall(source, known.stat, target, attempt)
    if (small !== undefined) return small
  }
  // A listing that told of it has told what it is, too.
  const remote = await (known === undefined
    ? openSource(source, line)
    : line.vfs.open(source, { read: true }))
  try {
    const there = await remote.stat()
    if (wishes.partial !== true && (known?.isPartial ?? (await isPartial(line, source))))
      throw new OpError(
        'EBUSY',
        `"${shown(nameOf(source))}" is partial: its upload was not finished. Fetch it as it is with --partial`,
      )
    const same = await alreadyThere(source, there, target, attempt)
    if (same !== undefined) return same
    return await fetch(source, remote, there, target, attempt)
  } finally {
    if (line.vfs.session.alive()) await remote.close()
  }
}

async function openSource(source: VirtualPath, { vfs }: Line): Promise<RemoteFile> {
  const there = await vfs.stat(source)
  if (there.kind === 'directory')
    throw new OpError('EISDIR', `"${shown(source)}" is a folder: fetch it with -r`)
  if (there.kind !== 'file') throw new OpError('ENOTSUP', `"${shown(source)}" is no regular file`)
  return vfs.open(source, { read: true })
}

/** The complete file, if it is there; EEXIST when it is another one and may not be replaced. */
async function alreadyThere(
  source: VirtualPath,
  there: Stat,
  target: GetPlace,
  { line: { hashes }, wishes, parts }: Try<GetMemory>,
): Promise<Outcome | undefined> {
  const here = await statOrNone(target.vfs, target.path)
  if (here === undefined) return undefined
  if (here.kind === 'directory')
    throw new OpError('EISDIR', `"${target.name}" is a folder here: name a file, or remove it`)
  if (wishes.force && (wishes.restart || here.size !== there.size)) return undefined
  const theirs = here.size === there.size ? await wholeMd5(hashes, source, there.size) : undefined
  const file = theirs === undefined ? undefined : await target.vfs.open(target.path, { read: true })
  const ours = file && (await localMd5(file, here.size, parts))
  await file?.close()
  if (ours !== undefined && ours === theirs) {
    parts.onProgress(here.size, here.size)
    return { did: 'same', size: here.size, moved: 0, md5: ours, verified: true }
  }
  if (wishes.force) return undefined
  const why =
    ours !== undefined
      ? `: its MD5 is ${ours} here and ${theirs} at the server`
      : here.size === there.size
        ? ' with as many bytes, and this server cannot tell whether they are the same'
        : `: ${countBytes(here.size)} here, ${there.size} at the server`
  throw new OpError(
    'EEXIST',
    `"${target.name}" is here already${why}; nothing was changed. Add -f to replace it, or another name`,
  )
}

async function fetch(
  source: VirtualPath,
  remote: RemoteFile,
  there: Stat,
  target: GetPlace,
  attempt: Try<GetMemory>,
): Promise<Outcome> {
  const { line, wishes, memory, parts } = attempt
  const name = shown(nameOf(source))
  const { size } = there
  // What is smaller is written at once.
  await using _ = size > SMALL ? await claimPart(target) : undefined
  const plan = await decide(source, there, target, attempt)
  const from = plan.do === 'continue' ? plan.offset : plan.do === 'nothing' ? size : 0
  const verifies = wishes.verify !== false
  const large = size > SMALL
  // Asked for now, the server hashes while it sends.
  const early = verifies && large ? line.hashes.md5(source) : undefined
  early?.catch(() => {})
  // What it replaces keeps its rights; else it is like the file at the server.
  const replaced = await statOrNone(target.vfs, target.path)
  const mode = modeOf(replaced ?? there)
  const part = await target.vfs.open(
    target.part,
    {
      read: true,
      write: true,
      create: true,
      truncate: plan.do !== 'continue' && plan.do !== 'nothing',
    },
    mode === undefined ? {} : { mode },
  )
  let isWhole = false
  try {
    memory.began = { size, mtime: there.mtime }
    using lent = verifies && large ? part.descriptor?.() : undefined
    using trail = lent && trailingDigest(lent.number)
    trail?.reached(from)
    let hash = verifies && !large && from === 0 ? createHash('md5') : undefined
    let hashed = 0
    parts.onProgress(from, from)
    const end = await fetchBytes(
      remote,
      part,
      {
        from,
        to: size,
        chunk: line.vfs.session.limits.read,
        window: readWindow(line.vfs.session.roundTripMs()),
        signal: parts.signal,
        onProgress(done) {
          trail?.reached(done)
          parts.onProgress(done, from)
        },
      },
      (views, at) => {
        // Out of order it cannot be hashed as it comes.
        if (at !== hashed) hash = undefined
        for (const view of views) {
          hash?.update(view)
          hashed += view.length
        }
      },
    )
    const after = await remote.stat()
    if (end < size || after.size !== size || after.mtime !== there.mtime)
      throw new OpError(
        'EBUSY',
        `"${name}" changed at the server while it was fetched: say the same again, with --restart if its beginning changed`,
      )
    const ours = !verifies
      ? undefined
      : hash
        ? hash.digest('hex')
        : await (trail?.finish(size) ?? localMd5(part, size, parts))
    const theirs = !verifies
      ? undefined
      : ((await (early ?? line.hashes.ofOpen(line.vfs.session, remote))) ??
        (large ? undefined : await line.hashes.ofSmall(source)))
    if (theirs !== undefined && ours !== theirs) throw mismatch(name, ours!, theirs, '--restart')
    if (wishes.preserve) await part.setstat(keptAttrs(there))
    // Those too that a umask has taken, or that would have kept us from going on with it.
    else if (replaced !== undefined && ((await part.stat()).mode ^ replaced.mode) & 0o777)
      await part.setstat({ mode: replaced.mode & 0o777 })
    if (large) await part.sync()
    isWhole = true
    // It is hashed, and its CLOSE waits for that.
    lent?.[Symbol.dispose]()
    await part.close()
    await target.vfs.rename(target.part, target.path, { replace: wishes.force === true })
    return {
      did: 'moved',
      size,
      moved: size - from,
      md5: ours,
      verified: theirs !== undefined,
      unverified: !verifies ? NOT_ASKED : theirs === undefined ? NO_MD5 : undefined,
      resumedAt: from > 0 ? from : undefined,
    }
  } catch (error) {
    if (!isWhole) await part.close()
    if (!isOpError(error, 'ENOSPC')) throw error
    throw await localRoom(error, target, size)
  }
}

type Plan = Exclude<ResumePlan, { do: 'refuse' }>

/** What to do with a part that is here from before. */
async function decide(
  source: VirtualPath,
  there: Stat,
  target: GetPlace,
  { line: { hashes }, wishes, memory, parts }: Try<GetMemory>,
): Promise<Plan> {
  const here = await statOrNone(target.vfs, target.part)
  if (here === undefined) return { do: 'start' }
  if (here.kind !== 'file')
    throw new OpError('EEXIST', `"${target.partName}" is in the way: remove it or rename it`)
  const own = memory.began?.size === there.size && memory.began.mtime === there.mtime
  const file: FileHandle = await target.vfs.open(target.part, { read: true })
  try {
    const ours: Side = { size: here.size, md5: (bytes) => localMd5(file, bytes, parts) }
    const theirs: Side = {
      size: there.size,
      md5: (bytes) => hashes.md5(source, bytes === there.size ? undefined : bytes),
    }
    const plan = await planResume(theirs, ours, {
      restart: wishes.restart === true && memory.began === undefined,
      trustSize: wishes.trustSize === true || own,
    })
    if (plan.do === 'refuse')
      throw refused(
        plan,
        target.partName,
        { source: there.size, target: here.size },
        { source: 'at the server', target: 'here' },
        true,
      )
    return plan
  } finally {
    await file.close()
  }
}

/** Our own disk is full: how much more it needs, and that what came is kept. */
async function localRoom(cause: OpError, target: GetPlace, size: number): Promise<OpError> {
  const kept = await statOrNone(target.vfs, target.part)
  return new OpError(
    'ENOSPC',
    `No room left here for "${target.name}": ${showBytes(size - (kept?.size ?? 0))} more is needed. What came is kept in "${target.partName}"; make room and say the same again`,
    { cause },
  )
}
