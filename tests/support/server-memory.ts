import { readFileSync } from 'node:fs'

export const MIB = 1024 * 1024

/** The most a process' own memory was above what it is now, while `work` ran; in bytes. */
export async function growthOf(pid: number, work: () => Promise<unknown>): Promise<number> {
  const before = memoryOf(pid)
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, memoryOf(pid))
  }, 50)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return most - before
}

/** Anonymous memory that is in use, in bytes. */
export function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
}
