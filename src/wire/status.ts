import { type ErrorCode, OpError } from '../base/error.ts'
import { textBytes } from '../base/escape.ts'
import { Status } from './constants.ts'
import type { Reply } from './replies.ts'

/** The only place where an errno becomes an SFTP status (draft-02 §7). What is not listed is `failure`. */
const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  ENOENT: Status.noSuchFile,
  ENOTDIR: Status.noSuchFile,
  ELOOP: Status.noSuchFile,
  EACCES: Status.permissionDenied,
  EPERM: Status.permissionDenied,
  EROFS: Status.permissionDenied,
  EINVAL: Status.badMessage,
  ENAMETOOLONG: Status.badMessage,
  EPROTO: Status.badMessage,
  ENOTSUP: Status.unsupported,
}

/** What a client hears of a failure. An error that is not ours says nothing of itself: the log has it. */
export function statusOf(error: unknown): Extract<Reply, { type: 'status' }> {
  if (!(error instanceof OpError)) return { type: 'status', code: Status.failure, message: 'Internal error' }
  return { type: 'status', code: STATUS_OF[error.code] ?? Status.failure, message: textBytes(error.message) }
}
