import { readFileSync } from 'node:fs'

/** Descriptors that this process may have open (RLIMIT_NOFILE); Infinity where the system does not say. */
export function descriptorLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1')
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/**
 * The number from which on a descriptor is one of the reserve: `reserve` of them, or a quarter of a small `limit`.
 * The kernel gives the lowest number that is free, so one that is opened and is this high says that all below are
 * taken: nothing has to be counted.
 */
export function firstOfReserve(limit: number, reserve: number): number {
  return limit - Math.min(reserve, Math.floor(limit / 4))
}
