import { createHash, randomUUID } from 'node:crypto'
import { isOpError, OpError } from '../base/error.ts'
import { countBytes } from '../base/units.ts'
import { quoteWord } from '../commands/quoting.ts'
import type { Digests } from '../transfer/digest.ts'
import type { ResumePlan, ResumeWishes } from '../transfer/resume.ts'
import type { FileHandle, NewAttrs, Stat, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { Line } from './link.ts'

/** Bytes that may be under way between the two sides. */
const MOST_UNDER_WAY = 8 * 1024 * 1024
const LEAST_READ = 4 * 1024 * 1024
const LEAST_WRITTEN = 1024 * 1024
/** What the quickest line carries, in bytes a ms. */
const MOST_A_MS = 1024 * 1024

/**
 * Bytes that are asked for at a time of a server so far away. What is asked for and not yet on its way, OpenSSH's server keeps in
 * one buffer, which it makes larger and moves: with 8 MiB that costs it a sixth more than with 4.
 */
export function readWindow(roundTripMs: number): number {
  return Math.min(MOST_UNDER_WAY, Math.max(LEAST_READ, roundTripMs * MOST_A_MS))
}

/**
 * Bytes that are sent at a time to a server so far away. More than a near one has read at once would fill its window: then what
 * is ready waits for it here, and is laid out once more.
 */
export function writeWindow(roundTripMs: number): number {
  return Math.min(MOST_UNDER_WAY, Math.max(LEAST_WRITTEN, roundTripMs * MOST_A_MS))
}

/** Up to here a file is hashed as its bytes pass, and not in a thread. */
export const SMALL = 1024 * 1024

/** What a download that is not finished is called, until it is whole and verified. */
export const PART = '.part'
/** Why a file was not verified. */
export const NO_MD5 = 'the server cannot tell MD5s'
export const NOT_ASKED = 'not asked for'

export interface TransferWishes extends ResumeWishes {
  /** Keep times and permissions. */
  readonly preserve?: boolean
  /** Compare the whole MD5 before it is done; true unless said otherwise. */
  readonly verify?: boolean
  /** Fetch a file whose upload was not finished, as it is. */
  readonly partial?: boolean | undefined
}

export interface TransferParts {
  readonly digests: Digests
  readonly signal: AbortSignal
  /** `done`: bytes of the file that are in place; `from`: those that were there before. */
  readonly onProgress: (done: number, from: number) => void
  /** A line for a person about what is done otherwise than was to be expected. */
  readonly tell: (text: string) => void
}

/** One try of moving a file: over what and how. */
export interface Try<Memory> {
  readonly line: Line
  readonly wishes: TransferWishes
  /** Kept from one try to the next. */
  readonly memory: Memory
  readonly parts: TransferParts
}

/** Where a file lies on this machine. */
export interface LocalPlace {
  readonly vfs: VirtualFileSystem
  readonly path: VirtualPath
  /** As a person knows it. */
  readonly name: string
}

/** Where a download comes to lie. */
export interface GetPlace extends LocalPlace {
  /** What it is called until it is whole, and how a person knows that. */
  readonly part: VirtualPath
  readonly partName: string
}

/** MD5 of the first `bytes` of an open local file, in hex. */
export async function localMd5(
  file: FileHandle,
  bytes: number,
  { digests, signal }: Pick<TransferParts, 'digests' | 'signal'>,
): Promise<string> {
  if (bytes > SMALL) {
    const hash = await digests.of(
      // None waits for another.
      randomUUID(),
      file,
      { algorithm: 'md5', offset: 0, length: bytes },
      signal,
    )
    return Buffer.from(hash).toString('hex')
  }
  const place = Buffer.allocUnsafe(bytes)
  let at = 0
  while (at < bytes) {
    const count = await file.read([place.subarray(at)], at)
    if (count === 0) break
    at += count
  }
  return createHash('md5').update(place.subarray(0, at)).digest('hex')
}

/**
 * What a new file or folder is made with, so that a program stays one and what is for its owner's eyes alone does, too;
 * who makes it can go on with it. The other side's umask takes from that. Undefined: its side does not tell.
 */
export function modeOf({ kind, mode }: Stat): number | undefined {
  return mode === 0 ? undefined : (mode & 0o777) | (kind === 'directory' ? 0o700 : 0o600)
}

/** What is kept of a file or folder: of its times and permissions those that its side tells. */
export function keptAttrs({ mode, atime, mtime }: Stat): NewAttrs {
  return { ...(mode !== 0 && { mode: mode & 0o777 }), ...((atime !== 0 || mtime !== 0) && { atime, mtime }) }
}

/** What is there, or undefined. */
export async function statOrNone(vfs: VirtualFileSystem, path: VirtualPath): Promise<Stat | undefined> {
  try {
    return await vfs.stat(path)
  } catch (error) {
    if (isOpError(error, 'ENOENT')) return undefined
    throw error
  }
}

/** MD5 of a whole file at the server that has `size` bytes; undefined when the server cannot tell. */
export function wholeMd5(
  hashes: Line['hashes'],
  path: VirtualPath,
  size: number,
): Promise<string | undefined> {
  return size > SMALL ? hashes.md5(path) : hashes.ofSmall(path)
}

/** What only a server of our kind tells of a file: that its upload was not finished. */
export async function isPartial({ isOurs, exec }: Line, path: VirtualPath): Promise<boolean> {
  if (!isOurs) return false
  const { status, stdout } = await exec(`stat --json ${quoteWord(path)}`)
  return status === 0 && partialNames(`[${stdout}]`).length > 0
}

/** Names of the files of a folder whose uploads were not finished: one question for all of them. */
export async function partialsIn({ isOurs, exec }: Line, folder: VirtualPath): Promise<ReadonlySet<string>> {
  if (!isOurs) return new Set()
  const { status, stdout } = await exec(`ls -a --json ${quoteWord(folder)}`)
  return new Set(status === 0 ? partialNames(stdout) : [])
}

/** Of the list (a byte string) that a server printed; what cannot be read says nothing. */
function partialNames(text: string): readonly string[] {
  const list = jsonOf(text)
  const found = Array.isArray(list) ? (list as readonly unknown[]) : []
  return found
    .filter(isObject)
    .flatMap(({ name, partial }) =>
      partial === true && typeof name === 'string' ? [Buffer.from(name).toString('latin1')] : [],
    )
}

/** What a server printed (a byte string) as JSON; undefined when it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'latin1').toString('utf8'))
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** A plan that changes nothing, as the error that says why and what to do. `isPart`: what is there was left by an earlier try. */
export function refused(
  plan: Extract<ResumePlan, { do: 'refuse' }>,
  name: string,
  sizes: { readonly source: number; readonly target: number },
  sides: { readonly source: string; readonly target: string },
  isPart: boolean,
): OpError {
  const again = '--restart to begin again'
  // What lies here is always a part, which -f does not concern: it is of the file that the part becomes.
  const replace = sides.target === 'here' ? again : `-f to replace what is ${sides.target}`
  switch (plan.because) {
    case 'longer':
      return new OpError(
        'EEXIST',
        `"${name}" has ${countBytes(sizes.target)} ${sides.target} and only ${sizes.source} ${sides.source}: it is another file and nothing was changed; add ${replace}`,
      )
    case 'differs': {
      const part = plan.bytes === sizes.source ? 'the MD5' : `the MD5 of the first ${countBytes(plan.bytes)}`
      return new OpError(
        'EEXIST',
        `Same name, different content: ${part} of "${name}" is ${plan.source} ${sides.source} and ${plan.target} ${sides.target}; nothing was changed. Add ${isPart ? again : '-f to replace it'}, or another name`,
      )
    }
    case 'unproved':
      return new OpError(
        'EEXIST',
        `"${name}" is ${sides.target} with ${countBytes(plan.bytes)}, and this server cannot tell whether they are the same: add --trust-size to go on from there, or ${replace}`,
      )
  }
}

export function mismatch(name: string, here: string, there: string, again: '-f' | '--restart'): OpError {
  return new OpError(
    'EIO',
    `"${name}" did not arrive as it was sent: MD5 ${here} here and ${there} at the server. It was not taken for done; begin again with ${again}`,
  )
}
