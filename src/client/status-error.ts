import { type ErrorCode, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { Status } from '../wire/constants.ts'

/** Longest sentence of a server that is passed on, in characters. */
const MOST_TEXT = 500

const CODES: Readonly<Record<number, readonly [code: ErrorCode, sentence: string]>> = {
  [Status.noSuchFile]: ['ENOENT', 'No such file or folder'],
  [Status.permissionDenied]: ['EACCES', 'The server does not permit it'],
  [Status.badMessage]: ['EINVAL', 'The server does not understand it'],
  [Status.noConnection]: ['ECONNRESET', 'The server lost its connection'],
  [Status.connectionLost]: ['ECONNRESET', 'The server lost its connection'],
  [Status.unsupported]: ['ENOTSUP', 'The server cannot do this'],
}

/** What version 3 leaves to the sentence. */
const TOLD: readonly (readonly [RegExp, ErrorCode])[] = [
  [/quota/i, 'EDQUOT'],
  [/no space|disk (is )?full|space left/i, 'ENOSPC'],
]

/** A STATUS that is not ok, as our error: the server's own sentence where it says more than its code. */
export function errorOfStatus(
  status: { readonly code: number; readonly message: string },
  path: string,
): OpError {
  const text = shown(status.message).trim().slice(0, MOST_TEXT)
  const [code, sentence] = CODES[status.code] ?? ['EIO', 'The server refused it and did not say why']
  const told = TOLD.find(([pattern]) => pattern.test(text))
  const says =
    /^(|failure|no such file( or directory)?|permission denied|bad message|operation unsupported|not supported|unsupported|sftp: failure)$/i.test(
      text,
    )
  const name = path === '' ? '' : `: "${shown(path)}"`
  return new OpError(told?.[1] ?? code, says ? sentence + name : text, { path })
}
