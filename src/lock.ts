import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { OpError } from './base/error.ts'
import { startOf } from './base/living.ts'
import { putText, textIn } from './base/small-file.ts'
import { cannotUse } from './store/database.ts'
import { takeRoom } from './store/room.ts'
import { ToldDatabase } from './store/told-database.ts'

/** How long one waits for another that is just beginning or ending, in ms. */
const PATIENCE_MS = 5_000

/**
 * One server a VAR: SQLite holds a lock of the kernel for as long as this is not disposed of, which goes with its process
 * however that ends, and which a process in another container sees, too. `VAR/lock` only says who has it, by a number that
 * means nothing there. EBUSY.
 */
export function takeLock(folder: string, patienceMs = PATIENCE_MS): Disposable {
  const file = join(folder, 'lock')
  mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 })
  const held = heldAlone(folder, file, patienceMs)
  const mine = `${process.pid} ${startOf(process.pid)}\n`
  try {
    // Of an older version, which held nothing but its file.
    refuseBeside(folder, file)
    takeRoom(folder)
    putText(file, mine)
  } catch (error) {
    held.close()
    throw error
  }
  return {
    [Symbol.dispose]() {
      if (textIn(file) === mine) rmSync(file, { force: true })
      held.close()
    },
  }
}

/** EBUSY when a server says in `file` that it has the lock. */
function refuseBeside(folder: string, file: string): void {
  const holder = holderOf(file)
  if (holder === undefined) return
  throw new OpError(
    'EBUSY',
    `Another server (process ${holder}) uses "${folder}": stop it first, or give this one a folder of its own with --var`,
  )
}

function heldAlone(folder: string, file: string, patienceMs: number): ToldDatabase {
  const database = join(folder, 'data', 'lock.sqlite')
  const tries = [() => exclusive(database, 0), () => exclusive(database, patienceMs)]
  for (const attempt of tries) {
    try {
      return attempt()
    } catch (cause) {
      const error = cannotUse(database, 'remove it, and start again', cause)
      if (error.code !== 'EBUSY') throw error
      refuseBeside(folder, file)
    }
  }
  throw new OpError(
    'EBUSY',
    `"${database}" is held by a server in another container or on another machine, or by a backup: end that first, or give this server a folder of its own with --var`,
  )
}

function exclusive(file: string, timeout: number): ToldDatabase {
  const database = new ToldDatabase(file, { timeout })
  try {
    // Nothing is ever written to it: a full disk must not keep it from being locked.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** The process that has the lock, if it still runs. */
function holderOf(file: string): string | undefined {
  const [pid, start] = textIn(file).trim().split(' ')
  return pid !== undefined && start !== undefined && startOf(Number(pid)) === start ? pid : undefined
}
