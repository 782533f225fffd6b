import { OpError } from '../base/error.ts'
import { ALGORITHMS, type Algorithm, type DigestRange } from '../transfer/digest.ts'
import type { FileHandle, VirtualPath } from '../vfs/vfs.ts'
import { Builder } from '../wire/builder.ts'
import { MAX_DATA } from '../wire/constants.ts'
import type { Cursor } from '../wire/cursor.ts'
import type { Reply } from '../wire/replies.ts'
import type { SftpSession } from './session.ts'

/** Which bytes of a file, and how. */
export interface CheckFile {
  readonly algorithms: string
  readonly offset: number
  /** 0 = to the end of the file. */
  readonly length: number
  /** Bytes to each hash; 0 = one hash. */
  readonly block: number
}

export type CheckedFile = Extract<Reply, { type: 'extendedReply' }>

/** Smallest block that may be hashed alone, in bytes. */
const SMALLEST_BLOCK = 256

/** The fields of check-file-name and check-file-handle behind the file (draft-ietf-secsh-filexfer-extensions-00 §3). */
export function checkFileFields(fields: Cursor): CheckFile {
  return {
    algorithms: fields.text(),
    offset: fields.uint64(),
    length: fields.uint64(),
    block: fields.uint32(),
  }
}

/**
 * check-file: the first algorithm of the client's list that we have, its name and the hashes.
 * EINVAL, ENOTSUP, EBADF, EIO.
 */
export async function checkFile(
  file: FileHandle,
  asked: CheckFile,
  session: SftpSession,
): Promise<CheckedFile> {
  const algorithm = asked.algorithms.split(',').find(isAlgorithm)
  if (algorithm === undefined) throw new OpError('ENOTSUP', `Only ${ALGORITHMS.join(', ')} are here`)
  if (asked.block !== 0 && asked.block < SMALLEST_BLOCK)
    throw new OpError('EINVAL', `A block has at least ${SMALLEST_BLOCK} bytes`)
  const range = rangeOf(algorithm, asked)
  if (asked.block !== 0) {
    const { size } = await file.stat()
    const bytes = Math.max(0, Math.min(size - asked.offset, asked.length || Number.POSITIVE_INFINITY))
    if (Math.ceil(bytes / asked.block) * 64 > MAX_DATA)
      throw new OpError('EINVAL', 'The hashes of so many blocks do not fit in an answer')
  }
  const hashes = await session.digests.of(session.account, file, range, session.signal)
  return { type: 'extendedReply', body: new Builder().text(algorithm).raw(hashes).done() }
}

/** Bytes at the beginning of the range whose MD5 a client may send along, to save the rest when they differ. */
const QUICK = 2048

export interface Md5Hash {
  readonly offset: number
  /** 0 = to the end of the file. */
  readonly length: number
  /** Empty: not asked. */
  readonly quick: Uint8Array
}

/** The fields of md5-hash and md5-hash-handle behind the file (draft-ietf-secsh-filexfer-09 §9.1.1). */
export function md5HashFields(fields: Cursor): Md5Hash {
  return { offset: fields.uint64(), length: fields.uint64(), quick: fields.bytes() }
}

/** md5-hash: the MD5, or an empty one when the beginning already differs. EBADF, EIO. */
export async function md5Hash(file: FileHandle, asked: Md5Hash, session: SftpSession): Promise<Reply> {
  const { digests, account, signal } = session
  if (asked.quick.length > 0) {
    const length = Math.min(QUICK, asked.length || QUICK)
    const sent = Buffer.from(asked.quick)
    const quick = await digests.of(account, file, { algorithm: 'md5', offset: asked.offset, length }, signal)
    if (!sent.equals(quick)) return md5Reply(new Uint8Array(0))
  }
  const range = rangeOf('md5', { ...asked, block: 0 })
  return md5Reply(await digests.of(account, file, range, signal))
}

function md5Reply(hash: Uint8Array): Reply {
  return { type: 'extendedReply', body: new Builder().text('md5-hash').bytes(hash).done() }
}

/** Opens a file to hash it. ENOENT, EACCES, EISDIR. */
export async function ofName<T>(
  path: VirtualPath,
  { vfs }: SftpSession,
  work: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await vfs.open(path, { read: true, hash: true })
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}

function isAlgorithm(name: string): name is Algorithm {
  return (ALGORITHMS as readonly string[]).includes(name)
}

function rangeOf(
  algorithm: Algorithm,
  { offset, length, block }: Omit<CheckFile, 'algorithms'>,
): DigestRange {
  return { algorithm, offset, length: length || undefined, block: block || undefined }
}
