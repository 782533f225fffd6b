import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { OpError } from '../base/error.ts'
import { errnoOf } from '../vfs/errno.ts'
import { nameOf, parentOf } from '../vfs/path.ts'
import type { GetPlace } from './transfer.ts'

/**
 * The part of a download is one's own until this is disposed of: two that write into one file would mix their contents, and
 * the slower go on in what the other has verified. The claim is a socket's name (unix(7), abstract), which the kernel gives
 * back whatever becomes of us. EBUSY.
 */
export async function claimPart({ vfs, part, partName }: GetPlace): Promise<AsyncDisposable> {
  const folder = await vfs.stat(parentOf(part))
  const key = createHash('md5')
    .update(`${folder.dev}:${folder.ino}/${nameOf(part)}`, 'latin1')
    .digest('hex')
  const claim = createServer((other) => other.destroy()).unref()
  await new Promise<void>((resolve, reject) => {
    claim.once('error', (cause) => {
      // Where there are no such sockets, there is no claim.
      if (errnoOf(cause) !== 'EADDRINUSE') return resolve()
      const why = `"${partName}" is being fetched by another miniftp: wait for that, or name another place`
      reject(new OpError('EBUSY', why, { cause }))
    })
    claim.listen({ path: `\0miniftp-part-${key}` }, resolve)
  })
  return {
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => claim.close(() => resolve()))
    },
  }
}
