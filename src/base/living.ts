import { readFileSync } from 'node:fs'

/** Which process: its number, when it started, and in which run of the machine. Tells it from a later one with its number. */
export interface ProcessMark {
  readonly pid: number
  /** In ticks since boot (proc(5)). */
  readonly start: string
  readonly boot: string
}

export function markOf(pid: number): ProcessMark {
  return { pid, start: startOf(pid), boot: bootId() }
}

export function isAlive({ pid, start, boot }: ProcessMark): boolean {
  return start !== '' && startOf(pid) === start && boot === bootId()
}

/** '' when it is gone. */
export function startOf(pid: number): string {
  const stat = textOf(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A process that was killed and whose parent has not looked yet runs no more.
  return fields[0] === 'Z' ? '' : (fields[19] ?? '')
}

/** The mark as one word, fit for the name of a file. */
export function processName({ pid, start, boot }: ProcessMark): string {
  return `${pid}_${start}_${boot}`
}

/** Whether the process of that name still runs. */
export function processLives(name: string): boolean {
  const [pid, start = '', boot = ''] = name.split('_')
  return isAlive({ pid: Number(pid), start, boot })
}

function bootId(): string {
  return textOf('/proc/sys/kernel/random/boot_id').trim()
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
