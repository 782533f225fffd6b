import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { isNoRoom } from '../transfer/no-room.ts'
import { parentOf, virtualPath } from '../vfs/path.ts'
import type { FileHandle, Stat, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import { MOST_SIZE } from '../zmodem/line.ts'
import type { IncomingFile, Storage, WantedFile } from '../zmodem/receive.ts'
import { prefixCrc } from '../zmodem/send.ts'

export interface IncomingParts {
  readonly vfs: VirtualFileSystem
  readonly cwd: VirtualPath
  /** What the first file is to be called, or the folder for all; else they keep their names. */
  readonly name: string | undefined
  /** Replace what is there. */
  readonly force: boolean
  /** Sentences about files that were not taken. */
  readonly refusals: string[]
  readonly signal: AbortSignal
  readonly log: (event: string, fields: Readonly<Record<string, string | number>>) => void
}

/** So many sentences are kept: a sender may offer files without end. */
const MOST_REFUSALS = 1_000

type Proof = (bytes: number) => Promise<number | undefined>

/** Where files that a terminal sends go. What is not taken, or not whole, is said in `refusals`, and the others go on. */
export interface Incoming extends Storage {
  /** Whether one was refused that the sender had begun with. */
  readonly brokenOff: boolean
  /** How many more were refused than there are sentences for. */
  readonly untold: number
}

export function storageIn(parts: IncomingParts): Incoming {
  const { vfs, refusals } = parts
  let count = 0
  let brokenOff = false
  let untold = 0
  const refuse = (sentence: string): void => {
    if (refusals.length < MOST_REFUSALS) refusals.push(sentence)
    else untold += 1
  }

  async function open(file: IncomingFile, path: VirtualPath, proof: Proof): Promise<WantedFile> {
    const there = await statOf(vfs, path)
    if (Math.max(file.size ?? 0, file.resume ? (there?.size ?? 0) : 0) > MOST_SIZE) {
      throw new OpError(
        'EFBIG',
        `"${shown(path)}" was left alone: it is over 4 GiB, which ZMODEM cannot count. Send it by sftp or scp`,
        { path },
      )
    }
    if (there?.kind === 'directory') throw new OpError('EISDIR', `"${shown(path)}" is a folder`, { path })
    const wanted = (handle: FileHandle, from: number, isNew: boolean): WantedFile => ({
      handle,
      from,
      refused(error, bytes) {
        brokenOff = true
        refuse(notStored(path, error, isNew ? bytes : 0))
      },
    })
    if (there !== undefined && file.resume && there.size > 0)
      return wanted(await proved(parts, path, there.size, proof), there.size, true)
    if (there !== undefined && there.size > 0 && !parts.force) {
      throw new OpError(
        'EEXIST',
        `"${shown(path)}" is there already and was left alone: replace it by put -f`,
        { path },
      )
    }
    const mode = (file.mode ?? 0o644) & 0o777
    const handle = await vfs.open(path, { write: true, create: true, truncate: true }, { mode })
    return wanted(handle, 0, there === undefined)
  }

  return {
    get brokenOff() {
      return brokenOff
    },
    get untold() {
      return untold
    },
    async open(file, proof) {
      let path: VirtualPath | undefined
      try {
        path = await pathOf(parts, file, count)
        count += 1
        return await open(file, path, proof)
      } catch (error) {
        if (!isOpError(error) || error.code === 'ECANCELED') throw error
        refuse(path !== undefined && isNoRoom(error) ? notStored(path, error, 0) : error.message)
        return undefined
      }
    },
  }
}

/** Of a file that is new, or gone on with, the `bytes` that are there. */
function notStored(path: VirtualPath, error: OpError, bytes: number): string {
  const sentence = `"${shown(path)}" was not stored: ${error.message}`
  if (bytes === 0) return sentence
  const kept = bytes === 1 ? 'The 1 byte of it that is' : `The ${bytes} bytes of it that are`
  const more = isNoRoom(error) ? 'with more room go on by sz -r, or' : 'go on by sz -r, or'
  return `${sentence}. ${kept} here ${bytes === 1 ? 'is' : 'are'} kept: ${more} remove ${bytes === 1 ? 'it' : 'them'} by rm`
}

/** A sender's name leads nowhere but into the folder that was meant. */
async function pathOf(
  { vfs, cwd, name }: IncomingParts,
  file: IncomingFile,
  count: number,
): Promise<VirtualPath> {
  if (name === undefined) return virtualPath(safeName(file.name), cwd)
  const target = virtualPath(name, cwd)
  if ((await statOf(vfs, target))?.kind === 'directory') return virtualPath(safeName(file.name), target)
  return count === 0 ? target : virtualPath(safeName(file.name), parentOf(target))
}

function safeName(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/'))
    throw new OpError('EINVAL', `"${shown(name)}" is not a name for a file`)
  return name
}

/** What is there, opened to go on with: where both sides have the same, and nowhere else. */
async function proved(
  { vfs, signal, log }: IncomingParts,
  path: VirtualPath,
  size: number,
  proof: Proof,
): Promise<FileHandle> {
  const theirs = await proof(size)
  if (theirs === undefined) {
    throw new OpError(
      'EINVAL',
      `"${shown(path)}" was left alone: your side does not prove that it begins with the ${size} bytes that are here`,
      { path },
    )
  }
  const file = await (vfs.resume?.(path, size) ?? vfs.open(path, { read: true, write: true }))
  try {
    const ours = await prefixCrc(file, size, signal)
    if (ours === theirs) return file
    log('resume refused', { path: shown(path), theirs: hex(theirs), ours: hex(ours) })
    throw new OpError(
      'EINVAL',
      `Same name, different content: "${shown(path)}" has CRC ${hex(ours)} in its ${size} bytes here and ${hex(theirs)} at your side; nothing was changed`,
      { path },
    )
  } catch (error) {
    await file.abandon()
    throw error
  }
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}

async function statOf(vfs: VirtualFileSystem, path: VirtualPath): Promise<Stat | undefined> {
  try {
    return await vfs.stat(path)
  } catch (error) {
    if (isOpError(error, 'ENOENT')) return undefined
    throw error
  }
}
