import { fstatSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import sonic from 'sonic-boom'
import type { Clock } from './clock.ts'

/** A file a day in a folder, `YYYY-MM-DD.log` by local time; a new one from local midnight on. */
export interface DailyFile extends AsyncDisposable {
  /** `line` is put into words when it is written out. Nothing any more once it is disposed. */
  write(line: () => string): void
  /** What is gathered is with the system when it returns: for a process that ends at once. */
  flush(): void
}

/** Lines that a full disk keeps from being written are held up to this many bytes, then dropped. */
const MOST_HELD = 4 * 1024 * 1024

export interface DailyFileRules {
  /** Older files are removed at each new one. */
  readonly keepDays: number
  /** A line is with the system before `write` returns: for what must be there before it is answered. */
  readonly sync?: boolean
}

/**
 * Lines are gathered for so long, or up to so many, put into words one after another, and written in one call: a thread's
 * trip for each cost a tenth of an upload of small files, and words amid other work another tenth. What a killed process had
 * gathered is lost; what must not be is written with `sync`.
 */
const GATHER_MS = 50
const GATHER_MOST = 128

/** How long ago the server wrote a file, at most, that shows that the clock is right. */
const PROOF_DAYS = 31
const DAY_MS = 86_400_000

/** How long after a new file could not be made it is tried again. */
const RETRY_MS = 60_000

/**
 * `rules` may change meanwhile. `onError` hears what the disk says; nothing is thrown at writers. While a day's file
 * cannot be made, its lines go to the last one that could. EACCES and its kin when there is none at all.
 */
export function openDailyFile(
  folder: string,
  rules: DailyFileRules,
  clock: Clock,
  onError: (error: Error) => void,
): DailyFile {
  let day = dayOf(clock.now())
  let look = nextMidnight(clock.now())
  let last = clock.now()
  let lookForName = Number.NEGATIVE_INFINITY
  let { sink, fd } = openSink(join(folder, `${day}.log`), rules, onError)
  let gathered: (() => string)[] = []
  let timer: NodeJS.Timeout | undefined
  let over = false
  /** Of earlier days, not written out yet. */
  const ending = new Set<Promise<void>>()
  removeOld(folder, rules.keepDays, clock, onError)

  function turnTo(today: string): void {
    try {
      const next = openSink(join(folder, `${today}.log`), rules, onError)
      end()
      ;({ sink, fd } = next)
      day = today
    } catch (error) {
      if (error instanceof Error) onError(error)
      look = lookForName = clock.now() + RETRY_MS
    }
    removeOld(folder, rules.keepDays, clock, onError)
  }

  function writeOut(): void {
    clearTimeout(timer)
    timer = undefined
    if (gathered.length === 0) return
    const lines = words()
    // Whoever moved it away, or removed it, means the next lines to be in a new one.
    if (clock.now() >= lookForName && !isNamed(fd, join(folder, `${day}.log`))) turnTo(day)
    sink.write(lines)
  }

  function words(): string {
    const lines = gathered
    gathered = []
    return lines.map((line) => line()).join('')
  }

  function end(): void {
    writeOut()
    const ended = endOf(sink)
    ending.add(ended)
    ended.then(() => ending.delete(ended))
  }

  return {
    write(line) {
      if (over) return
      const now = clock.now()
      if (now >= look || now < last) {
        look = nextMidnight(now)
        const today = dayOf(now)
        if (today !== day) turnTo(today)
      }
      last = now
      gathered.push(line)
      if (rules.sync || gathered.length >= GATHER_MOST) writeOut()
      else timer ??= setTimeout(writeOut, GATHER_MS)
    },
    flush() {
      if (over || gathered.length === 0) return
      clearTimeout(timer)
      timer = undefined
      try {
        // SonicBoom's flushSync never comes back from a full disk, and leaves what a thread has.
        writeSync(fd, words())
      } catch (error) {
        if (error instanceof Error) onError(error)
      }
    },
    async [Symbol.asyncDispose]() {
      if (!over) end()
      over = true
      await Promise.all(ending)
    },
  }
}

function openSink(
  path: string,
  { sync = false }: DailyFileRules,
  onError: (error: Error) => void,
): { readonly sink: sonic.SonicBoom; readonly fd: number } {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const fd = openSync(path, 'a', 0o600)
  const sink = new sonic.SonicBoom({ fd, maxLength: MOST_HELD, sync })
  sink.on('error', onError)
  sink.on('drop', () => {})
  return { sink, fd }
}

/** Whether an open file is the one that has this name. */
function isNamed(fd: number, path: string): boolean {
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    return found !== undefined && found.ino === fstatSync(fd).ino
  } catch {
    // It cannot be looked for: the one that is open is gone on with.
    return true
  }
}

/** Writes what is held and closes; a disk that still fails gets no second chance. */
function endOf(sink: sonic.SonicBoom): Promise<void> {
  return new Promise((resolve) => {
    sink.once('close', () => resolve())
    sink.once('error', () => sink.destroy())
    sink.end()
  })
}

/** Local date, as files are named. */
export function dayOf(ms: number): string {
  const date = new Date(ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

function nextMidnight(ms: number): number {
  const date = new Date(ms)
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime()
}

/** Only where there is another file of these days: a clock that was set years ahead would make all of them old at once. */
function removeOld(folder: string, keepDays: number, clock: Clock, onError: (error: Error) => void): void {
  const daysAgo = (days: number): string => `${dayOf(clock.now() - days * DAY_MS)}.log`
  const oldest = daysAgo(keepDays)
  const [today, lately] = [daysAgo(0), daysAgo(Math.max(keepDays, PROOF_DAYS))]
  try {
    const names = readdirSync(folder).filter((name) => /^\d{4}-\d\d-\d\d\.log$/.test(name))
    if (!names.some((name) => name >= lately && name < today)) return
    for (const name of names) if (name < oldest) rmSync(join(folder, name))
  } catch (error) {
    if (error instanceof Error) onError(error)
  }
}
