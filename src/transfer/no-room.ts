import { type ErrorCode, isOpError, OpError } from '../base/error.ts'
import { showBytes } from '../base/units.ts'

const NO_ROOM: ReadonlySet<ErrorCode> = new Set(['EDQUOT', 'ENOSPC'])

/** Whether `error` says that there is no room for what is written. */
export function isNoRoom(error: unknown): error is OpError {
  return isOpError(error) && NO_ROOM.has(error.code)
}

/** The same with how much of the whole is still to come: whoever refused a piece knew nothing of the others. */
export function withRest(error: OpError, bytes: number): OpError {
  if (bytes <= 0) return error
  return new OpError(error.code, `${error.message}; ${showBytes(bytes)} still to come`, { cause: error })
}
