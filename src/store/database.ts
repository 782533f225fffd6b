import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { isOpError, OpError } from '../base/error.ts'
import { ToldDatabase } from './told-database.ts'

/** Opens the one database that accounts, ledger and uploads share. EIO when it is no database or cannot be read, EBUSY when it is held, ENOSPC. */
export function openDatabase(file: string): DatabaseSync {
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    const database = new ToldDatabase(file, { timeout: 5_000 })
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON')
    const { quick_check: check } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
    if (check !== 'ok') throw new Error(check)
    return database
  } catch (cause) {
    if (isOpError(cause)) throw cause
    if (isHeld(cause)) {
      throw new OpError(
        'EBUSY',
        `The database "${file}" is held by another program: end that (a backup, an sqlite3 shell), then start again`,
        { cause },
      )
    }
    throw new OpError(
      'EIO',
      `The database "${file}" cannot be used: put a backup of it in its place, or move it away to start with new accounts`,
      { cause },
    )
  }
}

/** SQLITE_BUSY and SQLITE_LOCKED (sqlite.org/rescode.html), as node:sqlite tells them. */
function isHeld(cause: unknown): boolean {
  const code = cause instanceof Error && 'errcode' in cause ? Number(cause.errcode) & 0xff : 0
  return code === 5 || code === 6
}
