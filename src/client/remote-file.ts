import { OpError } from '../base/error.ts'
import type { FileHandle, NewAttrs, Stat } from '../vfs/vfs.ts'
import { Builder } from '../wire/builder.ts'
import type { SftpSession } from './sftp-session.ts'

/** A file that is open at the server. Reads and writes may be many at once; each is one request or a few. */
export interface RemoteFile extends FileHandle {
  /** How the server calls it. */
  readonly handle: string
  read(into: readonly Uint8Array[], offset: number): Promise<number>
  write(data: readonly Uint8Array[], offset: number): Promise<void>
  /** One WRITE, filled where it is sent from; as the session's. `length`: at most its limit. */
  writeFrom(
    offset: number,
    length: number,
    fill: (places: readonly Uint8Array[]) => number,
    done: (count: number, error?: unknown) => void,
  ): boolean
  /** One READ, taken where it came to lie; as the session's. */
  readTo(
    offset: number,
    length: number,
    take: (views: readonly Uint8Array[], count: number) => void,
    over: (error?: unknown) => void,
  ): void
  hasRoom(): boolean
  whenRoom(again: () => void): void
  stat(): Promise<Stat>
  close(): Promise<void>
}

/** `writes`: it was opened for writing. */
export function remoteFile(
  session: SftpSession,
  handle: string,
  path: string,
  writes: boolean,
  appends: boolean,
): RemoteFile {
  let isOpen = true
  const check = (): void => {
    if (!isOpen) throw new OpError('EBADF', 'The file is closed', { path })
  }
  const set = async (attrs: NewAttrs): Promise<void> => {
    check()
    await session.ask('status', { type: 'fsetstat', handle, attrs: await bothTimes(attrs, stat) }, path)
  }
  const stat = async (): Promise<Stat> => {
    check()
    return (await session.ask('attrs', { type: 'fstat', handle }, path)).stat
  }
  const close = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    await session.ask('status', { type: 'close', handle }, path)
  }
  return {
    handle,
    appends,
    async read(into, offset) {
      check()
      let count = 0
      for (const piece of pieces(into, session.limits.read)) {
        const got = await session.read(handle, offset + count, piece.views, path)
        count += got
        if (got < piece.length) break
      }
      return count
    },
    async write(data, offset) {
      check()
      const sent: Promise<void>[] = []
      let at = offset
      for (const { views, length } of pieces(data, session.limits.write)) {
        sent.push(session.write(handle, at, views, path))
        at += length
      }
      await Promise.all(sent)
    },
    writeFrom(offset, length, fill, done) {
      check()
      return session.writeFrom(handle, offset, length, fill, done, path)
    },
    readTo(offset, length, take, over) {
      check()
      session.readTo(handle, offset, length, take, over, path)
    },
    hasRoom: session.hasRoom,
    whenRoom: session.whenRoom,
    truncate: (size) => set({ size }),
    stat,
    setstat: set,
    async sync() {
      check()
      if (!session.extensions.has('fsync@openssh.com'))
        throw new OpError('ENOTSUP', 'The server cannot say when a file is on its disk', { path })
      await session.ask(
        'status',
        { type: 'extended', name: 'fsync@openssh.com', body: new Builder().text(handle).done() },
        path,
      )
    },
    close,
    // SFTP has no word for it. A CLOSE would say that the file is whole, so the session ends without one.
    async abandon() {
      if (!isOpen) return
      if (!writes) await close().catch(() => {})
      isOpen = false
      if (writes) session.end()
    },
  }
}

/** Version 3 sets both times or none. */
export async function bothTimes(attrs: NewAttrs, stat: () => Promise<Stat>): Promise<NewAttrs> {
  const { atime, mtime } = attrs
  if ((atime === undefined) === (mtime === undefined)) return attrs
  const now = await stat()
  return { ...attrs, atime: atime ?? now.atime, mtime: mtime ?? now.mtime }
}

/** The views as runs of at most `most` bytes. */
function* pieces(views: readonly Uint8Array[], most: number) {
  let run: Uint8Array[] = []
  let length = 0
  for (const view of views) {
    for (let from = 0; from < view.length; ) {
      const piece = view.subarray(from, from + most - length)
      run.push(piece)
      length += piece.length
      from += piece.length
      if (length < most) continue
      yield { views: run, length }
      run = []
      length = 0
    }
  }
  if (length > 0) yield { views: run, length }
}
