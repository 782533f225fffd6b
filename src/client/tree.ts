import { isOpError, type OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { entriesOf } from '../commands/patterns.ts'
import { join } from '../vfs/path.ts'
import type { Stat, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import { modeOf, statOrNone } from './transfer.ts'

/** Folders in folders that are gone into. */
const MOST_DEPTH = 256

export interface TreeFile {
  /** Below the tree's root: ['a', 'b.txt']. Byte strings. */
  readonly names: readonly string[]
  readonly path: VirtualPath
  readonly stat: Stat
}

export interface TreeWatcher {
  /** Before anything in it. */
  folder(names: readonly string[], stat: Stat): Promise<void>
  /** What is neither file nor folder, or cannot be looked at, stays where it is. */
  passedOver(name: string, why: string | OpError): void
}

/** The files of a folder and all below it; links are not followed. */
export async function* filesOf(
  vfs: VirtualFileSystem,
  root: VirtualPath,
  watcher: TreeWatcher,
  names: readonly string[] = [],
): AsyncGenerator<TreeFile> {
  const folders: { readonly name: string; readonly stat: Stat }[] = []
  for await (const { name, stat } of entriesOf(vfs, root)) {
    if (stat.kind === 'file') yield { names: [...names, name], path: join(root, name), stat }
    else if (stat.kind === 'directory') folders.push({ name, stat })
    else watcher.passedOver(shown(join(root, name)), stat.kind === 'symlink' ? 'a link' : 'no regular file')
  }
  for (const { name, stat } of folders) {
    if (names.length >= MOST_DEPTH) {
      watcher.passedOver(shown(join(root, name)), `more than ${MOST_DEPTH} folders deep`)
      continue
    }
    try {
      await watcher.folder([...names, name], stat)
      yield* filesOf(vfs, join(root, name), watcher, [...names, name])
    } catch (error) {
      if (!isOpError(error) || error.code === 'ECONNRESET') throw error
      watcher.passedOver(shown(join(root, name)), error)
    }
  }
}

/** Makes a folder like `source` where there is none; answers whether it did. EEXIST when something else is there. */
export async function ensureFolder(
  vfs: VirtualFileSystem,
  path: VirtualPath,
  source: Stat,
): Promise<boolean> {
  try {
    await vfs.mkdir(path, modeOf(source))
    return true
  } catch (error) {
    if (!isOpError(error)) throw error
    if ((await statOrNone(vfs, path))?.kind !== 'directory') throw error
    return false
  }
}
