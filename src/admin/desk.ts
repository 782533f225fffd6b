import type { Guard } from '../accounts/guard.ts'
import type { Awaitable } from '../base/awaitable.ts'
import type { Transfer } from '../transfer/live.ts'

/** A connection that is logged in, as an admin sees it. */
export interface LiveRow {
  readonly id: string
  readonly account: string
  readonly address: string
  readonly client: string
  /** 'subsystem sftp', 'shell', 'exec' of what is open. */
  readonly kinds: readonly string[]
  /** ms since 1970. */
  readonly since: number
  readonly transfers: readonly LiveTransfer[]
}

export interface LiveTransfer {
  /** A byte string. */
  readonly path: Transfer['path']
  /** Bytes so far. */
  readonly read: number
  readonly written: number
  /** Bytes of a file that is read; of one that is written nobody knows. */
  readonly size: number | undefined
  /** Bytes a second since it began. */
  readonly rate: number
}

export interface ServerStatus {
  readonly version: string
  readonly node: string
  readonly pid: number
  /** ms since 1970. */
  readonly since: number
  readonly address: string
  readonly connections: number
  /** Bytes since the start. */
  readonly received: number
  readonly sent: number
  /** Of the disk with the homes, in bytes. */
  readonly disk: { readonly total: number; readonly free: number }
  /** Of all its processes, in bytes. */
  readonly memory: number
  /** How many processes serve, if it is not one alone. */
  readonly workers?: number
}

/** What an admin can see and do of the server that runs. */
export interface Desk {
  sessions(): Promise<readonly LiveRow[]>
  /** Whether there was one. */
  end(id: string): Awaitable<boolean>
  readonly guard: Guard
  status(): Promise<ServerStatus>
  /** Stops the server as SIGTERM does. */
  drain(): Awaitable<void>
  /** Ends the connections from an address or network, as bans name them; how many. */
  endFrom(address: string): Awaitable<number>
  /** Starts its processes anew, one after the other. ENOTSUP when it is one alone. */
  restart(): Awaitable<void>
  /** The last lines of today's log that hold `filter`, oldest first. */
  logLines(count: number, filter?: string): Promise<readonly string[]>
  /** These, and what comes after them until `stop` aborts, some lines at a time. */
  followLog(count: number, filter: string, stop: AbortSignal): AsyncIterable<readonly string[]>
}
