import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { readFrom } from '../transfer/read.ts'
import { nameOf, virtualPath } from '../vfs/path.ts'
import type { FileHandle, VirtualPath } from '../vfs/vfs.ts'
import type { Call, Command, CommandContext, TerminalTransfer } from './command.ts'
import { howTo, howToFolders } from './elsewhere.ts'
import { hashOf } from './hashes.ts'
import { atMost, usageError } from './language.ts'
import { tokenOf } from './put.ts'
import type { Word } from './words.ts'

/** Files that are named one by one in a line to paste. */
const MOST_NAMED = 10

export const get: Command = {
  name: 'get',
  usage: 'get FILE [DIR [NAME]] [--partial] [--offset N --md5 HEX]',
  summary: 'fetch a file',
  options: {
    partial: { type: 'boolean', about: ['a file as it is though its upload was not finished'] },
    offset: { type: 'string', about: ['N', 'only what follows the first N bytes'] },
    md5: { type: 'string', about: ['HEX', 'with --offset: MD5 of the first N bytes at your side'] },
  },
  examples: ['get *.jpg', 'ssh HOST get FILE > FILE'],
  async run(call) {
    const { args, context, command, matched } = call
    const [name] = args
    if (name === undefined) throw usageError(command)
    if (!matched) atMost(3, call)
    if (context.terminal !== undefined) return toTerminal(call, context.terminal)
    if (matched)
      throw new OpError(
        'EUSAGE',
        'Several names fit, and only one file comes this way: fetch them by scp or sftp',
      )
    if (args.length > 1)
      throw new OpError(
        'EUSAGE',
        'Only one file comes this way: ssh HOST get FILE > NAME. A name with spaces in it goes in quotes, for ssh too',
      )
    const file = await openWhole(call, virtualPath(name, context.cwd), name)
    try {
      const { size } = await file.stat()
      const from = await provenOffset(call, name, size)
      for await (const chunk of readFrom(file, from, size, context.signal)) await context.write(chunk)
    } finally {
      await file.close()
    }
  },
}

/** Every file that was named: a pattern may have become several. The third word is the name it is to have. */
async function toTerminal(call: Call, terminal: TerminalTransfer): Promise<void> {
  const { args, context, matched } = call
  const sources = matched ? args : args.slice(0, 1)
  const files: { readonly name: string; readonly path: VirtualPath }[] = []
  let folders = 0
  for (const source of sources) {
    const path = virtualPath(source, context.cwd)
    files.push({ name: (matched ? undefined : args[2]) ?? nameOf(path), path })
    if ((await context.vfs.stat(path)).kind === 'directory') folders += 1
    else await (await openWhole(call, path, source)).close()
  }
  const what = { verb: 'get', paths: pasted(call, files) } as const
  if (folders === 0) return terminal.send(files, howTo(what, context))
  for (const line of howToFolders(what, context)) await context.print(line)
}

/** Of many files what is to be pasted is the pattern that found them: nobody pastes thousands of names. */
function pasted(
  { words, context: { cwd } }: Call,
  files: readonly { readonly path: VirtualPath }[],
): readonly VirtualPath[] {
  // What is quoted for us is not for scp and the client.
  const isPlain = ({ text, quoted }: Word): boolean =>
    ![...text].some((letter, at) => letter === '\\' || (quoted.has(at) && '*?['.includes(letter)))
  return files.length > MOST_NAMED && words.every(isPlain) && !/[*?[\\]/.test(cwd)
    ? words.map(({ text }) => virtualPath(text, cwd))
    : files.map(({ path }) => path)
}

/** EBUSY: its upload was not finished, and `--partial` was not said. */
async function openWhole({ context, has }: Call, path: VirtualPath, name: string): Promise<FileHandle> {
  const file = await openFile(context, path, name)
  try {
    // The mark is the name's; the open file does not know it.
    const { partial } = await context.vfs.stat(path)
    if (!partial || has('partial')) return file
    throw new OpError(
      'EBUSY',
      `"${shown(name)}" is partial: its upload was not finished. Fetch it as it is by get --partial`,
    )
  } catch (error) {
    await file.close()
    throw error
  }
}

async function openFile({ vfs }: CommandContext, path: VirtualPath, name: string): Promise<FileHandle> {
  try {
    return await vfs.open(path, { read: true })
  } catch (error) {
    if (!isOpError(error, 'EISDIR')) throw error
    throw new OpError('EISDIR', `"${shown(name)}" is a folder: fetch it by scp -r or miniftp get -r`, {
      path,
    })
  }
}

/** Where to begin: what the caller has must be how the file begins. EINVAL. */
async function provenOffset(call: Call, name: string, size: number): Promise<number> {
  const token = tokenOf(call)
  if (token === undefined) return 0
  const { offset, md5 } = token
  if (offset > size)
    throw new OpError('EINVAL', `"${shown(name)}" has ${size} bytes, you have ${offset}: it is another file`)
  const { hash } = await hashOf(call.context, name, 'md5', offset)
  if (hash === md5) return offset
  call.context.log('resume refused', { path: name, theirs: md5, ours: hash })
  throw new OpError(
    'EINVAL',
    `Same name, different content: the first ${offset} bytes have MD5 ${hash} here and ${md5} at your side`,
  )
}
