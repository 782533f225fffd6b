import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { countBytes, quotaUsedUp } from '../base/units.ts'
import { isNoRoom, withRest } from '../transfer/no-room.ts'
import { prefixMd5, proved, type Token } from '../transfer/proved.ts'
import { ROOT, virtualPath } from '../vfs/path.ts'
import type { FileHandle, Stat, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { Call, Command, CommandContext } from './command.ts'
import { howTo } from './elsewhere.ts'
import { intoFolder } from './folders.ts'
import { atMost, usageError } from './language.ts'

export const put: Command = {
  name: 'put',
  usage: 'put FILE [NAME] [-f] [--size N] [--offset N --md5 HEX] [--whole-md5 HEX]',
  summary: 'store a file',
  examples: ['ssh HOST put NAME < FILE', 'tar c . | ssh HOST put backup.tar'],
  options: {
    force: { type: 'boolean', short: 'f', about: ['replace what is there'] },
    size: { type: 'string', about: ['N', 'how many bytes must come: fewer leave a partial file'] },
    offset: { type: 'string', about: ['N', 'go on with a file that has N bytes'] },
    md5: { type: 'string', about: ['HEX', 'with --offset: MD5 of the first N bytes at your side'] },
    'whole-md5': { type: 'string', about: ['HEX', 'MD5 of the whole: other content is not put in place'] },
  },
  async run(call) {
    const { args, context, command, has } = call
    if (context.terminal !== undefined) {
      atMost(2, call)
      const [file = 'FILE', name] = args
      const target = name === undefined ? context.cwd : virtualPath(name, context.cwd)
      await refuseAtOnce(call)
      return context.terminal.receive(
        { cwd: context.cwd, name, force: has('force') },
        howTo({ verb: 'put', file, target }, context),
      )
    }
    if (args.length < 1 || call.matched) throw usageError(command)
    atMost(2, call)
    const name = args[1] ?? args[0]!
    const path = virtualPath(name, context.cwd)
    const asked = tokenOf(call)
    const size = numberOf(call, 'size')
    const there = await statOf(context, path)
    if (there?.kind === 'directory') throw new OpError('EISDIR', `"${shown(name)}" is a folder`)
    // Of nothing there is nothing to prove.
    const token = there === undefined && asked?.offset === 0 ? undefined : asked
    if (token === undefined && there !== undefined && !has('force')) {
      throw new OpError(
        'EEXIST',
        `"${shown(name)}" is there already: replace it by put -f, or go on with it by --offset and --md5`,
      )
    }
    const whole = md5Of(call, 'whole-md5')
    const from = token?.offset ?? 0
    let file: FileHandle
    try {
      file =
        token === undefined
          ? await context.vfs.open(path, { read: true, write: true, create: true, truncate: true })
          : await proved(path, name, token, hashing(context))
    } catch (error) {
      throw isNoRoom(error) && size !== undefined ? withRest(error, size - from) : error
    }
    const { md5, end } = await store(context, { file, name, from, size, whole, isNew: there === undefined })
    await context.print(`stored ${countBytes(end)} in "${shown(name)}", md5 ${md5}`)
  },
}

/** What is bound to fail is told before somebody pastes a line elsewhere, or a terminal begins to send. */
async function refuseAtOnce({ args, context, has }: Call): Promise<void> {
  const { vfs, cwd } = context
  const [file = '', name = ''] = args
  const target = virtualPath(name, cwd)
  const path = await intoFolder(vfs, target, file.slice(file.lastIndexOf('/') + 1)).catch(async (error) => {
    // Who may not replace it may not look at it either.
    await vfs.mayPut?.(target)
    throw error
  })
  await vfs.mayPut?.(path)
  const there = await statOf(context, path)
  if (there?.kind === 'file' && there.size > 0 && !there.partial && !has('force'))
    throw new OpError('EEXIST', `"${shown(path)}" is there already: replace it by put -f`, { path })
  // What is replaced gives its place back; where the name is not known it may be one of those.
  if (there === undefined || (there.kind === 'directory' && !has('force'))) await needsRoom(vfs)
}

/** EDQUOT where not even the first byte of a new file would fit, whatever is given up of what is set aside. */
async function needsRoom(vfs: VirtualFileSystem): Promise<void> {
  const { usage } = await vfs.space(ROOT)
  if (usage === undefined) return
  const { limit, used, reserved, files, fileLimit } = usage
  if (limit !== null && used >= limit) throw new OpError('EDQUOT', quotaUsedUp(used + reserved, limit, 0))
  if (fileLimit !== null && files >= fileLimit)
    throw new OpError('EDQUOT', `Quota used up: ${files} of ${fileLimit} files and folders`)
}

/** A client that has said all it sends may leave: its file is stored all the same. */
function hashing(context: CommandContext): CommandContext {
  return { ...context, signal: context.unwanted ?? context.signal }
}

/** Both or neither. EUSAGE. */
export function tokenOf(call: Call): Token | undefined {
  const offset = numberOf(call, 'offset')
  const md5 = md5Of(call, 'md5')
  if (offset === undefined && md5 === undefined) return undefined
  if (offset === undefined || md5 === undefined)
    throw new OpError(
      'EUSAGE',
      `--offset and --md5 go together: the MD5 is that of your first bytes, as many as --offset says`,
    )
  return { offset, md5 }
}

function md5Of(call: Call, option: string): string | undefined {
  const md5 = call.value(option)?.toLowerCase()
  if (md5 !== undefined && !/^[0-9a-f]{32}$/.test(md5))
    throw new OpError(
      'EUSAGE',
      `"${shown(md5)}" is not an MD5: --${option} takes 32 hex digits, as md5sum prints them`,
    )
  return md5
}

function numberOf(call: Call, option: string): number | undefined {
  const text = call.value(option)
  if (text === undefined) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value))
    throw new OpError(
      'EUSAGE',
      `"${shown(text)}" is not a number of bytes: --${option} takes one such as 1048576`,
    )
  return value
}

async function statOf({ vfs }: CommandContext, path: VirtualPath): Promise<Stat | undefined> {
  try {
    return await vfs.stat(path)
  } catch (error) {
    if (isOpError(error, 'ENOENT')) return undefined
    throw error
  }
}

interface Upload {
  readonly file: FileHandle
  readonly name: string
  readonly from: number
  /** As it was announced. */
  readonly size: number | undefined
  /** MD5 of the whole, as it was announced. */
  readonly whole: string | undefined
  /** Nothing is replaced. */
  readonly isNew: boolean
}

/** What is to come, where that is known, and what becomes of the bytes that came. */
function noRoom(refusal: OpError, came: number, size: number | undefined, isNew: boolean): OpError {
  const error = size === undefined ? refusal : withRest(refusal, size - came)
  if (came === 0) return error
  const orRemove = isNew ? ', or remove them by rm' : ''
  const kept = `The ${came === 1 ? '1 byte that came is' : `${came} bytes that came are`} kept: with more room go on by put --offset and --md5${orRemove}`
  return new OpError(error.code, `${error.message}. ${kept}`, { cause: error })
}

/** The input to its end. One that ends too early, is lost or is other content leaves what came unfinished. */
async function store(
  context: CommandContext,
  { file, name, from, size, whole, isNew }: Upload,
): Promise<{ md5: string; end: number }> {
  // In a script lines follow: then only what was announced is the file's.
  const left = size === undefined ? undefined : Math.max(0, size - from)
  const body = context.body?.(left) ?? context.input
  let at = from
  let md5: string
  try {
    for await (const chunk of body) {
      if (size !== undefined && at + chunk.length > size)
        throw new OpError(
          'EINVAL',
          `More came than the ${size === 1 ? '1 byte that was' : `${size} bytes that were`} announced`,
        )
      await file.write([chunk], at)
      at += chunk.length
    }
    if (size !== undefined && at < size)
      throw new OpError(
        'EIO',
        `The input ended at ${at} of ${countBytes(size)}: what came is kept, go on from there`,
      )
    md5 = await prefixMd5(file, at, hashing(context))
    if (whole !== undefined && md5 !== whole) {
      context.log('upload refused', { path: name, theirs: whole, ours: md5 })
      throw new OpError(
        'EIO',
        `Other content: the ${at} bytes of "${shown(name)}" have MD5 ${md5} here and ${whole} at your side; it was not put in place, send it again from the start`,
      )
    }
  } catch (error) {
    await file.abandon()
    throw isNoRoom(error) ? noRoom(error, at, size, isNew) : error
  }
  await file.close()
  return { md5, end: at }
}
