import stringWidth from 'string-width'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { LAST_TIME, showBytes } from '../base/units.ts'
import { virtualPath } from '../vfs/path.ts'
import type { Entry, Stat, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { Call, Command, CommandContext } from './command.ts'
import { failureOfEach } from './each.ts'
import { jsonLine, jsonName } from './json.ts'
import { inColumns, type Label } from './layout.ts'
import { entriesOf } from './patterns.ts'

export const ls: Command = {
  name: 'ls',
  aliases: ['dir'],
  usage: 'ls [-1ahl] [--json] [NAME...]',
  summary: 'list a folder; -l: with size and time',
  examples: ['ls -lh photos', "ls 'my folder'", 'ls *.jpg'],
  options: {
    long: { type: 'boolean', short: 'l', about: ['with rights, size and time'] },
    human: { type: 'boolean', short: 'h', about: ['sizes as people say them: 1.5 MiB'] },
    all: { type: 'boolean', short: 'a', about: ['names that begin with a dot too'] },
    one: { type: 'boolean', short: '1', about: ['one name a line'] },
    json: { type: 'boolean', about: ['as one JSON value'] },
    // What Vim says for a folder: ls -FLa.
    marks: { type: 'boolean', short: 'F' },
    follow: { type: 'boolean', short: 'L' },
  },
  async run(call) {
    const { context, args, has } = call
    const files: Entry[] = []
    const folders: { readonly name: string; readonly entries: readonly Entry[] }[] = []
    const failure = await failureOfEach(args.length === 0 ? ['.'] : args, context, async (name) => {
      const path = virtualPath(name, context.cwd)
      const stat = await statOf(context, path)
      if (stat.kind !== 'directory') files.push({ name, stat })
      else folders.push({ name, entries: await sorted(path, call) })
    })
    if (has('json')) {
      if (failure !== undefined) throw failure
      const all = [...files, ...folders.flatMap(({ entries }) => entries)]
      return context.print(jsonLine(all.map(({ name, stat }) => asJson(name, stat))))
    }
    await show(files, context.cwd, call)
    for (const [index, { name, entries }] of folders.entries()) {
      if (args.length > 1) await context.print(`${index + files.length > 0 ? '\n' : ''}${shown(name)}:`)
      await show(entries, virtualPath(name, context.cwd), call)
    }
    if (failure !== undefined) throw failure
  },
}

/** A link that leads nowhere is listed as itself. */
async function statOf({ vfs }: CommandContext, path: VirtualPath): Promise<Stat> {
  try {
    return await vfs.stat(path)
  } catch (error) {
    if (isOpError(error, 'ENOENT') || isOpError(error, 'ELOOP')) return vfs.stat(path, { follow: false })
    throw error
  }
}

async function sorted(path: VirtualPath, { context, has }: Call): Promise<readonly Entry[]> {
  const { vfs, signal } = context
  const entries: Entry[] = []
  for await (const entry of entriesOf(vfs, path)) {
    if (signal.aborted) throw new OpError('ECANCELED', 'Cancelled')
    if (!has('all') && entry.name.startsWith('.')) continue
    entries.push(has('follow') ? await followed(entry, path, vfs) : entry)
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** What a link leads to; one that leads nowhere, or where nobody may look, stays itself. */
async function followed(entry: Entry, folder: VirtualPath, vfs: VirtualFileSystem): Promise<Entry> {
  if (entry.stat.kind !== 'symlink') return entry
  try {
    return { ...entry, stat: await vfs.stat(virtualPath(entry.name, folder)) }
  } catch (error) {
    if (!isOpError(error) || error.code === 'ECONNRESET') throw error
    return entry
  }
}

async function show(entries: readonly Entry[], folder: VirtualPath, call: Call): Promise<void> {
  const { context, has } = call
  if (entries.length === 0) return
  if (has('long')) return context.print((await longLines(entries, folder, call)).join('\n'))
  const names = entries.map((entry) => label(entry, context, has('marks') || context.columns !== undefined))
  if (context.columns === undefined || has('one'))
    return context.print(names.map(({ text }) => text).join('\n'))
  await context.print(inColumns(names, context.columns).join('\n'))
}

/** A name, and `marked` with what it is: `/` a folder, `@` a link. */
function label({ name, stat }: Entry, { colours }: CommandContext, marked: boolean): Label {
  const text = shown(name)
  const mark = !marked ? '' : stat.kind === 'directory' ? '/' : stat.kind === 'symlink' ? '@' : ''
  const colour = !colours
    ? ''
    : stat.kind === 'directory'
      ? '\x1b[1;34m'
      : stat.kind === 'symlink'
        ? '\x1b[36m'
        : ''
  return {
    text: colour === '' ? text + mark : `${colour}${text}\x1b[0m${mark}`,
    width: stringWidth(text) + mark.length,
  }
}

/** Under this, rights are left out. */
const NARROW = 60

async function longLines(
  entries: readonly Entry[],
  folder: VirtualPath,
  { context, has }: Call,
): Promise<readonly string[]> {
  const narrow = context.columns !== undefined && context.columns < NARROW
  const sizes = entries.map(({ stat }) =>
    stat.kind === 'directory' ? '-' : has('human') ? showBytes(stat.size) : String(stat.size),
  )
  const width = sizes.reduce((most, size) => Math.max(most, size.length), 0)
  const lines: string[] = []
  for (const [at, { name, stat }] of entries.entries()) {
    const mode = narrow ? '' : `${modeText(stat)} `
    const target = stat.kind === 'symlink' ? ` -> ${await targetOf(context, folder, name)}` : ''
    const mark = stat.kind === 'directory' ? '/' : ''
    const { text } = label({ name, stat }, context, false)
    lines.push(
      `${mode}${sizes[at]!.padStart(width)} ${timeText(stat.mtime)} ${text}${mark}${target}${stat.partial ? ' (partial)' : ''}`,
    )
  }
  return lines
}

async function targetOf({ vfs }: CommandContext, folder: VirtualPath, name: string): Promise<string> {
  return shown(await vfs.readlink(virtualPath(name, folder)))
}

export function modeText({ kind, mode }: Stat): string {
  const letters = 'rwxrwxrwx'
  const type = kind === 'directory' ? 'd' : kind === 'symlink' ? 'l' : kind === 'file' ? '-' : '?'
  return type + [...letters].map((letter, at) => (mode & (1 << (8 - at)) ? letter : '-')).join('')
}

/** Local time, to the minute; the bare seconds where no date can tell them. */
export function timeText(seconds: number): string {
  if (!isDate(seconds)) return String(seconds)
  const date = new Date(seconds * 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** Some disks keep any number as the time of a file. */
function isDate(seconds: number): boolean {
  return Math.abs(seconds * 1000) <= LAST_TIME
}

/** `mtime` is null where no date can tell it. */
export function asJson(name: string, stat: Stat) {
  return {
    ...jsonName(name),
    kind: stat.kind,
    size: stat.size,
    mode: (stat.mode & 0o7777).toString(8).padStart(4, '0'),
    mtime: isDate(stat.mtime) ? new Date(stat.mtime * 1000).toISOString() : null,
    partial: stat.partial === true,
  }
}
