import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { putText, textIn } from '../base/small-file.ts'

/** Tells whether the database is the one that was open last. */
export interface LastOpen {
  /** A backup was put in its place since: what it says of the disk may be of before. */
  readonly isPutBack: boolean
  /** From now on this is the one: when it was opened, and when it is closed. */
  note(): void
}

/**
 * A word that the database and `file` beside it have in common, another one each time that it is opened and closed: a backup
 * may be made meanwhile. After a kill it is `place` that tells, which is where the database lies. To be asked under the lock.
 */
export function lastOpen(database: DatabaseSync, file: string, place: string): LastOpen {
  database.exec('CREATE TABLE IF NOT EXISTS last_open (one INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT')
  const row = database.prepare('SELECT word FROM last_open').get() as { word: string } | undefined
  return {
    isPutBack: (row === undefined ? '' : textOf(row.word, place)) !== textIn(file),
    note() {
      const word = randomUUID()
      database.prepare('INSERT OR REPLACE INTO last_open VALUES (1, ?)').run(word)
      putText(file, textOf(word, place))
    },
  }
}

function textOf(word: string, place: string): string {
  return `${word} ${place}\n`
}
