import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { Log } from '../base/log.ts'
import { entriesOf, isPattern, nameMatcher } from '../commands/patterns.ts'
import { readFrom } from '../transfer/read.ts'
import { nameOf, parentOf, virtualPath } from '../vfs/path.ts'
import type { Stat, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { ScpLine } from './scp.ts'

/** `scp -f`: what `name` means (a pattern in its last part too, as a shell would expand it) to the other side. */
export async function send(vfs: VirtualFileSystem, name: string, line: ScpLine, log: Log): Promise<void> {
  await line.taken()
  for (const path of await matches(vfs, name)) await sendOne(vfs, path, line, log)
}

async function sendOne(vfs: VirtualFileSystem, path: VirtualPath, line: ScpLine, log: Log): Promise<void> {
  let found: Stat
  const names: string[] = []
  try {
    // It would be a record of its own. Other control characters are no part of the protocol.
    if (nameOf(path).includes('\n'))
      throw new OpError(
        'EINVAL',
        `"${shown(path)}" has a line end in its name, which scp -O cannot send: fetch it by sftp`,
        { path },
      )
    found = await vfs.stat(path)
    if (found.kind === 'directory') {
      if (!line.recursive)
        throw new OpError('EISDIR', `"${shown(path)}" is a folder: send it with scp -r`, { path })
      for await (const { name } of entriesOf(vfs, path)) names.push(name)
    }
  } catch (error) {
    return line.warn(error)
  }
  if (found.kind === 'directory') await sendFolder(vfs, path, found, names.sort(), line, log)
  else await sendFile(vfs, path, line, log)
}

async function sendFile(vfs: VirtualFileSystem, path: VirtualPath, line: ScpLine, log: Log): Promise<void> {
  let file: Awaited<ReturnType<typeof vfs.open>>
  try {
    file = await vfs.open(path, { read: true })
  } catch (error) {
    return line.warn(error)
  }
  log.info('open', { path: shown(path), flags: 'READ' })
  let at = 0
  try {
    const found = await file.stat()
    if (!(await sendTimes(found, line))) return
    await line.write(`C${modeOf(found)} ${found.size} ${nameOf(path)}\n`)
    if (!(await line.taken())) return
    let failed: unknown
    try {
      for await (const part of readFrom(file, 0, found.size, line.signal)) {
        await line.write(part)
        at += part.length
      }
      if (at < found.size)
        failed = new OpError('EIO', `"${shown(path)}" became shorter while it was sent`, { path })
    } catch (error) {
      if (!isOpError(error) || line.signal.aborted) throw error
      failed = error
    }
    // The other side counts on its bytes.
    for (let left = found.size - at; left > 0; left -= ZEROS.length) await line.write(ZEROS.subarray(0, left))
    if (failed === undefined) await line.write(new Uint8Array([0]))
    else await line.warn(failed)
    await line.taken()
  } finally {
    await file.close()
    log.info('close', { path: shown(path), read: at, written: 0 })
  }
}

/** What is refused is left out with all that belongs to it: to the other side its bytes would be records. */
async function sendFolder(
  vfs: VirtualFileSystem,
  path: VirtualPath,
  found: Stat,
  names: readonly string[],
  line: ScpLine,
  log: Log,
): Promise<void> {
  if (!(await sendTimes(found, line))) return
  await line.write(`D${modeOf(found)} 0 ${path === '/' ? '.' : nameOf(path)}\n`)
  if (!(await line.taken())) return
  for (const name of names) await sendOne(vfs, virtualPath(name, path), line, log)
  await line.write('E\n')
  await line.taken()
}

async function sendTimes({ mtime, atime }: Stat, line: ScpLine): Promise<boolean> {
  if (!line.times) return true
  await line.write(`T${mtime} 0 ${atime} 0\n`)
  return line.taken()
}

async function matches(vfs: VirtualFileSystem, name: string): Promise<readonly VirtualPath[]> {
  const path = virtualPath(name)
  const word = { text: nameOf(path), quoted: new Set<number>() }
  if (!isPattern(word)) return [path]
  try {
    await vfs.stat(path, { follow: false })
    return [path]
  } catch {
    const fits = nameMatcher(word)
    const found: VirtualPath[] = []
    for await (const entry of entriesOf(vfs, parentOf(path)))
      if (fits(entry.name)) found.push(virtualPath(entry.name, parentOf(path)))
    return found.length === 0 ? [path] : found.sort()
  }
}

function modeOf({ mode }: Stat): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}

const ZEROS = new Uint8Array(32 * 1024)
