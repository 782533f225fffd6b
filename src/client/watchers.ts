import type { Clock } from '../base/clock.ts'
import type { OpError } from '../base/error.ts'
import { showBytes, showClock } from '../base/units.ts'
import { type Meter, meter } from '../transfer/meter.ts'
import type { Bar } from './bar.ts'
import type { Outcome } from './outcome.ts'
import type { Job, Watcher } from './queue.ts'

/** A watcher that is told, too, what there is to do and how the connection is. */
export interface Report extends Watcher {
  /** `leftOut`: what was asked for and cannot be moved. */
  planned(jobs: readonly Job[], leftOut: number): void
  lost(why: string, waitMs: number): void
  back(): void
  over(): void
}

export interface ReportParts {
  readonly clock: Clock
  /** Lines of what was done. */
  readonly print: (line: string) => void
  /** Lines of what went wrong or is worth knowing. */
  readonly complain: (line: string) => void
}

/** Files of a tree whose ends are told one by one; of more only the sum. */
const MOST_TOLD = 20

/** For a person: a bar where `bar` is given, and a line for each end. `quiet`: what went wrong alone. */
export function personReport(
  { clock, print, complain }: ReportParts,
  bar: Bar | undefined,
  quiet: boolean,
): Report {
  let all: Meter = meter(0, 0, clock.elapsed())
  const standing = new Map<Job, { done: number; from: number }>()
  let jobs: readonly Job[] = []
  let now: Job | undefined
  let waits: string | undefined
  let leftOut = 0
  let doneBytes = 0
  let had = 0
  /** One that waits for its turn has begun, but was not tried. */
  const tried = new Set<Job>()
  const ends = { moved: 0, same: 0, failed: 0, bytes: 0, unverified: 0 }
  const started = clock.elapsed()

  const draw = (force = false): void => {
    // Before anything is planned there is nothing to show, and somebody may be asked for a password in this line.
    if (bar === undefined || jobs.length === 0) return
    const at = clock.elapsed()
    const count = ends.moved + ends.same + ends.failed
    const name =
      jobs.length > 1
        ? `${Math.min(count + 1, jobs.length)}/${jobs.length} ${now?.name ?? ''}`
        : (now?.name ?? '')
    bar.draw({ name, done: all.done, total: all.total, rate: all.rate(at), left: all.left(at), waits }, force)
  }
  const line = (text: string, write: (line: string) => void): void => {
    bar?.clear()
    write(text)
    draw(true)
  }
  /** Bytes that are in place, over all files; those that were there before are not counted as moved. */
  const sum = (): void => {
    let moved = 0
    for (const { done, from } of standing.values()) moved += done - from
    all.moved(had + doneBytes + moved, clock.elapsed())
  }

  return {
    planned(list, notTaken) {
      jobs = list
      leftOut = notTaken
      had = 0
      doneBytes = 0
      all = meter(
        list.reduce((bytes, { size }) => bytes + size, 0),
        0,
        clock.elapsed(),
      )
    },
    begun(job) {
      now ??= job
    },
    progress(job, done, from) {
      tried.add(job)
      const before = standing.get(job)
      if (before === undefined || before.from !== from) {
        // What lies there already is had, and was not moved by us just now.
        const known = before === undefined ? 0 : before.done
        if (from > known) {
          all.expect(0, from - known)
          had += from - known
        }
        doneBytes += before === undefined ? 0 : Math.min(before.done, from) - before.from
        standing.set(job, { done, from })
      } else before.done = done
      now = job
      waits = undefined
      sum()
      draw()
    },
    done(job, outcome) {
      const last = standing.get(job)
      if (last !== undefined) doneBytes += last.done - last.from
      standing.delete(job)
      tried.add(job)
      ends[outcome.did] += 1
      ends.bytes += outcome.moved
      if (!outcome.verified) ends.unverified += 1
      sum()
      if (
        !quiet &&
        (jobs.length <= MOST_TOLD || (outcome.did === 'moved' && !outcome.verified && ends.unverified === 1))
      )
        line(sentence(job, outcome), print)
    },
    failed(job, error) {
      standing.delete(job)
      tried.add(job)
      ends.failed += 1
      line(`${job.name}: ${error.message}`, complain)
    },
    lost(why, waitMs) {
      waits = 'waiting for the connection'
      if ((bar === undefined || jobs.length === 0) && !quiet)
        complain(`${why}; trying again in ${Math.ceil(waitMs / 100) / 10} s`)
      draw(true)
    },
    back() {
      waits = undefined
      if ((bar === undefined || jobs.length === 0) && !quiet) complain('Connected again')
    },
    tell: (text) => line(text, complain),
    over() {
      bar?.clear()
      if (quiet || jobs.length <= 1) return
      const took = showClock(clock.elapsed() - started)
      const ended = ends.moved + ends.same + ends.failed
      const parts = [
        ends.moved > 0 ? `${counted(ends.moved, 'file')}, ${showBytes(ends.bytes)} in ${took}` : '',
        ends.same > 0 ? `${counted(ends.same, 'file')} already there` : '',
        ends.failed > 0 ? `${ends.failed} failed` : '',
        leftOut > 0 ? `${leftOut} left out` : '',
        tried.size > ended ? `${tried.size - ended} interrupted` : '',
        jobs.length > tried.size ? `${jobs.length - tried.size} not tried` : '',
        ends.unverified > 0 ? `${ends.unverified} not verified` : '',
      ]
      print(parts.filter((part) => part !== '').join('; '))
    },
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function sentence(
  { verb, name, target }: Job,
  { did, size, md5, verified, unverified, resumedAt }: Outcome,
): string {
  const where = verb === 'put' ? 'at the server' : 'here'
  const proof = verified ? `MD5 ${md5}` : `not verified: ${unverified}`
  if (did === 'same') return `"${name}" is ${where} already with the same content (${proof})`
  const from = resumedAt === undefined ? '' : `, went on at ${showBytes(resumedAt)}`
  return `"${name}" -> "${target}", ${showBytes(size)}${from}, ${proof}`
}

/** For scripts: one JSON object a line. */
export function jsonReport({ clock, print }: ReportParts): Report {
  const started = clock.elapsed()
  const say = (event: string, fields: Readonly<Record<string, unknown>>): void =>
    print(JSON.stringify({ event, ms: Math.round(clock.elapsed() - started), ...fields }))
  let last = 0
  const named = ({ verb, name, target, size }: Job) => ({ verb, name, target, size })
  return {
    planned: (jobs) =>
      say('planned', { files: jobs.length, bytes: jobs.reduce((bytes, { size }) => bytes + size, 0) }),
    begun: (job) => say('begun', named(job)),
    progress(job, done, from) {
      if (done !== from && done < job.size && clock.elapsed() - last < JSON_EVERY_MS) return
      last = clock.elapsed()
      say('progress', { name: job.name, done, from, size: job.size })
    },
    done: (job, outcome) => say('done', { ...named(job), ...outcome }),
    failed: (job, error: OpError) =>
      say('failed', { ...named(job), code: error.code, message: error.message }),
    lost: (why, waitMs) => say('lost', { why, waitMs }),
    back: () => say('back', {}),
    tell: (text) => say('note', { text }),
    over() {},
  }
}

const JSON_EVERY_MS = 250
