import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Guard } from './accounts/guard.ts'
import { neighbourhood } from './accounts/network.ts'
import type { Desk, LiveTransfer } from './admin/desk.ts'
import type { Clock } from './base/clock.ts'
import { dayOf } from './base/daily-file.ts'
import { isOpError } from './base/error.ts'
import { followDays, lastLines } from './base/tail.ts'
import type { Porch } from './ssh/server.ts'
import type { LiveTransfers, Transfer } from './transfer/live.ts'

export interface DeskParts {
  readonly folder: string
  readonly clock: Clock
  readonly guard: Guard
  readonly transfers: LiveTransfers
  readonly porch: () => Porch | undefined
  readonly drain: () => void
  readonly process: Pick<NodeJS.Process, 'pid' | 'version' | 'memoryUsage'>
  readonly version: string
}

/** What an admin can see of the server that runs. */
export function openDesk({
  folder,
  clock,
  guard,
  transfers,
  porch,
  drain,
  process,
  version,
}: DeskParts): Desk {
  const since = clock.now()
  const logOf = (time: number): string => join(folder, 'log', `${dayOf(time)}.log`)
  const lastOf = (count: number): number => (count === 0 ? Number.POSITIVE_INFINITY : -count)
  return {
    guard,
    drain,
    sessions: () =>
      Promise.all(
        (porch()?.sessions.list() ?? []).map(async ({ id, identity, origin, since: from, kinds }) => ({
          id,
          account: identity.account,
          address: origin.address,
          client: origin.client,
          kinds: kinds(),
          since: from,
          transfers: await Promise.all(
            transfers
              .of(identity.account)
              .filter(({ session }) => session.startsWith(`${id}.`))
              .map((transfer) => liveRow(transfer, clock.now())),
          ),
        })),
      ),
    end(id) {
      const found = porch()
        ?.sessions.list()
        .find((connection) => connection.id === id)
      found?.end()
      return found !== undefined
    },
    endFrom(address) {
      const found = (porch()?.sessions.list() ?? []).filter(
        ({ origin }) => neighbourhood(origin.address) === address,
      )
      for (const connection of found) connection.end()
      return found.length
    },
    async status() {
      const disk = await statfs(folder)
      const moved = transfers.total()
      const address = porch()?.address
      return {
        version,
        node: process.version,
        pid: process.pid,
        since,
        address: address === undefined ? '' : `${address.host}:${address.port}`,
        connections: porch()?.sessions.list().length ?? 0,
        received: moved.written,
        sent: moved.read,
        disk: { total: disk.blocks * disk.bsize, free: disk.bavail * disk.bsize },
        memory: process.memoryUsage().rss,
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

async function liveRow({ path, read, written, since, size }: Transfer, now: number): Promise<LiveTransfer> {
  const rate = ((read + written) * 1000) / Math.max(1, now - since)
  return { path, read, written, size: await sizeOrNone(size), rate }
}

/** Its file may be closed by the time it is asked. */
async function sizeOrNone(size: Transfer['size']): Promise<number | undefined> {
  try {
    return await size?.()
  } catch (error) {
    if (!isOpError(error)) throw error
    return undefined
  }
}
