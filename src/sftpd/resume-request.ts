import { shown } from '../base/escape.ts'
import { proved, type Token } from '../transfer/proved.ts'
import { virtualPath } from '../vfs/path.ts'
import type { VirtualPath } from '../vfs/vfs.ts'
import type { Cursor } from '../wire/cursor.ts'
import type { Reply } from '../wire/replies.ts'
import type { SftpSession } from './session.ts'

const MD5_BYTES = 16

export interface ResumeRequest {
  readonly path: VirtualPath
  readonly token: Token
}

/** The fields of resume@miniftp (PROTOCOL.md 3.1). */
export function resumeFields(fields: Cursor): ResumeRequest {
  const path = virtualPath(fields.text())
  const offset = fields.uint64()
  const md5 = fields.bytes()
  if (md5.length !== MD5_BYTES) fields.fail(`An MD5 has ${MD5_BYTES} bytes`)
  return { path, token: { offset, md5: Buffer.from(md5).toString('hex') } }
}

/**
 * resume@miniftp: a handle of what an upload left, to go on with at the client's offset. The client's MD5 is compared
 * first, off the loop. EINVAL, EACCES, EBUSY, EMFILE, ENOTSUP.
 */
export async function resume({ path, token }: ResumeRequest, session: SftpSession): Promise<Reply> {
  const { handles, vfs, log, clock, digests: hash, account, signal } = session
  handles.checkRoom()
  const file = await proved(path, path, token, {
    vfs,
    hash,
    account,
    signal,
    log: (event, fields) => log.warn(event, fields),
  })
  log.info('open', { path: shown(path), flags: 'READ,WRITE', offset: token.offset })
  return { type: 'handle', handle: handles.addFile(file, path, { read: true, write: true }, clock.now()) }
}
