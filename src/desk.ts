import { type FileHandle, open as openFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Guard } from './accounts/guard.ts'
import type { Desk, LiveTransfer } from './admin/desk.ts'
import type { Clock } from './base/clock.ts'
import { dayOf } from './base/daily-file.ts'
import { isOpError } from './base/error.ts'
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

/** Longest piece of the log that is read for its last lines, in bytes. */
const MOST_LOG = 4 * 1024 * 1024

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
      const lines = await lastLines(join(folder, 'log', `${dayOf(clock.now())}.log`))
      return lines.filter((line) => line !== '' && line.includes(filter)).slice(-count)
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

/** The end of a file as lines; none when there is no file yet. */
async function lastLines(file: string): Promise<readonly string[]> {
  let open: FileHandle
  try {
    open = await openFile(file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
  try {
    const { size } = await open.stat()
    const place = Buffer.alloc(Math.min(size, MOST_LOG))
    const { bytesRead } = await open.read(place, 0, place.length, size - place.length)
    const lines = place.toString('utf8', 0, bytesRead).split('\n')
    // The first is a piece of a line when the file was cut.
    return size > MOST_LOG ? lines.slice(1) : lines
  } finally {
    await open.close()
  }
}
