import { cpuSeconds, treeOf } from './process.ts'
import { type Server, sleep } from './servers.ts'

/** What one measurement gave, by name: `wall` and `cpu` in seconds, and what else the row looks at. */
export type Figures = Readonly<Record<string, number>>

/** For each label of a server, its figures in the order of the rounds. */
export type Measured = Readonly<Record<string, readonly Figures[]>>

/**
 * Every server in every round, in an order that turns, so that what else the machine does meets all alike. One that fails
 * is left out, where `without` (which is told why) can do without it.
 */
export async function rounds(
  servers: readonly Server[],
  count: number,
  measure: (server: Server, round: number) => Promise<Figures>,
  without: (server: Server, error: unknown) => boolean = () => false,
): Promise<Measured> {
  const measured: Record<string, Figures[]> = Object.fromEntries(servers.map(({ label }) => [label, []]))
  for (let round = 0; round < count; round++) {
    for (let i = 0; i < servers.length; i++) {
      const server = servers[(i + round) % servers.length]!
      const figures = measured[server.label]
      try {
        figures?.push(await measure(server, round))
      } catch (error) {
        if (!without(server, error)) throw error
        delete measured[server.label]
      }
    }
  }
  return measured
}

/** Wall and server CPU of some work. What the server still does when the client is done counts. */
export async function timed(server: Server, work: () => Promise<void>): Promise<Figures> {
  const processes = treeOf(server.pid).length
  const cpu = cpuSeconds(server.pid)
  const begin = performance.now()
  await work()
  const wall = (performance.now() - begin) / 1000
  await settled(server, processes)
  return { wall, cpu: cpuSeconds(server.pid) - cpu }
}

/** Waits until the processes made for a client have ended, and so have told what they used. */
async function settled(server: Server, processes: number): Promise<void> {
  for (let i = 0; i < 100 && treeOf(server.pid).length > processes; i++) await sleep(20)
}

export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
  return { median, least: sorted[0] ?? NaN, most: sorted.at(-1) ?? NaN }
}

/** A figure of one server by that of another in the same round. */
export function ratio(measured: Measured, label: string, to: string, figure: string): Spread {
  const base = measured[to] ?? []
  return spread((measured[label] ?? []).map((one, round) => one[figure]! / base[round]![figure]!))
}
