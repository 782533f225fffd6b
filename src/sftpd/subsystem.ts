import type { Awaitable } from '../base/awaitable.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { isOpError } from '../base/error.ts'
import { escapeText, textBytes } from '../base/escape.ts'
import type { Log } from '../base/log.ts'
import type { Session, SessionHandler } from '../ssh/session.ts'
import { type Digests, digests } from '../transfer/digest.ts'
import type { LiveTransfers } from '../transfer/live.ts'
import type { VirtualFileSystem } from '../vfs/vfs.ts'
import type { Reply, WrittenReply } from '../wire/replies.ts'
import { dispatcher } from './dispatch.ts'
import { Handles, MAX_HANDLES } from './handles.ts'
import { KeptBytes } from './kept-bytes.ts'
import { Order } from './order.ts'
import { Outbox } from './outbox.ts'
import { ownersOf } from './owners.ts'
import { ReadAhead } from './read-ahead.ts'

export interface SftpParts {
  /** The tree of the session's account; an error refuses the session with its sentence. */
  readonly open: (session: Session) => Awaitable<VirtualFileSystem>
  readonly clock?: Clock
  /** What hashes files; shared with whoever else hashes, so that there is one an account. */
  readonly hash?: Digests
  /** Where open files are shown. */
  readonly live?: LiveTransfers
  /** Handles a session may hold. */
  readonly maxHandles?: () => number
  /** Instead of the session's. */
  readonly log?: Log
}

/** The session handler of the subsystem "sftp" (draft-ietf-secsh-filexfer-02). */
export function sftp({
  open,
  clock = systemClock,
  hash = digests(),
  live,
  maxHandles = () => MAX_HANDLES,
  log: other,
}: SftpParts): SessionHandler {
  return async (session) => {
    const log = other ?? session.log
    let vfs: VirtualFileSystem
    try {
      vfs = await open(session)
    } catch (error) {
      if (!isOpError(error)) throw error
      log.info('session refused', { code: error.code, message: escapeText(error.message) })
      await session.channel.writeError(Buffer.from(`${textBytes(error.message)}\r\n`, 'latin1'))
      return 1
    }
    await using tree = vfs
    return await serve(session, tree, { clock, hash, live, log, maxHandles })
  }
}

interface Surroundings {
  readonly clock: Clock
  readonly hash: Digests
  readonly live: LiveTransfers | undefined
  readonly log: Log
  readonly maxHandles: () => number
}

async function serve(
  session: Session,
  vfs: VirtualFileSystem,
  { clock, hash, live, log, maxHandles }: Surroundings,
): Promise<number> {
  const { channel, identity, origin, signal } = session
  const { account } = identity
  const handles = new Handles({ account, session: session.id, log, live, most: maxHandles() })
  const owners = ownersOf(vfs, account)
  const order = new Order((sink) => {
    const port = channel.packets(sink)
    const outbox = new Outbox(port, log, origin.client)
    const parts = {
      vfs,
      handles,
      outbox,
      kept: new KeptBytes(),
      ahead: new ReadAhead<Reply | WrittenReply>(),
      log,
      clock,
      digests: hash,
      account,
      client: origin.client,
      owners,
      signal,
    }
    return { port, serve: dispatcher(parts) }
  })
  const gone = Promise.withResolvers<number>()
  const leave = (): void => gone.resolve(1)
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  try {
    return await Promise.race([order.ended, gone.promise])
  } catch (error) {
    if (!isOpError(error, 'EPROTO')) throw error
    log.warn('stream lost', { message: error.message })
    return 1
  } finally {
    signal.removeEventListener('abort', leave)
    await order.stop()
    await handles.abandonAll()
  }
}
