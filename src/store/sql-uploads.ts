import type { DatabaseSync } from 'node:sqlite'
import type { Inode, ShelvedFile, UploadStore } from '../vfs/uploads.ts'
import type { VirtualPath } from '../vfs/vfs.ts'

type Row = Omit<ShelvedFile, 'path'> & { readonly path: Uint8Array }

/** What uploads leave behind, in the one database. Paths are bytes. */
export function sqlUploads(database: DatabaseSync): UploadStore {
  database.exec(`
    CREATE TABLE IF NOT EXISTS partial_file (
      account TEXT, dev INTEGER, ino INTEGER, PRIMARY KEY (account, dev, ino)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS shelved_file (
      account TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, path BLOB NOT NULL, size INTEGER NOT NULL,
      until INTEGER NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (account, id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS shelved_for ON shelved_file (account, path);
    CREATE INDEX IF NOT EXISTS shelved_oldest ON shelved_file (account, until, id);
    CREATE TABLE IF NOT EXISTS failed_upload (
      account TEXT NOT NULL, path BLOB NOT NULL, session TEXT NOT NULL, address TEXT NOT NULL, until INTEGER NOT NULL,
      PRIMARY KEY (account, path, session)) WITHOUT ROWID`)
  const partials = database.prepare('SELECT dev, ino FROM partial_file WHERE account = ?')
  const addPartial = database.prepare('INSERT INTO partial_file VALUES (?, ?, ?) ON CONFLICT DO NOTHING')
  const removePartial = database.prepare('DELETE FROM partial_file WHERE account = ? AND dev = ? AND ino = ?')
  const fields = 'SELECT id, kind, path, size, until, owner FROM shelved_file WHERE account = ?'
  const shelved = database.prepare(`${fields} ORDER BY until, id`)
  const shelvedFor = database.prepare(`${fields} AND path = ? ORDER BY until, id`)
  const oldest = database.prepare(`${fields} AND kind <> 'open' ORDER BY until, id LIMIT ?`)
  const bytes = database.prepare(
    `SELECT ifnull(sum(size), 0) AS "all", ifnull(sum(size) FILTER (WHERE kind = 'kept'), 0) AS kept
     FROM shelved_file WHERE account = ? AND kind <> 'open'`,
  )
  const putShelved = database.prepare('INSERT OR REPLACE INTO shelved_file VALUES (?, ?, ?, ?, ?, ?, ?)')
  const removeShelved = database.prepare('DELETE FROM shelved_file WHERE account = ? AND id = ?')
  const addFailed = database.prepare('INSERT OR REPLACE INTO failed_upload VALUES (?, ?, ?, ?, ?)')
  const dropFailed = database.prepare('DELETE FROM failed_upload WHERE until <= ?')
  const takeFailed = database.prepare(
    'DELETE FROM failed_upload WHERE account = ? AND path = ? AND (session = ? OR address = ?) AND until > ?',
  )
  const accounts = database.prepare(
    'SELECT account FROM partial_file UNION SELECT account FROM shelved_file ORDER BY 1',
  )
  const forget = ['partial_file', 'shelved_file', 'failed_upload'].map((table) =>
    database.prepare(`DELETE FROM ${table} WHERE account = ?`),
  )

  return {
    partials: (account) => partials.all(account) as unknown as Inode[],
    addPartial: (account, { dev, ino }) => void addPartial.run(account, dev, ino),
    removePartial: (account, { dev, ino }) => void removePartial.run(account, dev, ino),
    shelved: (account) => (shelved.all(account) as unknown as Row[]).map(shelvedOf),
    shelvedFor: (account, path) =>
      (shelvedFor.all(account, bytesOf(path)) as unknown as Row[]).map(shelvedOf),
    oldestShelved: (account, most) => (oldest.all(account, most) as unknown as Row[]).map(shelvedOf),
    shelvedBytes: (account) => bytes.get(account) as { all: number; kept: number },
    putShelved: (account, { id, kind, path, size, until, owner }) =>
      void putShelved.run(account, id, kind, bytesOf(path), size, until, owner),
    removeShelved: (account, id) => void removeShelved.run(account, id),
    addFailed: (account, path, { session, address }, until) =>
      void addFailed.run(account, bytesOf(path), session, address, until),
    takeFailed(account, path, { session, address }, now) {
      dropFailed.run(now)
      return takeFailed.run(account, bytesOf(path), session, address, now).changes > 0
    },
    accounts: () => (accounts.all() as unknown as { account: string }[]).map(({ account }) => account),
    forget(account) {
      for (const statement of forget) statement.run(account)
    },
  }
}

function shelvedOf(row: Row): ShelvedFile {
  return { ...row, path: Buffer.from(row.path).toString('latin1') as VirtualPath }
}

function bytesOf(path: VirtualPath): Uint8Array {
  return Buffer.from(path, 'latin1')
}
