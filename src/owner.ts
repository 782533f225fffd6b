import { statSync } from 'node:fs'
import { OpError } from './base/error.ts'

/**
 * Root becomes whoever `folder` belongs to, for good: what it would make there the server, which runs as that user, could
 * not use. EPERM when root may not.
 */
export function becomeOwner(
  folder: string,
  process: Pick<NodeJS.Process, 'geteuid' | 'setgroups' | 'setgid' | 'setuid'>,
): void {
  if (process.geteuid?.() !== 0) return
  const owner = statSync(folder, { throwIfNoEntry: false })
  if (owner === undefined || owner.uid === 0) return
  try {
    process.setgroups?.([])
    process.setgid?.(owner.gid)
    process.setuid?.(owner.uid)
  } catch (cause) {
    throw new OpError('EPERM', `"${folder}" belongs to user ${owner.uid}: say this as that user`, { cause })
  }
}
