import stringWidth from 'string-width'
import { isOpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { showBytes } from '../base/units.ts'
import { bar } from '../commands/layout.ts'
import type { LiveTransfers, Transfer } from '../transfer/live.ts'
import { isWithin, nameOf } from '../vfs/path.ts'
import type { VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'

/** The files that a person is about to move by another connection. */
export type AwaitedFiles =
  | { readonly verb: 'get'; readonly files: readonly { readonly path: VirtualPath; readonly size: number }[] }
  | { readonly verb: 'put'; readonly folder: VirtualPath }

export interface WaitingParts {
  readonly account: string
  readonly vfs: VirtualFileSystem
  readonly live: LiveTransfers | undefined
  readonly now: () => number
}

/** Bars are this wide where the terminal has the room. */
const BAR = 20

/** What happens to those files over the account's other connections, from now on. */
export function followElsewhere(
  files: AwaitedFiles,
  { account, vfs, live, now }: WaitingParts,
  columns: () => number,
): Disposable & {
  /** How far they are; '' while none is on its way. Fits a line. */
  line(): string
  /** What became of them, once none is on its way any more. */
  ended(): Promise<string | undefined>
} {
  const following = live?.follow(account)
  const ours = (): readonly Transfer[] => (following?.seen() ?? []).filter((one) => concerns(files, one))

  async function stored(): Promise<string> {
    const last = ours().findLast(({ written }) => written > 0)
    try {
      const found = last && (await vfs.stat(last.path))
      if (last === undefined || found === undefined) return 'Nothing was stored'
      return found.partial
        ? `"${shown(last.path)}" was cut off at ${showBytes(found.size)}: it is partial`
        : `Stored "${shown(last.path)}", ${showBytes(found.size)}`
    } catch (error) {
      if (isOpError(error)) return 'Nothing was stored'
      throw error
    }
  }

  return {
    line() {
      const moving = ours().find((one) => following?.ended(one) === false)
      return moving === undefined ? '' : progress(moving, files, now() - moving.since, columns())
    },
    async ended() {
      const seen = ours()
      if (seen.length === 0 || seen.some((one) => following?.ended(one) === false)) return undefined
      if (files.verb === 'put') return stored()
      const left = files.files.find(({ path, size }) => readOf(seen, path) < size)
      if (left === undefined) return `Sent ${files.files.map(({ path }) => `"${shown(path)}"`).join(', ')}`
      // One after another: the next has not begun.
      if (!seen.some(({ path }) => path === left.path)) return undefined
      return `"${shown(left.path)}" ended at ${showBytes(readOf(seen, left.path))} of ${showBytes(left.size)}`
    },
    [Symbol.dispose]: () => following?.[Symbol.dispose](),
  }
}

function concerns(files: AwaitedFiles, { path, written }: Transfer): boolean {
  return files.verb === 'get'
    ? files.files.some((file) => file.path === path)
    : written > 0 && isWithin(path, files.folder)
}

function readOf(seen: readonly Transfer[], path: VirtualPath): number {
  return seen.filter((one) => one.path === path).reduce((sum, { read }) => sum + read, 0)
}

/** `name [####....] 40 %  12 MiB of 30 MiB  4.1 MiB/s`, and less of it on a narrow terminal. */
function progress(
  { path, read, written }: Transfer,
  files: AwaitedFiles,
  ms: number,
  columns: number,
): string {
  const done = read + written
  const size = files.verb === 'get' ? files.files.find((file) => file.path === path)?.size : undefined
  const part = size === undefined || size === 0 ? undefined : Math.min(1, done / size)
  const figures = [
    part === undefined ? '' : `${Math.floor(part * 100)} %`,
    size === undefined ? showBytes(done) : `${showBytes(done)} of ${showBytes(size)}`,
    ms < 500 ? '' : `${showBytes(Math.round((done / ms) * 1000))}/s`,
  ]
  const text = figures.filter((figure) => figure !== '').join('  ')
  const room = columns - 1 - stringWidth(text)
  const name = shown(nameOf(path))
  const withBar = part !== undefined && room >= stringWidth(name) + BAR + 6
  if (withBar) return `${name}  ${bar(part, BAR)} ${text}`
  return room >= stringWidth(name) + 2 ? `${name}  ${text}` : text.slice(0, columns - 1)
}
