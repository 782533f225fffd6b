import { createInterface } from 'node:readline'
import { OpError } from '../base/error.ts'
import { errnoOf } from '../vfs/errno.ts'
import type { VirtualPath } from '../vfs/vfs.ts'
import type { Asked } from './arguments.ts'
import type { Dialer } from './connect.ts'
import { openHistory } from './history.ts'
import { fetchFiles, type MoveParts, sendFiles, stopped } from './moves.ts'
import { linesOf } from './one-shot.ts'
import { bytesOf } from './plans.ts'
import { converse, openSides, script } from './prompt.ts'
import type { Report } from './watchers.ts'
import { clientWords } from './words.ts'

export interface TalkParts extends Pick<MoveParts, 'link' | 'disk' | 'digests' | 'lanes' | 'signal'> {
  readonly dialer: Dialer
  /** Where it begins on this machine. */
  readonly local: VirtualPath
  readonly env: Readonly<Record<string, string | undefined>>
  /** The person's own folder. */
  readonly home: string
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
  readonly complain: (line: string) => void
  /** For one transfer; the connection is told to it from now on. */
  report(): Report
}

/** Words of the command line, of a pipe, or of a person at the prompt. Answers the exit status. */
export async function talk(
  asked: Exclude<Asked, { do: 'help' | 'version' | 'put' | 'get' }>,
  { dialer, local, env, home, input, output, complain, report, ...common }: TalkParts,
): Promise<number> {
  const { link, disk, digests, signal } = common
  const folders = {
    local: { cwd: local },
    remote: {
      cwd: await link.lasting(
        signal,
        () => 0,
        ({ vfs }) => vfs.home(),
      ),
    },
  }
  /** One transfer, with a report of its own. */
  const moved = async (
    now: AbortSignal,
    move: (parts: MoveParts) => Promise<readonly OpError[]>,
  ): Promise<void> => {
    const own = report()
    sides.lend()
    const parts = {
      ...common,
      report: own,
      signal: now,
      folder: folders.local.cwd,
      remoteFolder: folders.remote.cwd,
    }
    const errors = await move(parts)
      .catch((error: unknown) => {
        throw now.aborted ? stopped(error) : error
      })
      .finally(() => own.over())
    if (errors.length > 0)
      throw new OpError(
        errors[0]!.code,
        errors.length === 1 ? '1 file was not moved' : `${errors.length} files were not moved`,
      )
  }
  const words = clientWords(
    {
      send: (sources, target, wishes, now) =>
        moved(now, (parts) => sendFiles(sources, target, wishes, parts)),
      fetch: (sources, target, wishes, now) =>
        moved(now, (parts) => fetchFiles(sources, target, wishes, parts)),
    },
    asked.settings.wishes,
    bytesOf(home),
  )
  const screen = {
    write: (bytes: Uint8Array) => new Promise<void>((resolve) => void output.write(bytes, () => resolve())),
    print: (line: string) => void output.write(`${line}\n`),
    complain,
    columns: () => (output.isTTY ? output.columns || 80 : undefined),
    colours: output.isTTY && env.NO_COLOR === undefined && env.TERM !== 'dumb',
  }
  const sides = openSides({ words, link, disk, digests, user: dialer.user, screen, folders, signal })
  if (asked.do !== 'prompt') {
    for (const line of linesOf(asked)) await sides.run(line, signal)
    return 0
  }
  if (!input.isTTY || !output.isTTY) return await script(sides, createInterface({ input }), signal)

  const history = await openHistory(env, home)
  complain(`Connected to ${dialer.host}:${dialer.port} as ${dialer.user}. help lists the words, bye leaves.`)
  const status = await converse({
    sides,
    input,
    output,
    complain,
    name: dialer.user,
    history: history.lines,
    signal,
  })
  await history.save().catch((error: unknown) => {
    complain(`The lines that were typed could not be kept (${errnoOf(error) ?? 'unknown'})`)
  })
  return status
}
