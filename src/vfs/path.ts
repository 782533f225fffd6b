import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { VirtualPath } from './vfs.ts'

/** Longest path and longest name, in bytes (PATH_MAX, NAME_MAX of Linux). */
const MOST_PATH = 4096
export const MOST_NAME = 255

export const ROOT = '/' as VirtualPath

/** A zero byte; a slash behind which there is no name, '.' or '..'. */
const UNPLAIN = /\0|\/\.{0,2}(?:\/|$)/

/** `text` (a byte string) as a path; a relative one begins at `from`. '..' stops at the root. EINVAL: a NUL; ENAMETOOLONG. */
export function virtualPath(text: string, from: VirtualPath = ROOT): VirtualPath {
  // Most are as they must be: nothing is taken apart for them.
  if (text.length <= MOST_NAME && text.startsWith('/') && !UNPLAIN.test(text)) return text as VirtualPath
  if (text.length > MOST_PATH) throw new OpError('ENAMETOOLONG', `Path longer than ${MOST_PATH} bytes`)
  if (text.includes('\0')) throw new OpError('EINVAL', 'A path cannot hold a zero byte')
  const names = text.startsWith('/') ? [] : splitNames(from)
  for (const name of text.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') {
      if (name.length > MOST_NAME) throw new OpError('ENAMETOOLONG', `Name longer than ${MOST_NAME} bytes`)
      names.push(name)
    }
  }
  return `/${names.join('/')}` as VirtualPath
}

/** `text` (a byte string) as what a link says: kept as it is written, it need lead nowhere. EINVAL: a NUL; ENAMETOOLONG. */
export function linkTarget(text: string): string {
  if (text.length >= MOST_PATH)
    throw new OpError('ENAMETOOLONG', `A link's target has at most ${MOST_PATH - 1} bytes`)
  if (text.includes('\0')) throw new OpError('EINVAL', 'A path cannot hold a zero byte')
  return text
}

/** The names of a path, from the root: none for '/'. */
export function namesOf(path: VirtualPath): readonly string[] {
  return splitNames(path)
}

/** EINVAL when `name` is no single name. */
export function join(folder: VirtualPath, name: string): VirtualPath {
  if (name === '' || name === '.' || name === '..' || name.includes('/')) {
    throw new OpError('EINVAL', `"${shown(name)}" is not a name`)
  }
  return virtualPath(name, folder)
}

/** '/' for the root itself. */
export function parentOf(path: VirtualPath): VirtualPath {
  const slash = path.lastIndexOf('/')
  return (slash <= 0 ? '/' : path.slice(0, slash)) as VirtualPath
}

/** '' for the root. */
export function nameOf(path: VirtualPath): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Whether `path` is `folder` or lies in it. */
export function isWithin(path: VirtualPath, folder: VirtualPath): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`)
}

function splitNames(path: VirtualPath): string[] {
  return path === '/' ? [] : path.slice(1).split('/')
}
