import { isOpError, type OpError } from '../base/error.ts'
import { Semaphore } from '../base/lane.ts'
import { lost } from '../ssh/dial.ts'
import type { Digests } from '../transfer/digest.ts'
import type { Line, Link } from './link.ts'
import type { Outcome } from './outcome.ts'
import type { TransferParts } from './transfer.ts'

/** Files up to this size are many at once over one session, so that no step of one waits alone for its answer. */
const SMALL_FILE = 256 * 1024
const SMALL_AT_ONCE = 16

/** One file to move. */
export interface Job {
  readonly verb: 'put' | 'get'
  /** As a person knows the file, and where it goes. */
  readonly name: string
  readonly target: string
  /** Bytes, as far as it is known before. */
  readonly size: number
  run(line: Line, parts: TransferParts): Promise<Outcome>
}

/** Told of every step; shows it to a person or writes it down. */
export interface Watcher {
  begun(job: Job): void
  /** `done` bytes are in place, of which `from` were there before. */
  progress(job: Job, done: number, from: number): void
  done(job: Job, outcome: Outcome): void
  failed(job: Job, error: OpError): void
  /** A line for a person, above what moves. */
  tell(text: string): void
}

export interface QueueParts {
  readonly link: Link
  readonly digests: Digests
  readonly watcher: Watcher
  /** Files at once; small ones are more. */
  readonly lanes: number
  readonly signal: AbortSignal
}

/** Errors after which the next file would meet the same. */
const STOPS: ReadonlySet<string> = new Set(['EDQUOT', 'ENOSPC'])

/** Runs all jobs; one that fails is told and the others go on. Answers the errors. ECANCELED, ECONNRESET. */
export async function runJobs(
  jobs: AsyncIterator<Job>,
  { link, digests, watcher, lanes, signal }: QueueParts,
): Promise<readonly OpError[]> {
  const errors: OpError[] = []
  const returned: Job[] = []
  let moved = 0
  let isStopped = false
  let taking: Promise<unknown> = Promise.resolve()
  let refusal: OpError | undefined

  function take(): Promise<Job | undefined> {
    const next = taking.then(async () => {
      if (isStopped) return undefined
      const again = returned.pop()
      if (again !== undefined) return again
      const { done, value } = await jobs.next()
      return done === true ? undefined : value
    })
    taking = next.catch(() => {})
    return next
  }

  async function one(job: Job, line: Line): Promise<void> {
    let last = 0
    const onProgress = (done: number, from: number): void => {
      moved += Math.max(0, done - Math.max(last, from))
      last = Math.max(last, done)
      watcher.progress(job, done, from)
    }
    try {
      watcher.done(job, await job.run(line, { digests, signal, onProgress, tell: watcher.tell }))
    } catch (error) {
      if (signal.aborted || !isOpError(error)) throw error
      if (error.code === 'ECONNRESET') {
        returned.push(job)
        throw error
      }
      errors.push(error)
      watcher.failed(job, error)
      isStopped ||= STOPS.has(error.code)
      if (!line.vfs.session.alive()) throw lost(error)
    }
  }

  /** Answers whether the server let it have a session. */
  async function lane(): Promise<boolean> {
    let first = await take()
    if (first === undefined) return true
    watcher.begun(first)
    const work = link.lasting(
      signal,
      () => moved,
      async (line) => {
        const large = new Semaphore(1)
        const worker = async (): Promise<void> => {
          for (;;) {
            if (!line.vfs.session.alive()) throw lost()
            const held = first
            first = undefined
            const job = held ?? (await take())
            if (job === undefined) return
            if (held === undefined) watcher.begun(job)
            if (job.size <= SMALL_FILE) await one(job, line)
            else {
              using _ = await large.enter()
              if (line.vfs.session.alive()) await one(job, line)
              else returned.push(job)
            }
          }
        }
        // All must have let go of the session before it is opened anew.
        const ends = await Promise.allSettled(Array.from({ length: SMALL_AT_ONCE }, worker))
        const failed = ends.filter((end) => end.status === 'rejected').map(({ reason }) => reason as unknown)
        const worst = failed.find((reason) => !isOpError(reason, 'ECONNRESET')) ?? failed[0]
        if (worst !== undefined) throw worst
      },
    )
    try {
      await work
      return true
    } catch (error) {
      // No more sessions over this connection (OpenSSH's MaxSessions): those that there are do what is left.
      if (!isOpError(error, 'ENOTSUP')) throw error
      if (first !== undefined) returned.push(first)
      refusal = error
      return false
    }
  }

  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  // The others may have ended before it was given back.
  while (returned.length > 0 && !isStopped) if (!(await lane())) throw refusal
  return errors
}
