import { type ErrorCode, isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { isWithin, namesOf, parentOf, ROOT, virtualPath } from '../vfs/path.ts'
import type { Stat, VirtualPath } from '../vfs/vfs.ts'

/** Links followed before it is a ring (Linux' own number). */
const MOST_LINKS = 40

/** The two questions by which a refusal is looked into. */
export interface Look {
  lstat(path: VirtualPath): Promise<Stat>
  readlink(path: VirtualPath): Promise<string>
}

export type Refused =
  | {
      readonly what: 'open' | 'openExclusive' | 'list' | 'stat' | 'setSize' | 'other'
      readonly path: VirtualPath
    }
  | { readonly what: 'mkdir' | 'create' | 'rmdir' | 'unlink' | 'readlink'; readonly path: VirtualPath }
  | {
      readonly what: 'rename'
      readonly path: VirtualPath
      readonly to: VirtualPath
      readonly replace: boolean
    }

const SENTENCES: Partial<Record<ErrorCode, string>> = {
  EBUSY: 'The root stays as it is: %',
  EEXIST: 'Exists already: %',
  EINVAL: 'Cannot be done with %',
  EISDIR: 'Is a folder: %',
  ELOOP: 'Too many links: %',
  ENOENT: 'No such file or folder: %',
  ENOTDIR: 'Not a folder: %',
  ENOTEMPTY: 'Folder not empty: %',
}

/**
 * Version 3 has one status for most refusals. What the reason was is looked for at the server, after the fact, so
 * that callers are told the same as by a disk; where nothing is found, the error stays what it was.
 */
export async function why(
  error: unknown,
  refused: Refused,
  look: Look,
  isEmpty: (path: VirtualPath) => Promise<boolean>,
): Promise<unknown> {
  if (!isOpError(error) || !['EIO', 'ENOENT', 'EACCES', 'EINVAL'].includes(error.code)) return error
  const found = await reason(refused, look, isEmpty)
  // What may not be looked at, or made, is not there for us either.
  if (found === undefined || (error.code === 'EACCES' && found === 'ENOENT')) return error
  const path = 'to' in refused && found === 'EEXIST' ? refused.to : refused.path
  const own = error.code === found
  return new OpError(found, own ? error.message : SENTENCES[found]!.replace('%', () => `"${shown(path)}"`), {
    path,
    cause: error,
  })
}

async function reason(
  refused: Refused,
  look: Look,
  isEmpty: (path: VirtualPath) => Promise<boolean>,
): Promise<ErrorCode | undefined> {
  const { what, path } = refused
  const there = await kindOf(
    path,
    look,
    what === 'open' || what === 'list' || what === 'stat' || what === 'setSize',
  )
  switch (what) {
    case 'openExclusive':
      return isKind(there) ? 'EEXIST' : there
    case 'open':
    case 'setSize':
      return there === 'directory' ? 'EISDIR' : code(there)
    case 'list':
      return there === 'directory' ? undefined : isKind(there) ? 'ENOTDIR' : there
    case 'mkdir':
    case 'create':
      return isKind(there) ? 'EEXIST' : parentReason(path, look)
    case 'rmdir':
      if (path === ROOT) return 'EBUSY'
      if (there !== 'directory') return isKind(there) ? 'ENOTDIR' : there
      return (await isEmpty(path)) ? undefined : 'ENOTEMPTY'
    case 'unlink':
      return there === 'directory' ? 'EISDIR' : code(there)
    case 'readlink':
      return isKind(there) && there !== 'symlink' ? 'EINVAL' : code(there)
    case 'rename': {
      if (!isKind(there)) return there
      const { to, replace } = refused
      if (path === ROOT || to === ROOT) return 'EBUSY'
      const target = await kindOf(to, look, false)
      if (!replace && isKind(target)) return 'EEXIST'
      if (to !== path && isWithin(to, path)) return 'EINVAL'
      if (!isKind(target)) return parentReason(to, look)
      if (target === 'directory') return there === 'directory' ? 'ENOTEMPTY' : 'EISDIR'
      return there === 'directory' ? 'ENOTDIR' : undefined
    }
    default:
      return code(there)
  }
}

type Kind = Stat['kind']
type Missing = 'ENOENT' | 'ENOTDIR' | 'ELOOP'

function isKind(found: Kind | Missing): found is Kind {
  return !found.startsWith('E')
}

function code(found: Kind | Missing): Missing | undefined {
  return isKind(found) ? undefined : found
}

async function parentReason(path: VirtualPath, look: Look): Promise<ErrorCode | undefined> {
  const parent = await kindOf(parentOf(path), look, true)
  if (!isKind(parent)) return parent
  return parent === 'directory' ? undefined : 'ENOTDIR'
}

/** Walks as the server would, link by link. */
async function kindOf(path: VirtualPath, look: Look, follow: boolean): Promise<Kind | Missing> {
  let at: VirtualPath = ROOT
  let left = [...namesOf(path)]
  let links = 0
  let kind: Kind = 'directory'
  while (left.length > 0) {
    if (kind !== 'directory') return 'ENOTDIR'
    const name = left.shift()!
    const next = virtualPath(name, at)
    let found: Stat
    try {
      found = await look.lstat(next)
    } catch (error) {
      if (isOpError(error, 'ECONNRESET')) throw error
      return 'ENOENT'
    }
    if (found.kind === 'symlink' && (follow || left.length > 0)) {
      if (++links > MOST_LINKS) return 'ELOOP'
      const target = await look.readlink(next)
      left = [...target.split('/').filter((part) => part !== '' && part !== '.'), ...left]
      if (target.startsWith('/')) at = ROOT
      while (left[0] === '..') {
        left.shift()
        at = parentOf(at)
      }
      continue
    }
    kind = found.kind
    at = next
  }
  return kind
}
