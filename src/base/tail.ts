import { type FileHandle, open as openFile } from 'node:fs/promises'
import type { Clock } from './clock.ts'

/** Longest piece of a file that is read for its last lines, in bytes. */
const MOST = 4 * 1024 * 1024
/** Longest piece that is read at a time of what was added. */
const MOST_ADDED = 256 * 1024
/** How often it is looked whether there is more. */
const LOOK_MS = 300

/** Whole lines, and where in the file they end. */
interface Lines {
  readonly lines: readonly string[]
  readonly end: number
}

/** The end of a file as lines; none when there is no file yet. A line that is still being written is left out. */
export async function lastLines(path: string): Promise<Lines> {
  await using file = await openOrNone(path)
  const { size } = (await file?.stat()) ?? { size: 0 }
  const from = Math.max(0, size - MOST)
  const { lines, end } = await linesFrom(file, from, MOST)
  // The first is a piece of a line when it was begun in the middle.
  return { lines: from > 0 ? lines.slice(1) : lines, end }
}

/** The last lines of today's file, then what is added to it and to those of the days after, until `stop` aborts. */
export async function* followDays({
  fileOf,
  clock,
  stop,
}: {
  /** The file of the day of a time. */
  readonly fileOf: (time: number) => string
  readonly clock: Pick<Clock, 'now' | 'sleep'>
  readonly stop: AbortSignal
}): AsyncGenerator<readonly string[]> {
  let path = fileOf(clock.now())
  let { lines, end } = await lastLines(path)
  yield lines
  while (!stop.aborted) {
    const today = fileOf(clock.now())
    const more = await added(path, end)
    ;({ lines, end } = more)
    if (lines.length > 0) yield lines
    else if (today !== path) [path, end] = [today, 0]
    else await clock.sleep(LOOK_MS, stop).catch(() => {}) // Whoever stops it wants no more.
  }
}

async function added(path: string, from: number): Promise<Lines> {
  await using file = await openOrNone(path)
  return await linesFrom(file, from, MOST_ADDED)
}

async function linesFrom(file: FileHandle | undefined, from: number, most: number): Promise<Lines> {
  const { size } = (await file?.stat()) ?? { size: 0 }
  // Another one has its name now.
  if (size < from) return linesFrom(file, 0, most)
  if (file === undefined || size === from) return { lines: [], end: from }
  const place = Buffer.alloc(Math.min(size - from, most))
  const { bytesRead } = await file.read(place, 0, place.length, from)
  const read = place.subarray(0, bytesRead)
  const whole = read.lastIndexOf('\n') + 1
  // Longer than all that is read at a time: nothing of ours.
  const end = whole === 0 && bytesRead === most ? bytesRead : whole
  return {
    lines: read
      .toString('utf8', 0, end)
      .split('\n')
      .filter((line) => line !== ''),
    end: from + end,
  }
}

async function openOrNone(path: string): Promise<FileHandle | undefined> {
  try {
    return await openFile(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
