import { OpError } from '../base/error.ts'
import type { Token } from '../transfer/proved.ts'
import { virtualPath } from '../vfs/path.ts'
import type { DirectoryHandle, Space, Stat, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import { encodeAttrs } from '../wire/attrs.ts'
import { Builder } from '../wire/builder.ts'
import { kindsOf } from './kinds.ts'
import { bothTimes, type RemoteFile, remoteFile } from './remote-file.ts'
import { remoteFolder } from './remote-folder.ts'
import { renameOver } from './rename-over.ts'
import type { SftpSession } from './sftp-session.ts'
import { type Look, type Refused, why } from './why.ts'

/** A server's tree over one SFTP session. Paths are the server's own; ECONNRESET when the connection is lost. */
export interface RemoteFileSystem extends VirtualFileSystem {
  readonly session: SftpSession
  open(...args: Parameters<VirtualFileSystem['open']>): Promise<RemoteFile>
  stat(path: VirtualPath, options?: { readonly follow: boolean }): Promise<Stat>
  realpath(path: VirtualPath): Promise<VirtualPath>
  /** The folder in which a login begins. */
  home(): Promise<VirtualPath>
  /** Whether `goOn` is served. */
  readonly canGoOn: boolean
  /** What an upload left there, opened to go on with once the server has found the same bytes. EINVAL: it has others. */
  goOn(path: VirtualPath, token: Token): Promise<RemoteFile>
}

/** The extension of ours (PROTOCOL.md 3.1). */
const RESUME = 'resume@miniftp'

export function remoteFileSystem(session: SftpSession): RemoteFileSystem {
  const has = (extension: string): boolean => session.extensions.has(extension)
  const statOf = async (type: 'stat' | 'lstat', path: VirtualPath): Promise<Stat> => {
    const { stat } = await session.ask('attrs', { type, path }, path)
    return kinds.withKind(path, stat, type === 'stat')
  }
  const look: Look = {
    lstat: (path) => statOf('lstat', path),
    readlink: (path) => oneName('readlink', path),
  }
  const kinds = kindsOf({
    async visit(path) {
      const { handle } = await session.ask('handle', { type: 'opendir', path }, path)
      await session.ask('status', { type: 'close', handle }, path)
    },
    readlink: look.readlink,
  })

  async function oneName(type: 'readlink' | 'realpath', path: string): Promise<string> {
    const { names } = await session.ask('name', { type, path }, path)
    if (names.length !== 1)
      throw new OpError('EPROTO', `The server answered with ${names.length} names where one belongs`)
    return names[0]!.name
  }

  /** Whatever fails is looked into before it is told. */
  async function tried<T>(refused: Refused, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw await why(error, refused, look, isEmpty)
    }
  }

  async function isEmpty(path: VirtualPath): Promise<boolean> {
    const folder = await openDirectory(path)
    try {
      return (await folder.read(1)).length === 0
    } finally {
      await folder.close()
    }
  }

  async function openDirectory(path: VirtualPath): Promise<DirectoryHandle> {
    const { handle } = await tried({ what: 'list', path }, () =>
      session.ask('handle', { type: 'opendir', path }, path),
    )
    return remoteFolder(session, handle, path, kinds.entry)
  }

  const status = async (refused: Refused, ask: Parameters<SftpSession['ask']>[1]): Promise<void> => {
    await tried(refused, () => session.ask('status', ask, refused.path))
  }
  const extended = (refused: Refused, name: string, body: Builder): Promise<void> =>
    status(refused, { type: 'extended', name, body: body.done() })

  async function rename(from: VirtualPath, to: VirtualPath, replace: boolean): Promise<void> {
    const refused: Refused = { what: 'rename', path: from, to, replace }
    if (!replace) return status(refused, { type: 'rename', from, to })
    if (has('posix-rename@openssh.com'))
      return extended(refused, 'posix-rename@openssh.com', new Builder().text(from).text(to))
    return renameOver(from, to, {
      rename: (was, is) => status({ ...refused, path: was, to: is }, { type: 'rename', from: was, to: is }),
      remove: (path) => status({ what: 'unlink', path }, { type: 'remove', path }),
      lstat: look.lstat,
    })
  }

  const stat = (path: VirtualPath, { follow } = { follow: true }): Promise<Stat> =>
    tried({ what: follow ? 'stat' : 'other', path }, () => statOf(follow ? 'stat' : 'lstat', path))

  return {
    session,
    async open(path, flags, attrs = {}) {
      const { handle } = await tried(
        { what: flags.exclusive === true ? 'openExclusive' : 'open', path },
        () => session.ask('handle', { type: 'open', path, flags, attrs }, path),
      )
      return remoteFile(
        session,
        handle,
        path,
        flags.write === true || flags.append === true,
        flags.append === true,
      )
    },
    canGoOn: has(RESUME),
    async goOn(path, { offset, md5 }) {
      const body = new Builder().text(path).uint64(offset).bytes(Buffer.from(md5, 'hex')).done()
      const { handle } = await session.ask('handle', { type: 'extended', name: RESUME, body }, path)
      return remoteFile(session, handle, path, true, false)
    },
    openDirectory,
    stat,
    async setstat(path, attrs, { follow } = { follow: true }) {
      const both = await bothTimes(attrs, () => stat(path, { follow }))
      const refused: Refused = { what: attrs.size === undefined ? 'other' : 'setSize', path }
      if (follow) return status(refused, { type: 'setstat', path, attrs: both })
      const body = new Builder().text(path)
      encodeAttrs(body, both)
      return extended(refused, 'lsetstat@openssh.com', body)
    },
    mkdir: (path, mode) =>
      status({ what: 'mkdir', path }, { type: 'mkdir', path, attrs: mode === undefined ? {} : { mode } }),
    rmdir: (path) => status({ what: 'rmdir', path }, { type: 'rmdir', path }),
    unlink: (path) => status({ what: 'unlink', path }, { type: 'remove', path }),
    rename: (from, to, { replace }) => rename(from, to, replace),
    link: (existing, path) =>
      extended({ what: 'create', path }, 'hardlink@openssh.com', new Builder().text(existing).text(path)),
    readlink: (path) => tried({ what: 'readlink', path }, () => look.readlink(path)),
    // The target first, as OpenSSH has it (PROTOCOL 4.1) and everybody after it.
    symlink: (target, path) =>
      status({ what: 'create', path }, { type: 'symlink', first: target, second: path }),
    realpath: async (path) =>
      virtualPath(await tried({ what: 'other', path }, () => oneName('realpath', path))),
    home: async () => virtualPath(await oneName('realpath', '.')),
    space: (path) => tried({ what: 'stat', path }, () => space(session, path)),
    async [Symbol.asyncDispose]() {
      session.end()
    },
  }
}

/** statvfs@openssh.com (PROTOCOL 4.4). ENOTSUP. */
async function space(session: SftpSession, path: VirtualPath): Promise<Space> {
  const cursor = await session.extended('statvfs@openssh.com', new Builder().text(path).done(), path)
  cursor.uint64()
  const block = cursor.uint64()
  const blocks = cursor.uint64()
  cursor.uint64()
  const free = cursor.uint64()
  const files = cursor.uint64()
  cursor.uint64()
  const freeFiles = cursor.uint64()
  cursor.check()
  return { total: blocks * block, free: free * block, files, freeFiles }
}
