import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { errnoOf } from '../vfs/errno.ts'
import { nameOf, parentOf } from '../vfs/path.ts'
import type { VirtualPath } from '../vfs/vfs.ts'
import type { Line } from './link.ts'
import type { GetPlace } from './transfer.ts'

/**
 * The part of a download is one's own until this is disposed of: two that write into one file would mix their contents, and
 * the slower go on in what the other has verified. EBUSY.
 */
export async function claimPart({ vfs, part, partName }: GetPlace): Promise<AsyncDisposable> {
  const folder = await vfs.stat(parentOf(part))
  return claim(
    `${folder.dev}:${folder.ino}/${nameOf(part)}`,
    `"${partName}" is being fetched by another miniftp: wait for that, or name another place`,
  )
}

/** The same of what is made beside a file at a server, as far as this machine goes: others name theirs otherwise. EBUSY. */
export function claimBeside({ server }: Line, target: VirtualPath): Promise<AsyncDisposable> {
  return claim(
    `${server}${target}`,
    `"${shown(target)}" is being replaced by another miniftp: wait for that, or name another place`,
  )
}

/** A claim is a socket's name (unix(7), abstract), which the kernel gives back whatever becomes of us. */
async function claim(what: string, why: string): Promise<AsyncDisposable> {
  const key = createHash('md5').update(what, 'latin1').digest('hex')
  const claimed = createServer((other) => other.destroy()).unref()
  await new Promise<void>((resolve, reject) => {
    claimed.once('error', (cause) => {
      // Where there are no such sockets, there is no claim.
      if (errnoOf(cause) !== 'EADDRINUSE') return resolve()
      reject(new OpError('EBUSY', why, { cause }))
    })
    claimed.listen({ path: `\0miniftp-part-${key}` }, resolve)
  })
  return {
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => claimed.close(() => resolve()))
    },
  }
}
