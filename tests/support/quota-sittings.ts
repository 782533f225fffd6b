import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { copyData } from '../../src/sftpd/copy-data.ts'
import type { SftpSession } from '../../src/sftpd/session.ts'
import { virtualPath } from '../../src/vfs/path.ts'
import type { StagedFileSystem } from '../../src/vfs/staged.ts'
import type { FileHandle, VirtualPath } from '../../src/vfs/vfs.ts'
import type { StagedAccount } from './staged-account.ts'

/** One of several sessions that do at random what changes an account's bytes and entries. */
export interface Sitting {
  vfs: StagedFileSystem
  readonly open: FileHandle[]
  /** The client went away in the middle, and comes back. */
  reconnect(): Promise<void>
  /** It closes nothing, and goes away. */
  leave(): Promise<void>
}

export async function sitDown(ada: StagedAccount): Promise<Sitting> {
  const open: FileHandle[] = []
  const leave = async (): Promise<void> => {
    const { vfs } = sitting
    for (const handle of open.splice(0)) await handle.abandon()
    await vfs[Symbol.asyncDispose]()
  }
  const sitting: Sitting = {
    vfs: await ada.session(),
    open,
    leave,
    async reconnect() {
      await leave()
      sitting.vfs = await ada.session()
    },
  }
  return sitting
}

/** The server's own copy between two files that are open. */
async function copy(from: FileHandle, offset: number, to: FileHandle, toOffset: number): Promise<void> {
  const files = new Map([from, to].map((file, i) => [String(i), { file, read: 0, written: 0 }]))
  const handles = { file: (name: string) => files.get(name)! }
  const session = { handles, signal: new AbortController().signal } as unknown as SftpSession
  await copyData({ from: '0', offset, length: 0, to: '1', toOffset }, session)
}

/** A link takes the name of a file, wherever that goes: perhaps one that somebody replaces. */
async function linked(vfs: StagedFileSystem, path: VirtualPath, to: VirtualPath): Promise<void> {
  await vfs.rename(path, to, { replace: true })
  await vfs.symlink(to.slice(1), path)
}

/** One random operation; what the file system refuses is part of life. */
export async function operate(sitting: Sitting, random: (below: number) => number): Promise<void> {
  const { vfs, open } = sitting
  const path = () => virtualPath(random(4) === 0 ? `/d${random(3)}/f${random(4)}` : `/f${random(8)}`)
  const data = () => [new Uint8Array(random(9_000)), new Uint8Array(random(3_000))]
  const handle = open[random(open.length || 1)]
  /** What is opened for a client that went away meanwhile is abandoned, as a server does. */
  const keep = (file: FileHandle): unknown => (vfs === sitting.vfs ? open.push(file) : file.abandon())
  switch (random(23)) {
    case 0:
    case 1:
      await keep(await vfs.open(path(), { write: true, create: true }))
      break
    case 2:
      await keep(await vfs.open(path(), { write: true, create: true, truncate: true }))
      break
    case 3:
      await keep(await vfs.open(path(), { append: true, write: true, create: true }))
      break
    case 4:
      await keep(await vfs.open(path(), { read: true }))
      break
    case 5:
    case 6:
    case 7:
      await handle?.write(data(), random(40_000))
      break
    case 8:
      await handle?.write(data(), random(600_000))
      break
    case 9:
      await handle?.truncate(random(60_000))
      break
    case 10:
      await vfs.setstat(path(), { size: random(80_000) })
      break
    case 11:
      await vfs.rename(path(), path(), { replace: random(2) === 0 })
      break
    case 12:
      await vfs.unlink(path())
      break
    case 13:
      if (random(2)) await vfs.mkdir(virtualPath(`/d${random(3)}`))
      else await vfs.rmdir(virtualPath(`/d${random(3)}`))
      break
    case 14:
      if (random(2)) await vfs.symlink(`f${random(8)}`, virtualPath(`/l${random(3)}`))
      else await linked(vfs, path(), virtualPath(`/f${random(8)}`))
      break
    case 15:
      await vfs.restore(path())
      break
    case 16: {
      const [part] = vfs.shelved().filter(({ kind }) => kind === 'part')
      if (part) await keep(await vfs.resume(part.path, part.size))
      break
    }
    case 17:
      await handle?.write(data(), 0)
      break
    case 18:
    case 19: {
      const other = open[random(open.length || 1)]
      if (handle && other && handle !== other) await copy(handle, random(20_000), other, random(100_000))
      break
    }
    case 20:
      if (random(4) === 0) await sitting.reconnect()
      break
    default:
      if (handle) {
        open.splice(open.indexOf(handle), 1)
        if (random(2)) await handle.close()
        else await handle.abandon()
      }
  }
}

/** Bytes and entries that lie below `folder` at this instant. */
export function there(folder: string): { bytes: number; files: number } {
  let [bytes, files] = [0, 0]
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    files += 1
    if (entry.isFile()) bytes += lstatSync(path).size
    else if (entry.isDirectory()) {
      const below = there(path)
      bytes += below.bytes
      files += below.files
    }
  }
  return { bytes, files }
}
