import { type Awaitable, isPromise, then } from '../base/awaitable.ts'
import { isOpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { parentOf, virtualPath } from '../vfs/path.ts'
import type { Entry, VirtualPath } from '../vfs/vfs.ts'
import { longnames } from '../wire/longname.ts'
import { NameList } from '../wire/name-list.ts'
import { EOF, type Reply, type WrittenReply } from '../wire/replies.ts'
import type { RequestOf } from '../wire/requests.ts'
import type { OpenDirectory } from './handles.ts'
import type { SftpSession } from './session.ts'

/** Size of a READDIR's reply, in bytes, after which no more names are put in it: sshfs takes no reply over 128 KiB. */
const REPLY_SIZE = 120 * 1000

/** About what the name that fills a reply adds to that: it is twice in it. */
const LARGEST = 1024

/** Entries read at a time: so few that the collector does not have to carry them along. */
const READ_AT_ONCE = 128

type Answer = Reply | WrittenReply
type LineOf = ReturnType<typeof longnames>

/** OPENDIR (§6.7). ENOENT, ENOTDIR, EACCES, EMFILE. */
export function opendir({ path: text }: RequestOf<'opendir'>, session: SftpSession): Awaitable<Reply> {
  const { handles, vfs, log } = session
  handles.checkRoom()
  const path = virtualPath(text)
  return then(vfs.openDirectory(path), (directory): Reply => {
    log.debug('opendir', { path: shown(path) })
    return { type: 'handle', handle: handles.addDirectory(directory, path) }
  })
}

/** READDIR (§6.7): '.' and '..' first, then as many names as a reply holds. EBADF. */
export function readdir({ handle }: RequestOf<'readdir'>, session: SftpSession): Awaitable<Answer> {
  const open = session.handles.directory(handle)
  return then(session.owners(), (owners) => {
    const next = (): Awaitable<Answer> =>
      fill(open, new NameList(REPLY_SIZE + LARGEST), longnames(owners, session.clock.now()))
    const made = session.ahead.take(open)?.() ?? (open.dotted ? next() : first(open, session, next))
    return then(made, (answer) => {
      if (!open.over) session.ahead.begin(open, next)
      return answer
    })
  })
}

function first(open: OpenDirectory, session: SftpSession, next: () => Awaitable<Answer>): Awaitable<Answer> {
  open.dotted = true
  return then(dots(open.path, session), (entries) => {
    open.waiting = [...entries, ...open.waiting]
    return next()
  })
}

/** Puts names into the reply until it is full or the folder ends. */
function fill(open: OpenDirectory, list: NameList, lineOf: LineOf): Awaitable<Answer> {
  while (true) {
    take(open, list, lineOf)
    if (open.waiting.length > 0) break
    const more = open.directory.read(READ_AT_ONCE)
    if (isPromise(more))
      return more.then((entries) => {
        put(open, entries)
        return open.over ? answer(list) : fill(open, list, lineOf)
      })
    put(open, more)
    if (open.over) break
  }
  return answer(list)
}

function put(open: OpenDirectory, entries: readonly Entry[]): void {
  open.waiting = entries
  open.over = entries.length === 0
}

function answer(list: NameList): Answer {
  return list.count === 0 ? EOF : list.reply()
}

/** Moves waiting entries into `list` until it is full. */
function take(open: OpenDirectory, list: NameList, lineOf: LineOf): void {
  const { waiting } = open
  let count = 0
  while (count < waiting.length && list.size < REPLY_SIZE) {
    const entry = waiting[count++]!
    list.add(entry.name, lineOf(entry), entry.stat)
  }
  open.waiting = count === waiting.length ? [] : waiting.slice(count)
}

/** The two names that every folder has: some clients make '..' up when they do not see it. */
async function dots(path: VirtualPath, { vfs }: SftpSession): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const [name, of] of [
    ['.', path],
    ['..', parentOf(path)],
  ] as const) {
    try {
      const stat = await vfs.stat(of, { follow: true })
      // Another thing may bear the name by now.
      if (stat.kind === 'directory') entries.push({ name, stat })
    } catch (error) {
      // Removed meanwhile, or not for this account to see: the listing goes on without it.
      if (!isOpError(error)) throw error
    }
  }
  return entries
}
