import { type ErrorCode, OpError } from './base/error.ts'
import { errnoOf } from './vfs/errno.ts'

const NOT_OURS =
  'this user may not use it: give it to the user that runs the server, or choose other folders with --var and --hostkeys'
const IN_THE_WAY = 'something else has a name that a folder needs: move it away'
const FOLDER = 'a folder has its name: move it away'

/** What is to be done, by errno. */
const WAYS: Readonly<Record<string, readonly [code: ErrorCode, way: string]>> = {
  EACCES: ['EACCES', NOT_OURS],
  EPERM: ['EPERM', NOT_OURS],
  EEXIST: ['EEXIST', IN_THE_WAY],
  ENOTDIR: ['ENOTDIR', IN_THE_WAY],
  EISDIR: ['EISDIR', FOLDER],
  ERR_FS_EISDIR: ['EISDIR', FOLDER],
  ENOENT: ['ENOENT', 'it is not there: look whether it is a link to a disk that is not mounted'],
  ENOSPC: ['ENOSPC', 'its disk is full: make room there'],
  EDQUOT: ['EDQUOT', "the disk's quota for this user is used up: make room there"],
  EROFS: ['EROFS', 'its disk takes no writes: mount it to be written'],
}

/** What the disk says of the server's own files, as a sentence for its operator; undefined for a fault of ours. */
export function ownFilesError(error: unknown): OpError | undefined {
  const known = WAYS[errnoOf(error) ?? '']
  const path = error instanceof Error && 'path' in error ? error.path : undefined
  if (known === undefined || typeof path !== 'string') return undefined
  return new OpError(known[0], `"${path}" cannot be used: ${known[1]}`, { cause: error })
}
