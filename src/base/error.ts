/**
 * What can go wrong, by errno name. The status a client hears and the exit status are functions of the
 * code (`wire/status.ts`, `commands/failed.ts`), so two throw sites cannot disagree.
 */
export type ErrorCode =
  | 'EACCES' // the caller may not
  | 'EBADF' // no such handle, or not open for this
  | 'EBUSY' // changed or held by somebody else meanwhile
  | 'ECANCELED' // the session, the connection or the person ended it
  | 'ECONNREFUSED' // the host is not to be reached
  | 'ECONNRESET' // the connection was lost
  | 'EDQUOT' // the account's quota is used up
  | 'EEXIST'
  | 'EFBIG'
  | 'EINVAL' // a value that cannot be
  | 'EIO'
  | 'EISDIR'
  | 'ELOOP'
  | 'EMFILE' // too many handles
  | 'EMLINK'
  | 'ENAMETOOLONG'
  | 'ENOENT'
  | 'ENOSPC'
  | 'ENOTDIR'
  | 'ENOTEMPTY'
  | 'ENOTSUP'
  | 'EPERM'
  | 'EPROTO' // the peer does not speak the protocol
  | 'EROFS'
  | 'ESTALE' // what was open is not there any more: replaced, taken over
  | 'EUSAGE' // the words of a command are off
  | 'EXDEV'

export interface ErrorDetails {
  /** Virtual path, never a real one. */
  readonly path?: string
  /** For the log only. */
  readonly cause?: unknown
}

/** The one error type. `message` is for people: sentence case, no full stop, names `shown` and in quotes, no real paths. */
export class OpError extends Error {
  override readonly name = 'OpError'
  readonly code: ErrorCode
  readonly path: string | undefined

  constructor(code: ErrorCode, message: string, { path, cause }: ErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.path = path
  }
}

export function isOpError(error: unknown, code?: ErrorCode): error is OpError {
  return error instanceof OpError && (code === undefined || error.code === code)
}
