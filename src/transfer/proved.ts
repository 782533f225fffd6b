import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { FileHandle, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { Digests } from './digest.ts'

/** A resume token: how many bytes the other side has, and the MD5 (hex) of them. */
export interface Token {
  readonly offset: number
  readonly md5: string
}

export interface HashParts {
  readonly account: string
  readonly hash: Digests
  readonly signal: AbortSignal
}

export interface ProofParts extends HashParts {
  readonly vfs: VirtualFileSystem
  readonly log: (event: string, fields: Readonly<Record<string, string | number>>) => void
}

/**
 * What an upload left at `path`, opened to go on with: where both sides have the same, and nowhere else. `name`: as
 * the caller calls it. EINVAL when they have not, ENOTSUP; nothing is changed then.
 */
export async function proved(
  path: VirtualPath,
  name: string,
  { offset, md5 }: Token,
  parts: ProofParts,
): Promise<FileHandle> {
  if (parts.vfs.resume === undefined)
    throw new OpError('ENOTSUP', 'Nothing can be gone on with here: replace it by put -f')
  const file = await parts.vfs.resume(path, offset)
  try {
    const hash = await prefixMd5(file, offset, parts)
    if (hash === md5) return file
    parts.log('resume refused', { path: shown(path), theirs: md5, ours: hash })
    throw new OpError(
      'EINVAL',
      `Same name, different content: the first ${offset} bytes of "${shown(name)}" have MD5 ${hash} here and ${md5} at your side; nothing was changed`,
      { path },
    )
  } catch (error) {
    await file.abandon()
    throw error
  }
}

/** MD5 (hex) of the first `length` bytes of what lies on the disk; off the loop. EIO, ECANCELED. */
export async function prefixMd5(
  file: FileHandle,
  length: number,
  { hash, account, signal }: HashParts,
): Promise<string> {
  const made = await hash.of(account, file, { algorithm: 'md5', offset: 0, length }, signal)
  return Buffer.from(made).toString('hex')
}
