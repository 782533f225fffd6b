import { showBytes } from '../base/units.ts'
import { ROOT, virtualPath } from '../vfs/path.ts'
import type { Space, VirtualFileSystem } from '../vfs/vfs.ts'
import { asideJson, asideLine, asideOf } from './aside.ts'
import type { Command } from './command.ts'
import { jsonLine } from './json.ts'
import { atMost } from './language.ts'
import { bar } from './layout.ts'

/** In blocks of 1 KiB, as `df -k` prints it: rclone reads the second line. */
export const df: Command = {
  name: 'df',
  usage: 'df [-kh] [FOLDER]',
  summary: 'room in all, used and left',
  hidden: true,
  options: {
    k: { type: 'boolean', short: 'k' },
    human: { type: 'boolean', short: 'h' },
    portable: { type: 'boolean', short: 'P' },
  },
  async run(call) {
    const { args, has, context } = call
    atMost(1, call)
    const { total, free } = await context.vfs.space(virtualPath(args[0] ?? '/', context.cwd))
    const used = total - free
    const size = (bytes: number): string =>
      has('human') ? showBytes(bytes) : String(Math.floor(bytes / 1024))
    const percent = total === 0 ? 0 : Math.ceil((used / total) * 100)
    await context.print(
      `Filesystem     ${has('human') ? 'Size' : '1K-blocks'} Used Available Use% Mounted on`,
    )
    await context.print(`miniftp        ${size(total)} ${size(used)} ${size(free)} ${percent}% /`)
  },
}

export const quota: Command = {
  name: 'quota',
  usage: 'quota [--json]',
  summary: 'how much is used, and how much is left',
  options: { json: { type: 'boolean', about: ['as one JSON value, in bytes'] } },
  async run(call) {
    const { has, context } = call
    atMost(0, call)
    const space = await context.vfs.space(ROOT)
    const aside = asideOf(context.vfs)
    if (!has('json')) {
      const lines = await quotaLines(context.vfs, context.columns)
      return context.print([...lines, ...aside.map(asideLine)].join('\n'))
    }
    const { total, free, usage } = space
    const { limit = total, used = total - free, reserved = 0, files = null, fileLimit = null } = usage ?? {}
    await context.print(
      jsonLine({ limit, used, reserved, free, files, fileLimit, aside: aside.map(asideJson) }),
    )
  },
}

/** How full the account is: a line with a bar, and more where there is more to say. */
export async function quotaLines(vfs: VirtualFileSystem, columns = 80): Promise<readonly string[]> {
  const space = await vfs.space(ROOT)
  const { usage } = space
  const lines = [usage?.limit === null ? unlimited(space) : limited(space, columns)]
  if (usage?.fileLimit != null) lines.push(`${usage.files} of ${usage.fileLimit} files and folders`)
  if (usage !== undefined && usage.reserved > 0)
    lines.push(`${showBytes(usage.reserved)} more are set aside: for uploads under way, and for restore`)
  return lines
}

function unlimited({ free, usage }: Space): string {
  return `${showBytes(usage?.used ?? 0)} used, no limit; the server has ${showBytes(free)} left`
}

function limited({ total, free, usage }: Space, columns: number): string {
  const used = usage?.used ?? total - free
  const part = total === 0 ? 1 : used / total
  const text = `${showBytes(used)} of ${showBytes(total)} used, ${showBytes(free)} left`
  const percent = `${Math.min(100, part > 0 ? Math.max(1, Math.floor(part * 100)) : 0)} %`
  return columns < 70 ? text : `${bar(part, 20)} ${percent}  ${text}`
}
