import { type Awaitable, isPromise, then } from '../base/awaitable.ts'
import { MAX_DATA, Type } from '../wire/constants.ts'
import type { Frames } from '../wire/frames.ts'
import { DATA_HEAD, EOF, encodeDataHead } from '../wire/replies.ts'
import { decodeRequest, type RequestOf } from '../wire/requests.ts'
import type { OpenFile } from './handles.ts'
import type { SftpSession } from './session.ts'

type ReadRequest = RequestOf<'read'>

/**
 * Most bytes and requests of one call, before the last is added: each request splits a place in two, and the
 * kernel takes 1,024 places (IOV_MAX).
 */
const MOST_BYTES = 256 * 1024
const MOST_REQUESTS = 128

/** What a READ costs its session's turn besides its bytes. */
const COST = 1024

/**
 * READ (§6.4), and those right behind it that go on in the same file where it ends: one call straight into the
 * packets that are sent. Fewer bytes than asked is an answer; none is the end of the file. EBADF, EIO. Gives what it cost.
 */
export function serveReads(first: ReadRequest, frames: Frames, session: SftpSession): Awaitable<number> {
  let open: OpenFile
  try {
    open = session.handles.file(first.handle)
  } catch (error) {
    session.outbox.fail(first.id, error, { request: 'read' })
    return COST
  }
  if (first.length === 0) {
    session.outbox.reply(first.id, { type: 'data', data: new Uint8Array(0) })
    return COST
  }
  if (open.file.quick?.() !== true) return readAlone(first, open, session)
  const run = [first]
  let bytes = sizeOf(first)
  while (bytes < MOST_BYTES && run.length < MOST_REQUESTS) {
    const next = following(run[run.length - 1]!, frames)
    if (next === undefined) break
    frames.next()
    run.push(next)
    bytes += sizeOf(next)
  }
  const near = run.length === 1 ? toEnd(first, open) : bytes
  if (near === bytes) return readInto(run, bytes, open, session)
  return readInto([{ ...first, length: near }], near, open, session, () =>
    readInto(run, bytes, open, session),
  )
}

/**
 * Of what goes beyond the end of the file as it was when it was opened: what is there, and a byte more, which tells whether
 * it has grown. Clients ask for 256 KiB of a file of one page, and places for all that cost more than to read it.
 */
function toEnd(request: ReadRequest, { file: { found } }: OpenFile): number {
  const all = sizeOf(request)
  return found === undefined ? all : Math.min(all, Math.max(0, found.size - request.offset) + 1)
}

function sizeOf({ length }: ReadRequest): number {
  return Math.min(length, MAX_DATA)
}

/** The next packet, if it is a READ that goes on where `last` ends. */
function following(last: ReadRequest, frames: Frames): ReadRequest | undefined {
  const packet = frames.peek()
  if (packet === undefined || packet.bytes[0] !== Type.read) return undefined
  try {
    const next = decodeRequest(packet)
    if (next.type !== 'read' || next.handle !== last.handle || next.length === 0) return undefined
    return next.offset === last.offset + sizeOf(last) ? next : undefined
  } catch {
    // A bad packet is answered when its turn comes.
    return undefined
  }
}

/** Reads a run into places in the output, one behind the other with room for the heads between them; `more`, if all that was asked is there. */
function readInto(
  run: readonly ReadRequest[],
  bytes: number,
  open: OpenFile,
  session: SftpSession,
  more?: () => Awaitable<number>,
): Awaitable<number> {
  const { writer } = session.outbox.port
  const total = bytes + run.length * DATA_HEAD
  const { heads, data } = split(writer.reserve(total), run)
  let count: Awaitable<number>
  try {
    count = open.file.read(data, run[0]!.offset)
  } catch (error) {
    writer.rewind(total)
    return run.length === 1 ? refuse(run[0]!, error, open, session) : eachAlone(run, open, session)
  }
  if (isPromise(count)) {
    // What lies in those places was never read from this file.
    writer.rewind(total)
    count.catch(() => {})
    throw new Error('A file that called itself quick answered READ with a promise')
  }

  if (more !== undefined && count === bytes) {
    writer.rewind(total)
    return more()
  }

  let left = count
  let used = 0
  let answered = 0
  for (const request of run) {
    if (left === 0) break
    const length = Math.min(left, sizeOf(request))
    putHead(heads[answered]!, request.id, length)
    left -= length
    used += DATA_HEAD + length
    answered++
  }
  open.read += count
  if (used < total) writer.rewind(total - used)
  const cost = count + run.length * COST
  if (answered === run.length) return cost
  const rest = run.slice(answered)
  if (count > 0) return then(goOn(rest, open, session), (more) => cost + more)
  for (const { id } of rest) session.outbox.reply(id, EOF)
  return cost
}

/** What a run could not have in its first call. The file may have become a slow one by it. */
function goOn(rest: readonly ReadRequest[], open: OpenFile, session: SftpSession): Awaitable<number> {
  if (open.file.quick?.() === true) return readInto(rest, sum(rest), open, session)
  return eachAlone(rest, open, session)
}

function eachAlone(
  [first, ...rest]: readonly ReadRequest[],
  open: OpenFile,
  session: SftpSession,
): Awaitable<number> {
  if (first === undefined) return 0
  const cost =
    open.file.quick?.() === true
      ? readInto([first], sizeOf(first), open, session)
      : readAlone(first, open, session)
  return then(cost, (cost) => then(eachAlone(rest, open, session), (more) => cost + more))
}

function refuse({ id }: ReadRequest, error: unknown, { path }: OpenFile, { outbox }: SftpSession): number {
  outbox.fail(id, error, { request: 'read', path })
  return COST
}

/** From a file that may take its time: into memory of its own, which is then sent. */
function readAlone(request: ReadRequest, open: OpenFile, session: SftpSession): Awaitable<number> {
  const { outbox } = session
  const data = Buffer.allocUnsafe(sizeOf(request))
  let count: Awaitable<number>
  try {
    count = open.file.read([data], request.offset)
  } catch (error) {
    return refuse(request, error, open, session)
  }
  return isPromise(count)
    ? count.then(answer, (error) => refuse(request, error, open, session))
    : answer(count)

  function answer(length: number): number {
    open.read += length
    outbox.reply(request.id, length === 0 ? EOF : { type: 'data', data: data.subarray(0, length) })
    return COST + length
  }
}

interface Places {
  /** For each READ, where its head goes: one place, or several when a packet of the transport ends in it. */
  readonly heads: readonly (readonly Uint8Array[])[]
  readonly data: readonly Uint8Array[]
}

/** Parts the places of a run into those of the heads and those of the data. */
function split(places: readonly Uint8Array[], run: readonly ReadRequest[]): Places {
  const heads: Uint8Array[][] = []
  const data: Uint8Array[] = []
  let index = 0
  let at = 0
  const take = (count: number, into: Uint8Array[]): void => {
    let left = count
    while (left > 0) {
      const place = places[index]!
      const part = place.subarray(at, at + left)
      if (part.length > 0) into.push(part)
      left -= part.length
      at += part.length
      if (at === place.length) {
        index++
        at = 0
      }
    }
  }
  for (const request of run) {
    const head: Uint8Array[] = []
    take(DATA_HEAD, head)
    heads.push(head)
    take(sizeOf(request), data)
  }
  return { heads, data }
}

/** A head on its way into several places. */
const scratch = new Uint8Array(DATA_HEAD)

function putHead(places: readonly Uint8Array[], id: number, length: number): void {
  if (places.length === 1) {
    encodeDataHead(places[0]!, id, length)
    return
  }
  encodeDataHead(scratch, id, length)
  let at = 0
  for (const place of places) {
    place.set(scratch.subarray(at, at + place.length))
    at += place.length
  }
}

function sum(run: readonly ReadRequest[]): number {
  let bytes = 0
  for (const request of run) bytes += sizeOf(request)
  return bytes
}
