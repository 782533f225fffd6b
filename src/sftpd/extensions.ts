import { type Awaitable, then } from '../base/awaitable.ts'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { virtualPath } from '../vfs/path.ts'
import type { Space } from '../vfs/vfs.ts'
import { decodeAttrs } from '../wire/attrs.ts'
import { Builder } from '../wire/builder.ts'
import { MAX_DATA, MAX_PACKET } from '../wire/constants.ts'
import { Cursor } from '../wire/cursor.ts'
import { type Extension, OK, type Reply } from '../wire/replies.ts'
import { copyData } from './copy-data.ts'
import {
  type CheckedFile,
  checkFile,
  checkFileFields,
  md5Hash,
  md5HashFields,
  ofName,
} from './hash-requests.ts'
import { namedPath, noFolder } from './named-path.ts'
import { change, move, oneName } from './path-requests.ts'
import { resume, resumeFields } from './resume-request.ts'
import type { SftpSession } from './session.ts'

/** One extension: its version as it is advertised, and what serves it. */
interface Row {
  readonly version: string
  serve(fields: Cursor, session: SftpSession): Awaitable<Reply>
}

/** A row that first reads all fields, and serves only when they are whole. */
function row<T>(
  version: string,
  decode: (fields: Cursor) => T,
  serve: (request: T, session: SftpSession) => Awaitable<Reply>,
): Row {
  return {
    version,
    serve(fields, session) {
      const request = decode(fields)
      fields.check()
      return serve(request, session)
    },
  }
}

const none = (): undefined => undefined
const onePath = (fields: Cursor) => virtualPath(fields.text())
const twoPaths = (fields: Cursor) => ({ from: namedPath(fields.text()), to: namedPath(fields.text()) })
const oneHandle = (fields: Cursor) => fields.text()

/** What is advertised is what is served: both come from here. OpenSSH's are described in its PROTOCOL, 4; ours in PROTOCOL.md. */
const EXTENSIONS: ReadonlyMap<string, Row> = new Map<string, Row>([
  ['posix-rename@openssh.com', row('1', twoPaths, ({ from, to }, session) => move(from, to, true, session))],
  ['statvfs@openssh.com', row('2', onePath, (path, { vfs }) => then(vfs.space(path), statvfs))],
  [
    'fstatvfs@openssh.com',
    row('2', oneHandle, (handle, { vfs, handles }) => then(vfs.space(handles.file(handle).path), statvfs)),
  ],
  ['hardlink@openssh.com', row('1', twoPaths, hardlink)],
  [
    'fsync@openssh.com',
    row('1', oneHandle, (handle, { handles }) => then(handles.file(handle).file.sync(), () => OK)),
  ],
  [
    'lsetstat@openssh.com',
    row(
      '1',
      (fields) => ({ path: namedPath(fields.text()), attrs: decodeAttrs(fields) }),
      ({ path, attrs }, session) => {
        // As OpenSSH.
        if (attrs.size !== undefined) throw new OpError('EINVAL', 'A link has no size to set')
        return change(path, attrs, false, session)
      },
    ),
  ],
  ['limits@openssh.com', row('1', none, (_, { handles }) => limits(handles.most))],
  ['expand-path@openssh.com', row('1', (fields) => fields.text(), expandPath)],
  [
    'copy-data',
    row(
      '1',
      (fields) => ({
        from: fields.text(),
        offset: fields.uint64(),
        length: fields.uint64(),
        to: fields.text(),
        toOffset: fields.uint64(),
      }),
      copyData,
    ),
  ],
  ['home-directory', row('1', (fields) => fields.text(), homeDirectory)],
  [
    'users-groups-by-id@openssh.com',
    row('1', (fields) => ({ uids: ids(fields), gids: ids(fields) }), usersGroups),
  ],
  // The family's name: WinSCP looks for it before it asks for check-file-name, and paramiko asks by it.
  [
    'check-file',
    row(
      '1',
      (fields) => ({ handle: fields.text(), ...checkFileFields(fields) }),
      async (asked, session) =>
        named('check-file', await checkFile(session.handles.file(asked.handle).file, asked, session)),
    ),
  ],
  [
    'check-file-name',
    row(
      '1',
      (fields) => ({ path: onePath(fields), ...checkFileFields(fields) }),
      (asked, session) => ofName(asked.path, session, (file) => checkFile(file, asked, session)),
    ),
  ],
  [
    'check-file-handle',
    row(
      '1',
      (fields) => ({ handle: fields.text(), ...checkFileFields(fields) }),
      (asked, session) => checkFile(session.handles.file(asked.handle).file, asked, session),
    ),
  ],
  [
    'md5-hash',
    row(
      '1',
      (fields) => ({ path: onePath(fields), ...md5HashFields(fields) }),
      (asked, session) => ofName(asked.path, session, (file) => md5Hash(file, asked, session)),
    ),
  ],
  [
    'md5-hash-handle',
    row(
      '1',
      (fields) => ({ handle: fields.text(), ...md5HashFields(fields) }),
      (asked, session) => md5Hash(session.handles.file(asked.handle).file, asked, session),
    ),
  ],
  ['space-available', row('1', onePath, (path, { vfs }) => then(vfs.space(path), spaceAvailable))],
  ['resume@miniftp', row('1', resumeFields, resume)],
])

/** What VERSION tells. */
export const advertised: readonly Extension[] = [...EXTENSIONS].map(([name, { version }]) => ({
  name,
  data: version,
}))

/** EXTENDED (§8). ENOTSUP for a name that is not advertised. */
export function extended(name: string, body: Uint8Array, session: SftpSession): Awaitable<Reply> {
  const extension = EXTENSIONS.get(name)
  if (extension === undefined) throw unsupported(name)
  // A copy: what serves it may wait, and the packet is only lent.
  return extension.serve(new Cursor(Buffer.from(body)), session)
}

function unsupported(name: string): OpError {
  return new OpError('ENOTSUP', `"${shown(name)}" is not served`)
}

/** The form of draft-ietf-secsh-filexfer-09 §9.1.2: the extension's name goes before its answer. */
function named(name: string, { body }: CheckedFile): Reply {
  return { type: 'extendedReply', body: new Builder().text(name).raw(body).done() }
}

/** hardlink@openssh.com. EEXIST, ENOENT, EPERM where quota forbids it. */
function hardlink({ from, to }: ReturnType<typeof twoPaths>, { vfs, log }: SftpSession): Awaitable<Reply> {
  const made = noFolder(from, vfs, () => noFolder(to, vfs, () => vfs.link(from.path, to.path)))
  return then(made, () => {
    log.info('hardlink', { path: shown(from.path), to: shown(to.path) })
    return OK
  })
}

/** Block size in which space is told, in bytes. */
const BLOCK = 1024

/** The free space of a tree as POSIX' statvfs: eleven numbers. A quota is the disk. */
function statvfs({ total, free, files, freeFiles }: Space): Reply {
  const blocks = Math.floor(total / BLOCK)
  const freeBlocks = Math.min(Math.floor(Math.max(free, 0) / BLOCK), blocks)
  const fields = [BLOCK, BLOCK, blocks, freeBlocks, freeBlocks, files, freeFiles, freeFiles, 0, 0, 255]
  return extendedReply(fields.reduce((all, field) => all.uint64(field), new Builder()))
}

/** space-available (draft-ietf-secsh-filexfer-extensions-00 §4): of the device, and of the account, which are one. */
function spaceAvailable({ total, free }: Space): Reply {
  const left = Math.max(free, 0)
  return extendedReply(new Builder().uint64(total).uint64(left).uint64(total).uint64(left).uint32(BLOCK))
}

function limits(mostHandles: number): Reply {
  return extendedReply(new Builder().uint64(MAX_PACKET).uint64(MAX_DATA).uint64(MAX_DATA).uint64(mostHandles))
}

/** expand-path@openssh.com: '~' is the root, where a session starts. ENOENT for another account's. */
function expandPath(text: string, { vfs, account }: SftpSession): Awaitable<Reply> {
  if (!text.startsWith('~')) return then(vfs.realpath(virtualPath(text)), oneName)
  const end = text.indexOf('/')
  const user = text.slice(1, end === -1 ? undefined : end)
  if (user !== '' && user !== account) throw new OpError('ENOENT', `No such account: "${shown(user)}"`)
  return then(vfs.realpath(virtualPath(end === -1 ? '/' : text.slice(end))), oneName)
}

/** home-directory (draft-ietf-secsh-filexfer-extensions-00 §5). ENOENT for another account's. */
function homeDirectory(user: string, { account }: SftpSession): Reply {
  if (user !== '' && user !== account) throw new OpError('ENOENT', `No such account: "${shown(user)}"`)
  return oneName('/')
}

/** The ids packed in a string. */
function ids(fields: Cursor): number[] {
  const packed = new Cursor(fields.bytes())
  const ids: number[] = []
  while (packed.left >= 4) ids.push(packed.uint32())
  return ids
}

/** users-groups-by-id@openssh.com: a name for each id, empty where we know none. */
async function usersGroups(
  { uids, gids }: { readonly uids: readonly number[]; readonly gids: readonly number[] },
  { owners }: SftpSession,
): Promise<Reply> {
  const { user, group } = await owners()
  const users = uids.reduce((all, uid) => all.text(nameOrNone(user(uid), uid)), new Builder())
  const groups = gids.reduce((all, gid) => all.text(nameOrNone(group(gid), gid)), new Builder())
  return extendedReply(new Builder().bytes(users.done()).bytes(groups.done()))
}

function nameOrNone(name: string, id: number): string {
  return name === String(id) ? '' : name
}

function extendedReply(fields: Builder): Reply {
  return { type: 'extendedReply', body: fields.done() }
}
