import { join } from 'node:path'

/** Longest path that a socket may have, in bytes: sun_path without its NUL (unix(7)). */
const MOST_PATH = 107
/** Workers are numbered as they start, those too that take the place of another. */
const LAST_WORKER = 999_999

/** Where the console speaks to the server. */
export function controlPath(folder: string): string {
  return join(folder, 'control.sock')
}

/** Where a worker serves sessions of its accounts that come in by others. */
export function farPath(folder: string, number: number): string {
  return join(folder, `worker-${number}.sock`)
}

/** How many bytes the path of VAR may have, if it has more; undefined when its sockets fit. */
export function mostOfVar(folder: string, alone: boolean): number | undefined {
  const longest = (within: string): string => (alone ? controlPath(within) : farPath(within, LAST_WORKER))
  return Buffer.byteLength(longest(folder)) > MOST_PATH ? MOST_PATH - longest('/').length : undefined
}
