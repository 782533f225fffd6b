import { type Awaitable, isPromise } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { VERSION } from '../wire/constants.ts'
import type { Frames, Packet } from '../wire/frames.ts'
import { encodeVersion, type Reply, type WrittenReply } from '../wire/replies.ts'
import { decodeRequest, type Request, type RequestOf, requestId } from '../wire/requests.ts'
import { opendir, readdir } from './dir-requests.ts'
import { advertised, extended } from './extensions.ts'
import { close, fsetstat, fstat, open } from './file-requests.ts'
import {
  lstat,
  mkdir,
  readlink,
  realpath,
  remove,
  rename,
  rmdir,
  setstat,
  stat,
  symlink,
} from './path-requests.ts'
import { serveReads } from './read-run.ts'
import type { SftpSession } from './session.ts'
import { serveWrites } from './write-run.ts'

/** What a request costs its session's turn, in bytes, besides those of its answer: some ten microseconds. */
const COST = 2048

/** The requests that are one question and one answer. READ and WRITE go in runs, and by a way of their own. */
type Single = Exclude<Request['type'], 'init' | 'read' | 'write' | 'unknown'>

type ByName = { readonly [Name in Single]: RequestOf<Name> }

const REQUESTS: {
  readonly [Name in Single]: (request: ByName[Name], session: SftpSession) => Awaitable<Reply | WrittenReply>
} = {
  open,
  close,
  fstat,
  fsetstat,
  opendir,
  readdir,
  lstat,
  stat,
  setstat,
  remove,
  mkdir,
  rmdir,
  realpath,
  rename,
  readlink,
  symlink,
  extended: ({ name, body }, session) => extended(name, body, session),
}

/** Serves a session's requests, one call a request (or a run of READs or WRITEs); each is answered once. */
export function dispatcher(session: SftpSession): (packet: Packet, frames: Frames) => Awaitable<number> {
  const { outbox } = session
  let begun = false

  /** Gives what it cost, now or later. @throws {OpError} EPROTO when there is no id to answer to. */
  return (packet, frames) => {
    let request: Request
    try {
      request = decodeRequest(packet)
    } catch (error) {
      outbox.fail(requestId(packet), error, { request: 'malformed' })
      return COST
    }
    if (request.type === 'init') {
      begun = true
      outbox.port.writer.put(encodeVersion({ version: VERSION, extensions: advertised }))
      return COST
    }
    if (!begun) return refuse(request, new OpError('EPROTO', 'The first packet must be INIT'))
    if (request.type === 'read') return serveReads(request, frames, session)
    if (request.type === 'write') return serveWrites(request, packet, frames, session)
    if (request.type === 'unknown')
      return refuse(request, new OpError('ENOTSUP', 'This request is not of version 3'))
    return serveOne(request)
  }

  function serveOne(request: Extract<Request, { type: Single }>): Awaitable<number> {
    try {
      const reply = call(request.type, request, session)
      if (!isPromise(reply)) return COST + outbox.reply(request.id, reply)
      return reply.then(
        (reply) => COST + outbox.reply(request.id, reply),
        (error) => refuse(request, error),
      )
    } catch (error) {
      return refuse(request, error)
    }
  }

  function refuse(request: Exclude<Request, { type: 'init' }>, error: unknown): number {
    outbox.fail(request.id, error, { request: request.type === 'extended' ? request.name : request.type })
    return COST
  }
}

/** The row of the request's type, called with a request of that type. */
function call<Name extends Single>(
  type: Name,
  request: ByName[Name],
  session: SftpSession,
): Awaitable<Reply | WrittenReply> {
  return REQUESTS[type](request, session)
}
