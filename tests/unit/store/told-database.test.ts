import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOpError } from '../../../src/base/error.ts'
import { openDatabase } from '../../../src/store/database.ts'

const full = (error: unknown): boolean => isOpError(error, 'ENOSPC') && /disk is full/.test(error.message)

test('database: a full disk is told as a sentence, and it goes on when there is room', () => {
  const database = openDatabase(':memory:')
  database.exec('CREATE TABLE t (bytes BLOB)')
  const insert = database.prepare('INSERT INTO t VALUES (?)')
  const most = database.prepare('PRAGMA max_page_count = 10')

  most.get()
  assert.throws(() => insert.run(Buffer.alloc(100_000)), full)
  assert.throws(() => database.exec('INSERT INTO t VALUES (zeroblob(100000))'), full)
  assert.throws(() => database.prepare('INSERT INTO t VALUES (zeroblob(100000)) RETURNING 1').get(), full)
  assert.throws(() => database.prepare('INSERT INTO t VALUES (zeroblob(100000)) RETURNING 1').all(), full)
  database.exec('PRAGMA max_page_count = 1000')

  assert.equal(insert.run(Buffer.alloc(100_000)).changes, 1)
  assert.throws(() => database.exec('nonsense'), /syntax error/)
  database.close()
})

test('database: get throws when what it changed cannot be kept', () => {
  const database = openDatabase(':memory:')
  database.exec(`CREATE TABLE one (id INTEGER PRIMARY KEY);
    CREATE TABLE other (one INTEGER REFERENCES one DEFERRABLE INITIALLY DEFERRED)`)

  // Found wrong when it is committed, as a full disk is.
  assert.throws(() => database.prepare('INSERT INTO other VALUES (1) RETURNING one').get(), /FOREIGN KEY/)

  database.close()
})
