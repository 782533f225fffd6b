import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { namesOf, parentOf, ROOT, virtualPath } from '../vfs/path.ts'
import type { VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { Command } from './command.ts'
import { forEach } from './each.ts'
import { atMost, usageError } from './language.ts'
import { entriesOf } from './patterns.ts'

export const cd: Command = {
  name: 'cd',
  usage: 'cd [FOLDER]',
  summary: 'change the folder; alone: to /; -: back',
  async run(call) {
    const { args, context } = call
    atMost(1, call)
    const isBack = args[0] === '-'
    if (isBack && context.before === undefined)
      throw new OpError('ENOENT', 'There is no folder of before yet')
    const path = isBack ? context.before! : args[0] === '~' ? ROOT : virtualPath(args[0] ?? '/', context.cwd)
    if ((await context.vfs.stat(path)).kind !== 'directory')
      throw new OpError('ENOTDIR', `"${shown(args[0] ?? '/')}" is not a folder`)
    context.before = context.cwd
    context.cwd = path
    if (isBack) await context.print(shown(path))
  },
}

export const pwd: Command = {
  name: 'pwd',
  usage: 'pwd',
  summary: 'say which folder this is',
  run(call) {
    atMost(0, call)
    return call.context.print(shown(call.context.cwd))
  },
}

export const mkdir: Command = {
  name: 'mkdir',
  usage: 'mkdir [-p] FOLDER...',
  summary: 'make a folder; -p: those above it too',
  options: {
    parents: { type: 'boolean', short: 'p', about: ['those above it too; no error if it is there'] },
  },
  async run({ args, has, context, command }) {
    if (args.length === 0) throw usageError(command)
    await forEach(args, context, async (name) => {
      const path = virtualPath(name, context.cwd)
      if (has('parents')) await makeAll(context.vfs, path)
      else await context.vfs.mkdir(path)
    })
  },
}

export const rm: Command = {
  name: 'rm',
  usage: 'rm [-rf] NAME...',
  summary: 'remove files and empty folders; -r: full ones too',
  options: {
    recursive: { type: 'boolean', short: 'r', about: ['a folder with all in it'] },
    force: { type: 'boolean', short: 'f', about: ['say nothing of what is not there'] },
  },
  async run({ args, has, context, command }) {
    if (args.length === 0) throw usageError(command)
    await forEach(args, context, async (name) => {
      const path = virtualPath(name, context.cwd)
      // Most often a slip, or a script's empty variable.
      if (path === '/') throw new OpError('EPERM', '"/" is never removed: what is in it goes by rm -r /*')
      try {
        if (has('recursive')) await removeAll(context.vfs, path, context.signal)
        else if ((await context.vfs.stat(path, { follow: false })).kind === 'directory')
          await removeFolder(context.vfs, path, name)
        else await context.vfs.unlink(path)
      } catch (error) {
        if (!(has('force') && isOpError(error, 'ENOENT'))) throw error
      }
    })
  },
}

async function removeFolder(vfs: VirtualFileSystem, path: VirtualPath, name: string): Promise<void> {
  try {
    await vfs.rmdir(path)
  } catch (error) {
    if (!isOpError(error, 'ENOTEMPTY') && !isOpError(error, 'EEXIST')) throw error
    throw new OpError('ENOTEMPTY', `"${shown(name)}" is not empty: remove it with all in it by rm -r`, {
      path,
      cause: error,
    })
  }
}

/** Depth first; links are removed, not followed. */
export async function removeAll(
  vfs: VirtualFileSystem,
  path: VirtualPath,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) throw new OpError('ECANCELED', 'Cancelled')
  if ((await vfs.stat(path, { follow: false })).kind !== 'directory') return vfs.unlink(path)
  for await (const { name } of entriesOf(vfs, path)) await removeAll(vfs, virtualPath(name, path), signal)
  // The root stays; it is emptied.
  if (path !== '/') await vfs.rmdir(path)
}

export async function makeAll(vfs: VirtualFileSystem, path: VirtualPath): Promise<void> {
  for (let at = 1; at <= namesOf(path).length; at++) {
    const folder = virtualPath(`/${namesOf(path).slice(0, at).join('/')}`)
    try {
      await vfs.mkdir(folder)
    } catch (error) {
      if (!isOpError(error, 'EEXIST') || (await vfs.stat(folder)).kind !== 'directory') throw error
    }
  }
}

/** Where `name` goes when it is put to `target`: into it when that is a folder. */
export async function intoFolder(
  vfs: VirtualFileSystem,
  target: VirtualPath,
  name: string,
): Promise<VirtualPath> {
  try {
    if ((await vfs.stat(target)).kind === 'directory') return virtualPath(name, target)
  } catch (error) {
    if (!isOpError(error, 'ENOENT')) throw error
    await vfs.stat(parentOf(target))
  }
  return target
}
