import type { DatabaseSync } from 'node:sqlite'

/** Version numbers by name in a table of their own; each step is one statement, exact over processes. */
export function sqlVersions(database: DatabaseSync) {
  database.exec(
    'CREATE TABLE IF NOT EXISTS account_version (name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID',
  )
  const create = database.prepare('INSERT INTO account_version VALUES (?, 1) ON CONFLICT DO NOTHING')
  const get = database.prepare('SELECT version FROM account_version WHERE name = ?')
  const move = database.prepare(
    'UPDATE account_version SET version = version + 1 WHERE name = ? AND version = ?',
  )
  const remove = database.prepare('DELETE FROM account_version WHERE name = ?')
  return {
    create: (name: string): boolean => create.run(name).changes === 1,
    get: (name: string): number | undefined => (get.get(name) as { version: number } | undefined)?.version,
    move: (name: string, from: number): boolean => move.run(name, from).changes === 1,
    remove: (name: string): void => void remove.run(name),
  }
}

/** The same for a process that is the only one to change them: what it has seen once stays so until it changes it. Each request of a session asks, and each question to the database takes and leaves a lock. */
export function onlyHere(versions: ReturnType<typeof sqlVersions>): ReturnType<typeof sqlVersions> {
  const known = new Map<string, number>()
  const changed = <T>(name: string, change: () => T): T => {
    try {
      return change()
    } finally {
      known.delete(name)
    }
  }
  return {
    create: (name) => changed(name, () => versions.create(name)),
    get(name) {
      const seen = known.get(name)
      if (seen !== undefined) return seen
      const version = versions.get(name)
      if (version !== undefined) known.set(name, version)
      return version
    },
    move: (name, from) => changed(name, () => versions.move(name, from)),
    remove: (name) => changed(name, () => versions.remove(name)),
  }
}
