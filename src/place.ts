import { neighbourhood } from './accounts/network.ts'
import type { LiveRow, LiveTransfer } from './admin/desk.ts'
import { isOpError } from './base/error.ts'
import type { Porch } from './ssh/server.ts'
import type { LiveTransfers, Transfer } from './transfer/live.ts'

/** What one process of the server serves now; plain JSON values. */
export interface Place {
  readonly connections: readonly Omit<LiveRow, 'transfers'>[]
  readonly transfers: readonly (LiveTransfer & { readonly session: string })[]
  /** Where it listens; '' when it does not. */
  readonly address: string
  /** Bytes since its start. */
  readonly received: number
  readonly sent: number
  readonly memory: number
}

export interface PlaceParts {
  readonly transfers: LiveTransfers
  readonly porch: () => Porch | undefined
  readonly now: () => number
  readonly process: Pick<NodeJS.Process, 'memoryUsage'>
}

export async function lookAround({ transfers, porch, now, process }: PlaceParts): Promise<Place> {
  const listening = porch()
  const moved = transfers.total()
  return {
    connections: (listening?.sessions.list() ?? []).map(({ id, identity, origin, since, kinds }) => ({
      id,
      account: identity.account,
      address: origin.address,
      client: origin.client,
      kinds: kinds(),
      since,
    })),
    transfers: await Promise.all(transfers.all().map((transfer) => liveRow(transfer, now()))),
    address: listening === undefined ? '' : `${listening.address.host}:${listening.address.port}`,
    received: moved.written,
    sent: moved.read,
    memory: process.memoryUsage().rss,
  }
}

/** Those from an address or network, as bans name them; how many. */
export function endConnectionsFrom(porch: Porch | undefined, address: string): number {
  const found = (porch?.sessions.list() ?? []).filter(
    ({ origin }) => neighbourhood(origin.address) === address,
  )
  for (const connection of found) connection.end('An admin has banned your address')
  return found.length
}

/** Whether there was one. */
export function endConnection(porch: Porch | undefined, id: string): boolean {
  const found = porch?.sessions.list().find((connection) => connection.id === id)
  found?.end('An admin has ended your session')
  return found !== undefined
}

async function liveRow(
  { session, path, read, written, since, size }: Transfer,
  now: number,
): Promise<LiveTransfer & { readonly session: string }> {
  const rate = ((read + written) * 1000) / Math.max(1, now - since)
  return { session, path, read, written, size: await sizeOrNone(size), rate }
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
