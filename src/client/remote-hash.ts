import { isOpError, OpError } from '../base/error.ts'
import type { Dialed } from '../ssh/dial.ts'
import type { VirtualPath } from '../vfs/vfs.ts'
import { Builder } from '../wire/builder.ts'
import { kept } from './kept.ts'
import type { RemoteFile } from './remote-file.ts'
import { openSession, type SftpSession } from './sftp-session.ts'
import { sumsTogether } from './sums-together.ts'

/** MD5s that the server makes of its own files, where it can. */
export interface RemoteHashes {
  /** Of a file's first `bytes`, or all of it; undefined when this server cannot tell. */
  md5(path: VirtualPath, bytes?: number): Promise<string | undefined>
  /** Of a whole file that is small: with others that are asked for meanwhile. */
  ofSmall(path: VirtualPath): Promise<string | undefined>
  /** Of a file that is open, written or not; undefined when this server cannot tell of open files. */
  ofOpen(session: SftpSession, file: RemoteFile): Promise<string | undefined>
}

const HEX = /^\\?([0-9a-f]{32})(?:\s|$)/
const MD5_BYTES = 16

/**
 * By check-file where the server has it, on a session of its own so that nothing waits for it; else by `md5sum` in
 * a shell, if there is one. What did not work once is not tried again on this connection.
 */
export function remoteHashes(dialed: Dialed): RemoteHashes {
  const sideSession = kept(
    () => openSession(dialed),
    (session) => session.alive(),
  )
  let noSide = false

  /** Answers with check-file; undefined where there is none, or no session for it (OpenSSH's MaxSessions). */
  async function checker(): Promise<SftpSession | undefined> {
    if (noSide) return undefined
    try {
      const session = await sideSession()
      return session.extensions.has('check-file-name') ? session : undefined
    } catch (error) {
      if (!isOpError(error, 'ENOTSUP')) throw error
      noSide = true
      return undefined
    }
  }

  let noExec = false
  let noHead = false
  let hasTold = false

  /** What a command printed; undefined where none is run (an SFTP server without a shell). */
  async function printed(command: string): Promise<string | undefined> {
    if (noExec) return undefined
    try {
      const { status, stdout } = await dialed.exec(command)
      return status === 0 || status === null ? stdout : ''
    } catch (error) {
      if (!isOpError(error, 'ENOTSUP') && !isOpError(error, 'EPROTO')) throw error
      noExec = true
      return undefined
    }
  }

  async function byExec(path: string, bytes: number | undefined): Promise<string | undefined> {
    if (bytes !== undefined && noHead) return undefined
    const word = shellWord(path)
    const told = await printed(bytes === undefined ? `md5sum ${word}` : `head -c ${bytes} ${word} | md5sum`)
    const hash = told === undefined ? undefined : HEX.exec(told)?.[1]
    if (hash === undefined || (bytes !== undefined && bytes > 0 && hash === OF_NOTHING)) {
      // A file may be gone, or not to be read: that says nothing of the others once there was a sum.
      if (bytes !== undefined) noHead = true
      else if (!hasTold) noExec = true
      return undefined
    }
    hasTold ||= bytes === undefined
    return hash
  }

  /** One line for each file, in order; what is not there has none. */
  async function bySums(paths: readonly string[]): Promise<readonly string[] | undefined> {
    const told = await printed(`md5sum ${paths.map(shellWord).join(' ')}`)
    const sums = told === undefined ? [] : told.split('\n').flatMap((line) => HEX.exec(line)?.[1] ?? [])
    if (sums.length !== paths.length) return undefined
    hasTold = true
    return sums
  }

  const together = sumsTogether(bySums, (path) => byExec(path, undefined))

  return {
    async md5(path, bytes) {
      if (bytes === 0) return OF_NOTHING
      const session = await checker()
      if (session === undefined) return byExec(path, bytes)
      return checked(session, 'check-file-name', path, bytes, path)
    },
    async ofSmall(path) {
      const session = await checker()
      if (session === undefined) return noExec ? undefined : together(path)
      return checked(session, 'check-file-name', path, undefined, path)
    },
    async ofOpen(session, file) {
      if (!session.extensions.has('check-file-handle')) return undefined
      try {
        return await checked(session, 'check-file-handle', file.handle, undefined, '')
      } catch (error) {
        // Not opened for reading, as where an account may write alone.
        if (isOpError(error) && error.code !== 'ECONNRESET') return undefined
        throw error
      }
    },
  }
}

/** A path for whatever shell is there: with backslashes alone, which rclone's imitation of one reads too. */
function shellWord(path: string): string {
  return path.replace(/[^A-Za-z0-9_.,:/@\x80-\xff\n-]/g, '\\$&').replaceAll('\n', "'\n'")
}

/** The MD5 of no bytes. */
export const OF_NOTHING = 'd41d8cd98f00b204e9800998ecf8427e'

async function checked(
  session: SftpSession,
  name: string,
  file: string,
  bytes: number | undefined,
  path: string,
): Promise<string> {
  const body = new Builder()
    .text(file)
    .text('md5')
    .uint64(0)
    .uint64(bytes ?? 0)
    .uint32(0)
    .done()
  const cursor = await session.extended(name, body, path)
  const algorithm = cursor.text()
  cursor.check()
  const left = cursor.left
  if (algorithm !== 'md5' || left !== MD5_BYTES)
    throw new OpError('EPROTO', `The server answered "${name}" with no MD5`)
  let hex = ''
  for (let at = 0; at < MD5_BYTES; at++) hex += cursor.uint8().toString(16).padStart(2, '0')
  return hex
}
