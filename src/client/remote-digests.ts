import type { Digests } from '../transfer/digest.ts'
import type { FileHandle } from '../vfs/vfs.ts'
import { Builder } from '../wire/builder.ts'
import type { SftpSession } from './sftp-session.ts'

/** Hashes of files at the server: made there where it can, else of the bytes as they are fetched. */
export function remoteDigests(session: SftpSession, own: Digests): Digests {
  return {
    async of(account, file, range, signal) {
      if (
        !isRemote(file) ||
        range.block !== undefined ||
        range.length === 0 ||
        !session.extensions.has('check-file-handle')
      )
        return own.of(account, file, range, signal)
      const body = new Builder()
        .text(file.handle)
        .text(range.algorithm)
        .uint64(range.offset)
        .uint64(range.length ?? 0)
        .uint32(0)
        .done()
      const cursor = await session.extended('check-file-handle', body)
      cursor.text()
      const bytes = new Uint8Array(cursor.left)
      for (let at = 0; at < bytes.length; at++) bytes[at] = cursor.uint8()
      cursor.check()
      return bytes
    },
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  }
}

function isRemote(file: FileHandle): file is FileHandle & { readonly handle: string } {
  return 'handle' in file && typeof file.handle === 'string'
}
