import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { isOpError } from '../base/error.ts'

const PAGE = 4096
/** What SQLite's log grows to before it is written again from its beginning (1,000 pages), and a little more; less is enough where there is no more. */
const LOG_PAGES = [1_100, 1_030] as const
/** That log, its index, and the first lines of what is written at a start. */
const LEFT_BYTES = 1_200 * PAGE

/**
 * Takes room in the database and its log, where the disk has it: when the disk is full later, people are still served, and
 * can make room. Asked once at each start, for the log is made anew then.
 */
export function keepRoom(database: DatabaseSync): void {
  database.exec('CREATE TABLE IF NOT EXISTS room (bytes BLOB)')
  for (const pages of LOG_PAGES) {
    try {
      database.exec(`INSERT INTO room VALUES (zeroblob(${pages * PAGE}))`)
      database.exec('DELETE FROM room; PRAGMA wal_checkpoint(RESTART)')
      return
    } catch (error) {
      if (!isOpError(error, 'ENOSPC')) throw error
      // What the log took of the rest is given back; when nothing can be kept, nothing is.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    }
  }
}

/**
 * A closed database has no log: its room is left to a file until the next start, which would have none on a disk that is
 * full by then. As much as there is. To be done under the lock, as is `takeRoom`.
 */
export function leaveRoom(folder: string): void {
  try {
    writeFileSync(fileIn(folder), Buffer.alloc(LEFT_BYTES), { mode: 0o600 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && FULL.has(error.code))) throw error
  }
}

/** Before the first byte is written in `folder`. */
export function takeRoom(folder: string): void {
  rmSync(fileIn(folder), { force: true })
}

const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT'])

function fileIn(folder: string): string {
  return join(folder, 'data', 'room')
}
