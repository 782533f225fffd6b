import { type ErrorCode, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'

const GONE = 'The disk does not answer, tell an admin: %'

/** What a person hears of each errno; `%` is the virtual path in quotes. */
const SENTENCES: Readonly<Record<string, readonly [code: ErrorCode, sentence: string]>> = {
  EACCES: ['EACCES', 'Permission denied: %'],
  EPERM: ['EPERM', 'Not permitted: %'],
  EBADF: ['EBADF', 'Not open for this: %'],
  EBUSY: ['EBUSY', 'In use: %'],
  ECANCELED: ['ECANCELED', 'The session has ended: %'],
  EDQUOT: ['EDQUOT', "The disk's own quota is used up: %"],
  EEXIST: ['EEXIST', 'Exists already: %'],
  EFBIG: ['EFBIG', 'Too large for this disk: %'],
  EINVAL: ['EINVAL', 'Cannot be done with %'],
  EIO: ['EIO', 'The disk failed: %'],
  EISDIR: ['EISDIR', 'Is a folder: %'],
  ELOOP: ['ELOOP', 'Too many links: %'],
  EMFILE: ['EMFILE', 'Too many open files, try again later: %'],
  ENFILE: ['EMFILE', 'Too many open files, try again later: %'],
  EMLINK: ['EMLINK', 'Too many hard links: %'],
  ENAMETOOLONG: ['ENAMETOOLONG', 'Name too long: %'],
  ENOENT: ['ENOENT', 'No such file or folder: %'],
  ENOSPC: ['ENOSPC', "The server's disk is full: %"],
  ENOTDIR: ['ENOTDIR', 'Not a folder: %'],
  ENOTEMPTY: ['ENOTEMPTY', 'Folder not empty: %'],
  ENOSYS: ['ENOTSUP', 'Not supported here: %'],
  ENOTSUP: ['ENOTSUP', 'Not supported here: %'],
  EOPNOTSUPP: ['ENOTSUP', 'Not supported here: %'],
  EROFS: ['EROFS', 'The disk is read-only: %'],
  ESTALE: ['ESTALE', 'Not there any more: %'],
  EXDEV: ['EXDEV', 'On another disk: %'],
  // Of a disk that another program or machine serves, and that is gone.
  ENOTCONN: ['EIO', GONE],
  EHOSTDOWN: ['EIO', GONE],
  ETIMEDOUT: ['EIO', GONE],
}

/** The errno of an error of Node's, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** An error of Node's file functions (its text tells real paths) as ours, with the virtual path. One that is not known goes up as it is. */
export function fileError(error: unknown, path: string): unknown {
  if (error instanceof OpError) return error
  const known = SENTENCES[errnoOf(error) ?? '']
  if (known === undefined) return error
  return new OpError(
    known[0],
    known[1].replace('%', () => `"${shown(path)}"`),
    { path, cause: error },
  )
}

/** The same sentence where we find the fault ourselves. */
export function failure(code: ErrorCode, path: string): OpError {
  const sentence = SENTENCES[code]?.[1] ?? '%'
  return new OpError(
    code,
    sentence.replace('%', () => `"${shown(path)}"`),
    { path },
  )
}
