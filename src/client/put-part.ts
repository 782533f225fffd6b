import { isOpError } from '../base/error.ts'
import { showBytes } from '../base/units.ts'
import { quoteWord } from '../commands/quoting.ts'
import type { FileHandle, Stat, VirtualPath } from '../vfs/vfs.ts'
import type { Line } from './link.ts'
import type { RemoteFile } from './remote-file.ts'
import { isObject, jsonOf, localMd5, SMALL, type Try } from './transfer.ts'

/** A file of this machine that is open to be sent. */
export interface OpenSource {
  readonly file: FileHandle
  /** As it was when it was opened. */
  readonly stat: Stat
  /** As a person knows it. */
  readonly name: string
}

/** An interrupted replacement, open to go on with at `offset`. */
export interface OpenPart {
  readonly offset: number
  readonly opened: RemoteFile
}

/**
 * What a server of our kind kept of a replacement of `target` that was interrupted, once its bytes are proved to be
 * those that the source begins with. Undefined where there is none, and where it is other content, which is told: then it
 * is replaced from the start, and the server gives it up.
 */
export async function openPart(
  { file, stat: { size }, name }: OpenSource,
  target: VirtualPath,
  { line, parts }: Pick<Try<unknown>, 'line' | 'parts'>,
): Promise<OpenPart | undefined> {
  // Less than that is sent sooner than it is asked for.
  if (size <= SMALL) return undefined
  const offset = await partSize(line, target)
  if (offset === undefined) return undefined
  const md5 = offset > size ? undefined : await localMd5(file, offset, parts)
  try {
    if (md5 !== undefined) return { offset, opened: await line.vfs.goOn(target, { offset, md5 }) }
  } catch (error) {
    if (!isOpError(error, 'EINVAL')) throw error
  }
  parts.tell(
    `"${name}" is not what was being sent when its replacement was interrupted: the ${showBytes(offset)} that the server kept of that are given up, and it is sent from its start`,
  )
  return undefined
}

/** Bytes of an interrupted replacement of the file at `path`; undefined: there is none, or this server does not tell. */
async function partSize({ vfs, isOurs, exec }: Line, path: VirtualPath): Promise<number | undefined> {
  if (!isOurs || !vfs.canGoOn) return undefined
  const { status, stdout } = await exec(`stat --json ${quoteWord(await vfs.realpath(path))}`)
  const told = status === 0 ? jsonOf(stdout) : undefined
  const aside = isObject(told) && Array.isArray(told.aside) ? (told.aside as readonly unknown[]) : []
  const size = aside.filter(isObject).find(({ kind }) => kind === 'part')?.size
  return typeof size === 'number' && Number.isSafeInteger(size) && size > 0 ? size : undefined
}
