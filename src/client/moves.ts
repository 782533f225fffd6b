import { isOpError, OpError } from '../base/error.ts'
import { expand } from '../commands/patterns.ts'
import type { Word } from '../commands/words.ts'
import type { Digests } from '../transfer/digest.ts'
import { virtualPath } from '../vfs/path.ts'
import type { VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import type { Line, Link } from './link.ts'
import { type KeptFolder, type MoveWishes, type PlanParts, planGet, planPut } from './plans.ts'
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
  return moveFiles(parts, async (line, planned) => {
    const path = virtualPath(target === '' ? '.' : target, await beginning(line, parts))
    const isFolder = target.endsWith('/') || target === ''
    const once = eachOnce(sources, parts.folder)
    return planPut(once, path, isFolder, line, { ...parts, ...planned, wishes, tell: parts.report.tell })
  })
}

/** Fetches `sources` (words that may be patterns) into `target`. Answers what failed. */
export function fetchFiles(
  sources: readonly Word[],
  target: string,
  wishes: MoveWishes,
  parts: MoveParts,
): Promise<readonly OpError[]> {
  return moveFiles(parts, async (line, planned) => {
    const { vfs } = line
    const cwd = await beginning(line, parts)
    const names: string[] = []
    for (const word of sources) names.push(...(await expand(word, { vfs, cwd })))
    const paths = eachOnce(names, cwd).map((name) => virtualPath(name, cwd))
    const isFolder = target.endsWith('/') || target === '' || target === '.'
    return planGet(paths, target === '' ? '.' : target, isFolder, line, {
      ...parts,
      ...planned,
      wishes,
      tell: parts.report.tell,
    })
  })
}

/** Patterns may find what is named as well: of several names of one place the first. */
function eachOnce(names: readonly string[], folder: VirtualPath): readonly string[] {
  const found = new Map<VirtualPath, string>()
  for (const name of names) {
    const path = virtualPath(name, folder)
    if (!found.has(path)) found.set(path, name)
  }
  return [...found.values()]
}

async function moveFiles(
  { link, digests, report, lanes, signal }: MoveParts,
  plan: (line: Line, planned: Pick<PlanParts, 'life' | 'failed' | 'kept'>) => Promise<readonly Job[]>,
): Promise<readonly OpError[]> {
  await using life = new AsyncDisposableStack()
  let leftOut: OpError[] = []
  let folders: KeptFolder[] = []
  const jobs = await link.lasting(
    signal,
    () => 0,
    (line) => {
      leftOut = []
      folders = []
      return plan(line, {
        life,
        failed: (error) => leftOut.push(error),
        kept: (folder) => folders.push(folder),
      })
    },
  )
  report.planned(jobs, leftOut.length)
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
  const unkept =
    folders.length === 0
      ? []
      : await link.lasting(
          signal,
          () => 0,
          (line) => setKept(folders, line, report),
        )
  return [...leftOut, ...errors, ...unkept]
}

/** The deepest first: what is put into a folder changes its time, and who may not go into it cannot reach what is below. */
async function setKept(folders: readonly KeptFolder[], line: Line, report: Report): Promise<OpError[]> {
  const errors: OpError[] = []
  for (const folder of folders.toSorted((one, other) => other.depth - one.depth))
    try {
      await folder.set(line)
    } catch (error) {
      if (!isOpError(error) || error.code === 'ECONNRESET') throw error
      report.tell(`The times and permissions of "${folder.name}" could not be kept: ${error.message}`)
      errors.push(error)
    }
  return errors
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
