import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { Log } from '../base/log.ts'
import { join } from '../vfs/path.ts'
import type { FileHandle, NewAttrs, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { ScpLine } from './scp.ts'

const OK = new Uint8Array([0])
type Times = Pick<NewAttrs, 'atime' | 'mtime'>

interface ReceiveParts {
  readonly vfs: VirtualFileSystem
  readonly line: ScpLine
  readonly log: Log
}

/** Where records go. */
interface Place {
  readonly target: VirtualPath
  /** The target is a folder, and takes them under their own names. */
  readonly into: boolean
  /** Folders of the other side above. */
  readonly depth: number
}

/** `scp -t`: files and folders from the other side into `target`, or as `target` itself. */
export async function receive(
  vfs: VirtualFileSystem,
  target: VirtualPath,
  line: ScpLine,
  log: Log,
): Promise<void> {
  const isFolder = await isFolderAt(vfs, target)
  if (line.targetIsFolder && !isFolder)
    throw new OpError('ENOTDIR', `"${shown(target)}" is not a folder`, { path: target })
  await line.write(OK)
  await entries({ target, into: isFolder, depth: 0 }, { vfs, line, log })
}

/** Records until the end of the stream, or of the folder: that is not answered yet. */
async function entries(place: Place, parts: ReceiveParts): Promise<void> {
  const { depth } = place
  const { line } = parts
  let times: Times = {}
  for (;;) {
    const record = await line.input.line()
    if (record === undefined) {
      if (depth > 0) throw new OpError('ECANCELED', 'The connection ended in the middle of a folder')
      return
    }
    switch (record[0]) {
      case '\x01':
        break
      case '\x02':
        throw new OpError('ECANCELED', 'The other side gave up')
      case 'E':
        if (depth > 0) return
        throw new OpError('EPROTO', 'A folder ends that never began')
      case 'T':
        times = timesOf(record)
        await line.write(OK)
        break
      case 'C':
        await file(record, times, place, parts)
        times = {}
        break
      case 'D':
        if (!line.recursive) throw new OpError('EPROTO', 'A folder came, but -r was not said')
        await folder(record, times, place, parts)
        times = {}
        break
      default:
        throw new OpError('EPROTO', 'That is not the protocol of scp')
    }
  }
}

async function file(
  record: string,
  times: Times,
  { target, into }: Place,
  { vfs, line, log }: ReceiveParts,
): Promise<void> {
  const { mode, size, name } = fieldsOf(record)
  let path = target
  let open: FileHandle
  try {
    if (into) path = join(target, name)
    if (!into && line.targetEndsInSlash) {
      throw new OpError('EISDIR', `"${shown(path)}" is no folder: make it first, or leave the slash out`, {
        path,
      })
    }
    open = await vfs.open(path, { write: true, create: true, truncate: true }, { mode })
  } catch (error) {
    return line.warn(error)
  }
  log.info('open', { path: shown(path), flags: 'WRITE,CREATE,TRUNCATE', mode: mode.toString(8) })
  let at = 0
  let failed: unknown
  try {
    await line.write(OK)
    for await (const part of line.input.bytes(size)) {
      if (failed !== undefined) continue
      try {
        await open.write([part], at)
        at += part.length
      } catch (error) {
        if (!isOpError(error)) throw error
        // The other side sends all of it whatever we say.
        failed = error
      }
    }
    if (!(await line.taken()))
      failed ??= new OpError('EIO', `The other side could not read all of "${shown(path)}"`, { path })
  } catch (error) {
    await open.abandon()
    log.info('forced close', { path: shown(path), read: 0, written: at })
    throw error
  }
  try {
    if (failed !== undefined) await open.abandon()
    else await closed(open, line.times ? { mode, ...times } : undefined)
  } catch (error) {
    failed = error
  }
  log.info('close', { path: shown(path), read: 0, written: at })
  if (failed === undefined) await line.write(OK)
  else await line.warn(failed)
}

/** All of it is there, also where its mode and times cannot be set. */
async function closed(file: FileHandle, attrs: NewAttrs | undefined): Promise<void> {
  try {
    if (attrs !== undefined) await file.setstat(attrs)
  } finally {
    await file.close()
  }
}

async function folder(
  record: string,
  times: Times,
  { target, into, depth }: Place,
  parts: ReceiveParts,
): Promise<void> {
  const { vfs, line } = parts
  const { mode, name } = fieldsOf(record)
  let path = target
  try {
    if (depth > 200) throw new OpError('ENAMETOOLONG', 'Folders too deep')
    if (into) path = join(target, name)
    if (!(await isFolderAt(vfs, path))) await vfs.mkdir(path, mode | 0o700)
  } catch (error) {
    return line.warn(error)
  }
  await line.write(OK)
  await entries({ target: path, into: true, depth: depth + 1 }, parts)
  try {
    if (line.times) await vfs.setstat(path, { mode, ...times })
  } catch (error) {
    return line.warn(error)
  }
  await line.write(OK)
}

/** `C0644 size name` or `D0755 0 name`. The name is one name: nothing may leave the target. EPROTO. */
function fieldsOf(record: string): { readonly mode: number; readonly size: number; readonly name: string } {
  const match = /^[CD]([0-7]{4}) (\d{1,16}) ([^/\0]+)$/s.exec(record)
  const size = Number(match?.[2])
  const name = match?.[3]
  if (!match || name === undefined || name === '.' || name === '..' || !Number.isSafeInteger(size)) {
    throw new OpError('EPROTO', 'That is not a file of the protocol of scp')
  }
  return { mode: Number.parseInt(match[1]!, 8) & 0o777, size, name }
}

/** `Tmtime 0 atime 0`. */
function timesOf(record: string): Times {
  const match = /^T(\d{1,15}) \d{1,6} (\d{1,15}) \d{1,6}$/.exec(record)
  if (!match) throw new OpError('EPROTO', 'Those are not times of the protocol of scp')
  return { mtime: Number(match[1]), atime: Number(match[2]) }
}

async function isFolderAt(vfs: VirtualFileSystem, path: VirtualPath): Promise<boolean> {
  try {
    return (await vfs.stat(path)).kind === 'directory'
  } catch (error) {
    if (isOpError(error, 'ENOENT')) return false
    throw error
  }
}
