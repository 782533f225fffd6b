import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { isOpError, OpError } from '../base/error.ts'
import { ToldDatabase } from './told-database.ts'

/** Opens the one database that accounts, ledger and uploads share. EIO when it is no database, EACCES when it cannot be written, EBUSY when it is held, ENOSPC. */
export function openDatabase(file: string): DatabaseSync {
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    const database = new ToldDatabase(file, { timeout: 5_000 })
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON')
    // Written to, for one that can only be read opens all the same.
    database.exec('PRAGMA user_version = 0')
    const { quick_check: check } = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }
    if (check !== 'ok') throw new Error(check)
    return database
  } catch (cause) {
    throw cannotUse(
      file,
      'put a backup of it in its place, or move it away to start with new accounts',
      cause,
    )
  }
}

/** Why a database cannot be used; `way`: what to do when it is damaged. */
export function cannotUse(file: string, way: string, cause: unknown): OpError {
  if (isOpError(cause, 'ENOSPC')) {
    return new OpError(
      'ENOSPC',
      `The database "${file}" cannot be opened: its disk is full: make room there`,
      {
        cause,
      },
    )
  }
  if (isOpError(cause)) return cause
  const code = cause instanceof Error && 'errcode' in cause ? Number(cause.errcode) & 0xff : 0
  if (HELD.has(code)) {
    return new OpError(
      'EBUSY',
      `The database "${file}" is held by another program: end that (a backup, an sqlite3 shell), then start again`,
      { cause },
    )
  }
  if (CLOSED.has(code)) {
    return new OpError(
      'EACCES',
      `The database "${file}" cannot be opened to be written: give it and its folder to the user that runs the server, on a disk that takes writes`,
      { cause },
    )
  }
  return new OpError('EIO', `The database "${file}" cannot be used: ${way}`, { cause })
}

/** SQLITE_BUSY and SQLITE_LOCKED (sqlite.org/rescode.html), as node:sqlite tells them. */
const HELD: ReadonlySet<number> = new Set([5, 6])
/** SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN. */
const CLOSED: ReadonlySet<number> = new Set([3, 8, 14])
