import { readdirSync, readFileSync } from 'node:fs'

/** Ticks a second of /proc/PID/stat (proc(5)); the same on every Linux that Node runs on. */
const TICKS = 100

/** CPU seconds so far, user and system, of a process, its descendants, and those of them that have ended. */
export function cpuSeconds(root: number): number {
  let ticks = 0
  // utime, stime, and of children that were waited for: cutime, cstime.
  for (const pid of treeOf(root)) for (const at of [11, 12, 13, 14]) ticks += Number(statOf(pid)?.[at] ?? 0)
  return ticks / TICKS
}

export interface Memory {
  /** MiB; a page that n processes share counts a nth for each. */
  readonly pss: number
  /** MiB that belong to no file. */
  readonly anonymous: number
}

export function memoryOf(root: number): Memory {
  let pss = 0
  let anonymous = 0
  for (const pid of treeOf(root)) {
    const text = read(`/proc/${pid}/smaps_rollup`) ?? ''
    pss += Number(/^Pss: +(\d+)/m.exec(text)?.[1] ?? 0)
    anonymous += Number(/^Anonymous: +(\d+)/m.exec(text)?.[1] ?? 0)
  }
  return { pss: pss / 1024, anonymous: anonymous / 1024 }
}

/** The process and its descendants, those that live. */
export function treeOf(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!(pid > 0)) continue
    const parent = Number(statOf(pid)?.[1])
    children.set(parent, [...(children.get(parent) ?? []), pid])
  }
  const tree: number[] = [root]
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []))
  return tree
}

/** The fields behind the name, from the state on. */
function statOf(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // It has ended.
    return undefined
  }
}
