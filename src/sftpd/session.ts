import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Digests } from '../transfer/digest.ts'
import type { VirtualFileSystem } from '../vfs/vfs.ts'
import type { Owners } from '../wire/longname.ts'
import type { Reply, WrittenReply } from '../wire/replies.ts'
import type { Handles } from './handles.ts'
import type { KeptBytes } from './kept-bytes.ts'
import type { Outbox } from './outbox.ts'
import type { ReadAhead } from './read-ahead.ts'

/** What the requests of one session work with. */
export interface SftpSession {
  readonly vfs: VirtualFileSystem
  readonly handles: Handles
  readonly outbox: Outbox
  readonly kept: KeptBytes
  readonly ahead: ReadAhead<Reply | WrittenReply>
  readonly log: Log
  readonly clock: Clock
  readonly digests: Digests
  readonly account: string
  /** The client's identification string: the order of SYMLINK's paths depends on it. */
  readonly client: string
  /** Who owns the files, by name; asked of the tree once. */
  readonly owners: () => Promise<Owners>
  readonly signal: AbortSignal
}
