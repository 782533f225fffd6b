import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Guard } from './accounts/guard.ts'
import type { Desk } from './admin/desk.ts'
import type { Clock } from './base/clock.ts'
import { dayOf } from './base/daily-file.ts'
import { followDays, lastLines } from './base/tail.ts'
import type { Place } from './place.ts'

export interface DeskParts {
  readonly folder: string
  readonly clock: Clock
  readonly guard: Guard
  /** What each process of the server serves now. */
  readonly places: () => Promise<readonly Place[]>
  /** Ends a connection, in whatever process it is. Whether there was one. */
  readonly end: Desk['end']
  readonly endFrom: Desk['endFrom']
  readonly drain: Desk['drain']
  readonly restart: Desk['restart']
  readonly process: Pick<NodeJS.Process, 'pid' | 'version'>
  readonly version: string
}

/** What an admin can see of the server that runs. */
export function openDesk({ folder, clock, places, process, version, ...does }: DeskParts): Desk {
  const since = clock.now()
  const logOf = (time: number): string => join(folder, 'log', `${dayOf(time)}.log`)
  const lastOf = (count: number): number => (count === 0 ? Number.POSITIVE_INFINITY : -count)
  return {
    guard: does.guard,
    drain: does.drain,
    restart: does.restart,
    end: does.end,
    async sessions() {
      const all = await places()
      const transfers = all.flatMap((place) => place.transfers)
      return all
        .flatMap(({ connections }) => connections)
        .map((connection) => ({
          ...connection,
          transfers: transfers
            .filter(({ session }) => session.startsWith(`${connection.id}.`))
            .map(({ session, ...transfer }) => transfer),
        }))
    },
    endFrom: does.endFrom,
    async status() {
      const [disk, all] = await Promise.all([statfs(folder), places()])
      const serving = all.filter(({ address }) => address !== '')
      const sum = (of: (place: Place) => number): number => all.reduce((total, place) => total + of(place), 0)
      return {
        version,
        node: process.version,
        pid: process.pid,
        since,
        address: serving[0]?.address ?? '',
        connections: sum(({ connections }) => connections.length),
        received: sum(({ received }) => received),
        sent: sum(({ sent }) => sent),
        disk: { total: disk.blocks * disk.bsize, free: disk.bavail * disk.bsize },
        memory: sum(({ memory }) => memory),
        ...(serving.length > 1 ? { workers: serving.length } : {}),
      }
    },
    async logLines(count, filter = '') {
      const { lines } = await lastLines(logOf(clock.now()))
      return lines.filter((line) => line.includes(filter)).slice(lastOf(count))
    },
    async *followLog(count, filter, stop) {
      let first = true
      for await (const lines of followDays({ fileOf: logOf, clock, stop })) {
        const wanted = lines.filter((line) => line.includes(filter))
        yield first ? wanted.slice(lastOf(count)) : wanted
        first = false
      }
    },
  }
}
