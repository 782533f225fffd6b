import type { DatabaseSync } from 'node:sqlite'
import type { ProcessMark } from '../base/living.ts'
import type { Around, Found, Held, Need, QuotaLedger, Share, ShareState } from '../quota/ledger.ts'

export interface LedgerParts {
  readonly database: DatabaseSync
  /** This process. */
  readonly self: ProcessMark
  readonly isAlive: (mark: ProcessMark) => boolean
}

const TABLES = `
  CREATE TABLE IF NOT EXISTS quota_process (
    process INTEGER PRIMARY KEY AUTOINCREMENT, pid INTEGER NOT NULL, start TEXT NOT NULL, boot TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS quota_account (
    account TEXT PRIMARY KEY, byte_limit INTEGER, file_limit INTEGER,
    used INTEGER NOT NULL DEFAULT 0, files INTEGER NOT NULL DEFAULT 0,
    known INTEGER NOT NULL DEFAULT 0, counts INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS quota_share (
    share INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT NOT NULL, process INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0, reserved INTEGER NOT NULL DEFAULT 0, files INTEGER NOT NULL DEFAULT 0,
    unseen INTEGER NOT NULL DEFAULT 0, held_bytes INTEGER NOT NULL DEFAULT 0, held_files INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE IF NOT EXISTS quota_place (account TEXT PRIMARY KEY, place TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS quota_share_account ON quota_share (account);`

/** What everybody but :share has taken of :account. */
const AROUND = `
  SELECT a.byte_limit, a.file_limit, a.used + total(s.used) AS used, total(s.reserved) AS reserved, a.files + total(s.files) AS files,
    a.used + total(s.held_bytes) AS held_bytes, a.files + total(s.held_files) AS held_files
  FROM quota_account a LEFT JOIN quota_share s ON s.account = a.account AND s.share <> :share
  WHERE a.account = :account GROUP BY a.account`

/** SQLite numbers them from 1 on. */
const NO_SHARE = 0

/** The one step in which a share grows: only if all that is held fits then. */
const LEASE = `
  UPDATE quota_share SET used = :used, reserved = :reserved, files = :files, unseen = :unseen,
    held_bytes = :heldBytes + :bytes + CASE
      WHEN :bytes = 0 THEN 0 ELSE CAST(min(:slackBytes, ifnull(room.bytes / 8, :slackBytes)) AS INTEGER) END,
    held_files = :heldFiles + :more + CASE
      WHEN :more = 0 THEN 0 ELSE CAST(min(:slackFiles, ifnull(room.files / 8, :slackFiles)) AS INTEGER) END
  FROM (SELECT byte_limit - held_bytes - :heldBytes - :bytes AS bytes, file_limit - held_files - :heldFiles - :more AS files
    FROM (${AROUND})) AS room
  WHERE share = :share AND (:bytes = 0 OR ifnull(room.bytes >= 0, 1)) AND (:more = 0 OR ifnull(room.files >= 0, 1))
  RETURNING held_bytes AS heldBytes, held_files AS heldFiles`

const REPORT = `
  UPDATE quota_share SET used = :used, reserved = :reserved, files = :files, unseen = :unseen,
    held_bytes = :heldBytes, held_files = :heldFiles WHERE share = :share`

/**
 * The ledger in the one SQLite database. Each process has a row of its own (its number is its epoch) and a row for
 * each account it serves, with what it holds; an account's own row has what was counted. Rows of a process that is gone are
 * found by its mark, and the account is counted again.
 */
export function sqlLedger({ database, self, isAlive }: LedgerParts): QuotaLedger {
  database.exec(TABLES)
  const process = enter()
  const addAccount = database.prepare('INSERT INTO quota_account (account) VALUES (?) ON CONFLICT DO NOTHING')
  const addShare = database.prepare(
    'INSERT INTO quota_share (account, process) VALUES (?, ?) RETURNING share',
  )
  const around = database.prepare(AROUND)
  const lease = database.prepare(LEASE)
  const report = database.prepare(REPORT)
  const removeShare = database.prepare('DELETE FROM quota_share WHERE share = ?')
  const add = database.prepare(
    'UPDATE quota_account SET used = used + ?, files = files + ? WHERE account = ?',
  )
  const setLimits = database.prepare(
    `INSERT INTO quota_account (account, byte_limit, file_limit) VALUES (:account, :bytes, :files)
     ON CONFLICT (account) DO UPDATE SET byte_limit = :bytes, file_limit = :files`,
  )
  const removeAccount = database.prepare('DELETE FROM quota_account WHERE account = ?')
  const removeShares = database.prepare('DELETE FROM quota_share WHERE account = ?')
  const unknown = database.prepare('UPDATE quota_account SET known = 0 WHERE account = ?')
  const place = database.prepare('SELECT place FROM quota_place WHERE account = ?')
  const setPlace = database.prepare('INSERT OR REPLACE INTO quota_place VALUES (?, ?)')
  const removePlace = database.prepare('DELETE FROM quota_place WHERE account = ?')
  const counts = database.prepare('SELECT known, counts FROM quota_account WHERE account = ?')
  const holders = database.prepare(
    `SELECT s.share, p.pid, p.start, p.boot FROM quota_share s LEFT JOIN quota_process p USING (process)
     WHERE s.account = ? AND s.process <> ?`,
  )
  const set = database.prepare(
    `UPDATE quota_account SET known = 1, counts = counts + 1,
       used = :bytes - (SELECT ifnull(sum(used - unseen), 0) FROM quota_share WHERE account = :account),
       files = :files - (SELECT ifnull(sum(files), 0) FROM quota_share WHERE account = :account)
     WHERE account = :account AND counts = :last`,
  )

  /** Durable before anything is done: after a power cut all accounts must be counted, whatever else was lost. */
  function enter(): number {
    return inOneStep(
      database,
      () => {
        const gone = processes(database).filter(({ mark }) => !isAlive(mark))
        for (const { process, mark } of gone) {
          if (mark.boot === self.boot) continue
          database.exec('UPDATE quota_account SET known = 0')
          database.prepare('DELETE FROM quota_share WHERE process = ?').run(process)
        }
        const forget = database.prepare(
          'DELETE FROM quota_process WHERE process = ? AND process NOT IN (SELECT process FROM quota_share)',
        )
        for (const { process } of gone) forget.run(process)
        const row = database
          .prepare('INSERT INTO quota_process (pid, start, boot) VALUES (?, ?, ?) RETURNING process')
          .get(self.pid, self.start, self.boot) as { process: number }
        return row.process
      },
      'FULL',
    )
  }

  /** Shares of processes that are gone. */
  function deadShares(account: string): readonly number[] {
    const rows = holders.all(account, process) as unknown as (ProcessMark & { share: number })[]
    return rows.filter((row) => row.pid === null || !isAlive(row)).map((row) => row.share)
  }

  function shareOf(account: string, share: number): Share {
    return {
      immediate: true,
      lease: (state, { bytes, files, slack }: Need) =>
        lease.get({
          ...state,
          account,
          share,
          bytes,
          more: files,
          slackBytes: slack.bytes,
          slackFiles: slack.files,
        }) as Held | undefined,
      report: (state) => void report.run({ ...state, share }),
      around: () => aroundOf(around.get({ account, share })),
      fold: ({ used, files }: ShareState) =>
        inOneStep(database, () => {
          if (removeShare.run(share).changes === 1) add.run(used, files, account)
        }),
    }
  }

  return {
    open(account) {
      addAccount.run(account)
      const { share } = addShare.get(account, process) as { share: number }
      return shareOf(account, share)
    },
    noted(account) {
      const all = aroundOf(around.get({ account, share: NO_SHARE }))
      const { limits, used, reserved, files } = all
      return { limit: limits.bytes, used, reserved, files, fileLimit: limits.files }
    },
    setLimits: (account, { bytes, files }) => void setLimits.run({ account, bytes, files }),
    remove: (account) =>
      inOneStep(database, () => {
        removeShares.run(account)
        removeAccount.run(account)
        removePlace.run(account)
      }),
    uncounted(account) {
      const row = counts.get(account) as { known: number; counts: number } | undefined
      if (row === undefined) return undefined
      return row.known === 0 || deadShares(account).length > 0 ? row.counts : undefined
    },
    isAt(account, found) {
      if ((place.get(account) as { place: string } | undefined)?.place === found) return true
      inOneStep(database, () => {
        setPlace.run(account, found)
        unknown.run(account)
      })
      return false
    },
    doubt: (account) => void unknown.run(account),
    count: (account, last, { bytes, files }: Found) =>
      inOneStep(database, () => {
        const row = counts.get(account) as { counts: number } | undefined
        if (row?.counts !== last) return false
        for (const share of deadShares(account)) removeShare.run(share)
        return set.run({ account, last, bytes, files }).changes === 1
      }),
    async [Symbol.asyncDispose]() {
      database
        .prepare(
          'DELETE FROM quota_process WHERE process = ? AND process NOT IN (SELECT process FROM quota_share)',
        )
        .run(process)
    },
  }
}

function processes(
  database: DatabaseSync,
): readonly { readonly process: number; readonly mark: ProcessMark }[] {
  const rows = database.prepare('SELECT process, pid, start, boot FROM quota_process').all()
  return (rows as unknown as ({ process: number } & ProcessMark)[]).map(({ process, ...mark }) => ({
    process,
    mark,
  }))
}

/** Nobody deleted meanwhile: without limits and with nothing. */
function aroundOf(row: Record<string, unknown> | undefined): Around {
  const number = (name: string): number => Number(row?.[name] ?? 0)
  const limit = (name: string): number | null => (row?.[name] as number | null | undefined) ?? null
  return {
    limits: { bytes: limit('byte_limit'), files: limit('file_limit') },
    used: number('used'),
    reserved: number('reserved'),
    files: number('files'),
    heldBytes: number('held_bytes'),
    heldFiles: number('held_files'),
  }
}

function inOneStep<T>(database: DatabaseSync, work: () => T, durable: 'FULL' | 'NORMAL' = 'NORMAL'): T {
  if (durable === 'FULL') database.exec('PRAGMA synchronous = FULL')
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk has rolled it back already.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  } finally {
    if (durable === 'FULL') database.exec('PRAGMA synchronous = NORMAL')
  }
}
