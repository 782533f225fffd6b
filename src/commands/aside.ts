import { shown } from '../base/escape.ts'
import { showBytes } from '../base/units.ts'
import type { Shelved, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import { jsonName } from './json.ts'
import { timeText } from './ls.ts'

/** What overwrites left out of sight: of the name `path`, or all of it. */
export function asideOf(vfs: VirtualFileSystem, path?: VirtualPath): readonly Shelved[] {
  return (vfs.shelved?.() ?? []).filter((one) => path === undefined || one.path === path)
}

/** A line for each, with its size and how long it is kept. */
export function asideLine({ kind, path, size, until }: Shelved): string {
  const time = timeText(Math.floor(until / 1000))
  return kind === 'part'
    ? `part      ${showBytes(size)} of an interrupted replacement of "${shown(path)}", kept until ${time}: go on by put --offset ${size} --md5`
    : `replaced  ${showBytes(size)} that "${shown(path)}" was before, kept until ${time}: bring it back by restore`
}

export function asideJson({ kind, path, size, until }: Shelved) {
  return { kind, ...jsonName(path), size, until: new Date(until).toISOString() }
}
