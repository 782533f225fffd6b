import { type Awaitable, isPromise } from '../base/awaitable.ts'
import { Type } from '../wire/constants.ts'
import type { Frames, Packet } from '../wire/frames.ts'
import { decodeRequest, type WriteRequest } from '../wire/requests.ts'
import type { OpenFile } from './handles.ts'
import type { SftpSession } from './session.ts'

/** Most bytes, requests and views that one call gets, before the last is added. The kernel takes 1,024 views (IOV_MAX). */
const MOST_BYTES = 1024 * 1024
/** Bytes where the disk is slow: they are kept twice until it has them, and the way there and back is no more than it. */
const MOST_SLOW_BYTES = 256 * 1024
const MOST_REQUESTS = 128
const MOST_VIEWS = 512

/** What a WRITE costs its session's turn: its bytes came by one read of the socket, which bounds them. */
const LENT_COST = 1024

/**
 * WRITE (§6.4), and those right behind it that go on in the same file where it ends: one call, an answer each.
 * EBADF, EDQUOT, ENOSPC, EIO. Gives what it cost.
 */
export function serveWrites(
  first: WriteRequest,
  packet: Packet,
  frames: Frames,
  session: SftpSession,
): Awaitable<number> {
  let open: OpenFile
  try {
    open = session.handles.file(first.handle)
  } catch (error) {
    session.outbox.fail(first.id, error, { request: 'write' })
    return LENT_COST
  }
  const most = open.file.quick?.() === false ? MOST_SLOW_BYTES : MOST_BYTES
  const run = [first]
  let bytes = first.length
  let views = first.data.length
  let cost = packet.lent ? LENT_COST : first.length
  let lent = packet.lent
  while (!open.flags.append && bytes < most && run.length < MOST_REQUESTS && views < MOST_VIEWS) {
    const next = following(run[run.length - 1]!, frames)
    if (next === undefined) break
    const taken = frames.next()!
    cost += taken.lent ? LENT_COST : next.length
    lent ||= taken.lent
    run.push(next)
    bytes += next.length
    views += next.data.length
  }
  const done = write(run, bytes, open, session, lent)
  return isPromise(done) ? done.then(() => cost) : cost
}

/** The next packet, if it is a WRITE that goes on where `last` ends. */
function following(last: WriteRequest, frames: Frames): WriteRequest | undefined {
  const packet = frames.peek()
  if (packet === undefined || packet.bytes[0] !== Type.write) return undefined
  try {
    const next = decodeRequest(packet)
    if (next.type !== 'write' || next.handle !== last.handle || next.offset !== last.offset + last.length)
      return undefined
    return next
  } catch {
    // A bad packet is answered when its turn comes.
    return undefined
  }
}

function write(
  run: readonly WriteRequest[],
  bytes: number,
  open: OpenFile,
  session: SftpSession,
  lent: boolean,
): Awaitable<void> {
  const data = run.length === 1 ? run[0]!.data : run.flatMap((request) => request.data)
  let done: Awaitable<void>
  try {
    done = open.file.write(data, run[0]!.offset)
  } catch (error) {
    return run.length === 1 ? refuse(run[0]!, error, open, session) : eachAlone(run, open, session)
  }
  if (!isPromise(done)) return answer(run, bytes, open, session)
  // Bytes that are only lent: should the run fail, each WRITE is tried alone, and must still have its own.
  const copies = run.length === 1 || !lent ? run : copiesOf(run, session)
  return done.then(
    () => answer(run, bytes, open, session),
    (error) =>
      copies.length === 1 ? refuse(copies[0]!, error, open, session) : eachAlone(copies, open, session),
  )
}

/** After a run failed as a whole: what fits is written, and each WRITE has its own answer. */
function eachAlone(run: readonly WriteRequest[], open: OpenFile, session: SftpSession): Awaitable<void> {
  for (let i = 0; i < run.length; i++) {
    const done = write([run[i]!], run[i]!.length, open, session, true)
    if (isPromise(done)) {
      const rest = copiesOf(run.slice(i + 1), session)
      return done.then(() => eachAlone(rest, open, session))
    }
  }
}

function answer(run: readonly WriteRequest[], bytes: number, open: OpenFile, { outbox }: SftpSession): void {
  open.written += bytes
  for (const { id } of run) outbox.ok(id)
}

function refuse({ id }: WriteRequest, error: unknown, { path }: OpenFile, { outbox }: SftpSession): void {
  outbox.fail(id, error, { request: 'write', path })
}

function copiesOf(run: readonly WriteRequest[], { kept }: SftpSession): readonly WriteRequest[] {
  const copies = kept.keep(run.map(({ data }) => data))
  return run.map((request, i) => ({ ...request, data: [copies[i]!] }))
}
