import { openSync, readSync } from 'node:fs'

/** Of the thread that opens it first: this one. Undefined where the kernel does not tell. */
let schedstat: number | undefined | false = false
const text = Buffer.alloc(64)

/**
 * For how long this thread was ready to run while the processors were busy with others, in ms since it began: the second number
 * of Linux' /proc/thread-self/schedstat (Documentation/scheduler/sched-stats). 0 where the kernel does not tell. For differences.
 */
export function runDelay(): number {
  if (schedstat === false) schedstat = opened()
  if (schedstat === undefined) return 0
  const length = readSync(schedstat, text, 0, text.length, 0)
  return Number(text.toString('latin1', 0, length).split(' ')[1] ?? 0) / 1e6
}

function opened(): number | undefined {
  try {
    return openSync('/proc/thread-self/schedstat', 'r')
  } catch {
    // Another kernel, or one without it: then nothing is known of others.
    return undefined
  }
}
