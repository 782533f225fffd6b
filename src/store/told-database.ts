import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { OpError } from '../base/error.ts'

/** SQLITE_FULL, SQLITE_IOERR_SHMSIZE (sqlite.org/rescode.html): its log, or the index of it, cannot grow. */
const FULL: ReadonlySet<unknown> = new Set([13, 4874])

/** The database; that its disk is full is said as of any other disk: ENOSPC, and nothing is changed then. */
export class ToldDatabase extends DatabaseSync {
  override exec(sql: string): void {
    told(() => super.exec(sql))
  }

  override prepare(sql: string): StatementSync {
    const statement = told(() => super.prepare(sql))
    const { run, all } = statement
    return Object.assign(statement, {
      run: (...values: Parameters<typeof run>) => told(() => run.apply(statement, values)),
      // SQLite's own ends after the first row, and says nothing of a commit that fails then.
      get: (...values: Parameters<typeof all>) => told(() => all.apply(statement, values)[0]),
      all: (...values: Parameters<typeof all>) => told(() => all.apply(statement, values)),
    })
  }
}

function told<T>(act: () => T): T {
  try {
    return act()
  } catch (cause) {
    if (!(cause instanceof Error && 'errcode' in cause && FULL.has(cause.errcode))) throw cause
    throw new OpError('ENOSPC', "The server's disk is full: try again when there is room", { cause })
  }
}
