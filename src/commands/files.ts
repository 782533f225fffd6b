import { isOpError, OpError } from '../base/error.ts'
import { contentText, shown } from '../base/escape.ts'
import { showBytes } from '../base/units.ts'
import { copyFile, readFrom } from '../transfer/read.ts'
import { isWithin, nameOf, virtualPath } from '../vfs/path.ts'
import type { VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import { asideJson, asideLine, asideOf } from './aside.ts'
import type { Command, CommandContext } from './command.ts'
import { forEach } from './each.ts'
import { intoFolder } from './folders.ts'
import { jsonLine } from './json.ts'
import { atMost, usageError } from './language.ts'
import { asJson, modeText, timeText } from './ls.ts'
import { entriesOf } from './patterns.ts'

/** What is shown of a file at a time, at a terminal, in bytes. */
const SHOWN = 16 * 1024

export const cat: Command = {
  name: 'cat',
  usage: 'cat FILE...',
  summary: 'print files',
  async run({ args, context, command }) {
    if (args.length === 0) throw usageError(command)
    await forEach(args, context, async (name) => {
      const file = await context.vfs.open(virtualPath(name, context.cwd), { read: true })
      const decoder = new TextDecoder()
      let last = '\n'
      try {
        for await (const chunk of readFrom(file, 0, Number.MAX_SAFE_INTEGER, context.signal)) {
          if (context.columns === undefined) await context.write(chunk)
          else {
            // A terminal is not shown what would move its cursor; and who does not look must not cost much.
            for (let at = 0; at < chunk.length; at += SHOWN) {
              const text = contentText(decoder.decode(chunk.subarray(at, at + SHOWN), { stream: true }))
              await context.write(Buffer.from(text))
              last = text.at(-1) ?? last
            }
          }
        }
        if (last !== '\n') await context.print('')
      } finally {
        await file.close()
      }
    })
  },
}

export const stat: Command = {
  name: 'stat',
  usage: 'stat [--json] NAME',
  summary: 'all about a file or folder',
  options: { json: { type: 'boolean', about: ['as one JSON value'] } },
  async run(call) {
    const { args, has, context, command } = call
    if (args.length === 0) throw usageError(command)
    atMost(1, call)
    const path = virtualPath(args[0]!, context.cwd)
    const found = await context.vfs.stat(path, { follow: false })
    const aside = asideOf(context.vfs, path)
    if (has('json')) {
      const left = aside.length === 0 ? {} : { aside: aside.map(asideJson) }
      return context.print(jsonLine({ ...asJson(path, found), ...left }))
    }
    await context.print(`name      ${shown(path)}`)
    await context.print(
      `kind      ${found.kind}${found.partial ? ', partial: its upload was not finished' : ''}`,
    )
    await context.print(`size      ${found.size} (${showBytes(found.size)})`)
    await context.print(`mode      ${modeText(found)}`)
    await context.print(`modified  ${timeText(found.mtime)}`)
    if (found.kind === 'symlink') await context.print(`leads to  ${shown(await context.vfs.readlink(path))}`)
    for (const one of aside) await context.print(asideLine(one))
  },
}

export const mv: Command = {
  name: 'mv',
  aliases: ['rename'],
  usage: 'mv [-f] FROM... TO',
  summary: 'move or rename',
  options: { force: { type: 'boolean', short: 'f', about: ['over what is there'] } },
  examples: ['mv draft.txt final.txt', 'mv *.jpg photos'],
  async run({ args, has, context, command }) {
    const target = targetOf(args, context, command)
    if (args.length > 2) await mustBeFolder(context.vfs, target)
    for (const name of args.slice(0, -1)) {
      const from = virtualPath(name, context.cwd)
      const to = await intoFolder(context.vfs, target, nameOf(from))
      if (isWithin(to, from)) throw new OpError('EINVAL', `"${shown(from)}" cannot be moved into itself`)
      try {
        await context.vfs.rename(from, to, { replace: has('force') })
      } catch (error) {
        // The folder of the new name was looked at already.
        if (isOpError(error, 'ENOENT')) throw missing(from, error)
        if (!isOpError(error, 'EEXIST') || has('force')) throw error
        throw new OpError('EEXIST', `"${shown(to)}" is there already: replace it by mv -f`, {
          path: to,
          cause: error,
        })
      }
    }
  },
}

export const cp: Command = {
  name: 'cp',
  usage: 'cp [-rf] FROM... TO',
  summary: 'copy; -r: folders too',
  options: {
    recursive: { type: 'boolean', short: 'r', about: ['folders with all in them'] },
    force: { type: 'boolean', short: 'f', about: ['over what is there'] },
  },
  async run({ args, has, context, command }) {
    const target = targetOf(args, context, command)
    if (args.length > 2) await mustBeFolder(context.vfs, target)
    for (const name of args.slice(0, -1)) {
      const from = virtualPath(name, context.cwd)
      const to = await intoFolder(context.vfs, target, nameOf(from))
      if (isWithin(to, from)) throw new OpError('EINVAL', `"${shown(from)}" cannot be copied into itself`)
      await copy(context, from, to, has('recursive'), has('force'))
    }
  },
}

export const restore: Command = {
  name: 'restore',
  usage: 'restore FILE',
  summary: 'bring back what was last overwritten',
  async run(call) {
    const { args, context, command } = call
    if (args.length === 0) throw usageError(command)
    atMost(1, call)
    const path = virtualPath(args[0]!, context.cwd)
    if (context.vfs.restore === undefined)
      throw new OpError('ENOTSUP', 'Nothing that is replaced is kept here')
    await context.vfs.restore(path)
    await context.print(`"${shown(path)}" is what it was before; what it was just now is kept in its turn`)
  },
}

async function copy(
  context: CommandContext,
  from: VirtualPath,
  to: VirtualPath,
  recursive: boolean,
  force: boolean,
): Promise<void> {
  const { vfs, signal } = context
  if (signal.aborted) throw new OpError('ECANCELED', 'Cancelled')
  const found = await vfs.stat(from)
  if (found.kind === 'directory') {
    if (!recursive)
      throw new OpError('EISDIR', `"${shown(from)}" is a folder: copy it with all in it by cp -r`)
    try {
      await vfs.mkdir(to)
    } catch (error) {
      if (!isOpError(error, 'EEXIST')) throw error
    }
    for await (const { name } of entriesOf(vfs, from))
      await copy(context, virtualPath(name, from), virtualPath(name, to), true, force)
    return
  }
  const source = await vfs.open(from, { read: true })
  try {
    const flags = force
      ? { write: true, create: true, truncate: true }
      : { write: true, create: true, exclusive: true }
    // Some servers do not tell it.
    const target = await vfs.open(to, flags, found.mode === 0 ? {} : { mode: found.mode & 0o777 })
    try {
      await copyFile(source, target, signal)
    } catch (error) {
      await target.abandon()
      throw error
    }
    await target.close()
  } catch (error) {
    if (!isOpError(error, 'EEXIST')) throw error
    throw new OpError('EEXIST', `"${shown(to)}" is there already: replace it by cp -f`, {
      path: to,
      cause: error,
    })
  } finally {
    await source.close()
  }
}

function targetOf(args: readonly string[], { cwd }: CommandContext, command: Command): VirtualPath {
  if (args.length < 2) throw usageError(command)
  return virtualPath(args.at(-1)!, cwd)
}

function missing(path: VirtualPath, cause: unknown): OpError {
  return new OpError('ENOENT', `No such file or folder: "${shown(path)}"`, { path, cause })
}

async function mustBeFolder(vfs: VirtualFileSystem, path: VirtualPath): Promise<void> {
  if ((await vfs.stat(path)).kind !== 'directory')
    throw new OpError('ENOTDIR', `"${shown(path)}" is not a folder`)
}
