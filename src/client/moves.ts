import { OpError } from '../base/error.ts'
import { expand } from '../commands/patterns.ts'
import type { Word } from '../commands/words.ts'
import type { Digests } from '../transfer/digest.ts'
import { virtualPath } from '../vfs/path.ts'
import type { VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { Line, Link } from './link.ts'
import { type MoveWishes, planGet, planPut } from './plans.ts'
import { type Job, runJobs } from './queue.ts'
import type { Report } from './watchers.ts'

/** What moving files needs. */
export interface MoveParts {
  readonly link: Link
  readonly disk: VirtualFileSystem
  readonly digests: Digests
  readonly report: Report
  /** Files at once. */
  readonly lanes: number
  readonly signal: AbortSignal
  /** Relative paths of this machine begin here. */
  readonly folder: VirtualPath
  /** And those of the server; undefined: where a login begins. */
  readonly remoteFolder: VirtualPath | undefined
}

/** Sends `sources` to `target` (a byte string; a "/" at its end: a folder). Answers what failed. */
export function sendFiles(
  sources: readonly string[],
  target: string,
  wishes: MoveWishes,
  parts: MoveParts,
): Promise<readonly OpError[]> {
  return moveFiles(parts, async (line, life, failed) => {
    const path = virtualPath(target === '' ? '.' : target, await beginning(line, parts))
    const isFolder = target.endsWith('/') || target === ''
    return planPut(sources, path, isFolder, line, { ...parts, wishes, life, failed, tell: parts.report.tell })
  })
}

/** Fetches `sources` (words that may be patterns) into `target`. Answers what failed. */
export function fetchFiles(
  sources: readonly Word[],
  target: string,
  wishes: MoveWishes,
  parts: MoveParts,
): Promise<readonly OpError[]> {
  return moveFiles(parts, async (line, life, failed) => {
    const { vfs } = line
    const cwd = await beginning(line, parts)
    const names: string[] = []
    for (const word of sources) names.push(...(await expand(word, { vfs, cwd })))
    const paths = names.map((name) => virtualPath(name, cwd))
    const isFolder = target.endsWith('/') || target === '' || target === '.'
    return planGet(paths, target === '' ? '.' : target, isFolder, line, {
      ...parts,
      wishes,
      life,
      failed,
      tell: parts.report.tell,
    })
  })
}

async function moveFiles(
  { link, digests, report, lanes, signal }: MoveParts,
  plan: (line: Line, life: AsyncDisposableStack, failed: (error: OpError) => void) => Promise<readonly Job[]>,
): Promise<readonly OpError[]> {
  await using life = new AsyncDisposableStack()
  let leftOut: OpError[] = []
  const jobs = await link.lasting(
    signal,
    () => 0,
    (line) => {
      leftOut = []
      return plan(line, life, (error) => leftOut.push(error))
    },
  )
  report.planned(jobs)
  async function* all(): AsyncGenerator<Job> {
    yield* jobs
  }
  // Awaited here: what the jobs hold open is closed when this returns.
  const errors = await runJobs(all(), {
    link,
    digests,
    watcher: report,
    lanes: Math.min(lanes, jobs.length),
    signal,
  })
  return [...leftOut, ...errors]
}

async function beginning({ vfs }: Line, { remoteFolder }: MoveParts): Promise<VirtualPath> {
  return remoteFolder ?? vfs.home()
}

/** A person, or who runs us, wants it to end. */
export function stopped(cause: unknown): OpError {
  return new OpError('ECANCELED', 'Stopped. What was moved is kept: say the same again to go on from there', {
    cause,
  })
}
