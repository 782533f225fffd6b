import type { DatabaseSync } from 'node:sqlite'
import type { FreshStore } from '../vfs/fresh.ts'

/** The files that accounts are making, in the one database. */
export function sqlFresh(database: DatabaseSync): FreshStore {
  database.exec(`
    CREATE TABLE IF NOT EXISTS fresh_file (
      account TEXT, dev INTEGER, ino INTEGER, until INTEGER NOT NULL, owner TEXT NOT NULL,
      PRIMARY KEY (account, dev, ino)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS fresh_until ON fresh_file (until)`)
  const put = database.prepare('INSERT OR REPLACE INTO fresh_file VALUES (?, ?, ?, ?, ?)')
  const get = database.prepare(
    'SELECT until, owner FROM fresh_file WHERE account = ? AND dev = ? AND ino = ?',
  )
  const drop = database.prepare("DELETE FROM fresh_file WHERE until <= ? AND owner = ''")
  const owners = database.prepare("SELECT DISTINCT owner FROM fresh_file WHERE owner <> ''")
  const release = database.prepare("UPDATE fresh_file SET until = ?, owner = '' WHERE owner = ?")
  const forget = database.prepare('DELETE FROM fresh_file WHERE account = ?')
  return {
    put: (account, { dev, ino }, { until, owner }) => void put.run(account, dev, ino, until, owner),
    get(account, { dev, ino }) {
      const row = get.get(account, dev, ino) as { until: number; owner: string } | undefined
      return row && { until: row.until, owner: row.owner }
    },
    dropBefore: (now) => void drop.run(now),
    owners: () => (owners.all() as unknown as { owner: string }[]).map(({ owner }) => owner),
    release: (owner, until) => void release.run(until, owner),
    forget: (account) => void forget.run(account),
  }
}
