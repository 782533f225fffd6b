import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import KeyvSqlite from '@keyv/sqlite'
import Keyv from 'keyv'
import type { KeyValue } from './key-value.ts'

/** Records through Keyv in a table of `database`, which stays its owner's to close. Keyv is told to throw: by default a broken store looks empty. */
export function keyvOver(database: DatabaseSync, namespace: string): KeyValue {
  const store = new KeyvSqlite({
    uri: 'sqlite://shared',
    table: 'keyv',
    driver: { name: 'custom', connect: async () => ({ query: queryOver(database), close: async () => {} }) },
  })
  return keyValueOf(new Keyv({ store, namespace, throwOnErrors: true }))
}

/** Any Keyv that throws on errors. */
export function keyValueOf(keyv: Keyv): KeyValue {
  return {
    get: async (key) => keyv.get(key),
    async set(key, value) {
      await keyv.set(key, value)
    },
    delete: async (key) => (await keyv.has(key)) && (await keyv.delete(key)),
    async *entries(prefix) {
      if (keyv.iterator === undefined) throw new Error('This store of Keyv cannot be listed')
      for await (const [key, value] of keyv.iterator() as AsyncIterable<[string, unknown]>) {
        if (key.startsWith(prefix)) yield [key, value]
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** Statements of Keyv that are kept prepared: it has a dozen, and those with as many places as there are keys. */
const MOST_PREPARED = 64

function queryOver(database: DatabaseSync) {
  const prepared = new Map<string, StatementSync>()
  const statement = (sql: string): StatementSync => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const made = database.prepare(sql)
    if (prepared.size < MOST_PREPARED) prepared.set(sql, made)
    return made
  }
  return async (sql: string, ...parameters: unknown[]): Promise<never[]> => {
    const values = parameters.flat().map((value) => (value === undefined ? null : value)) as SQLInputValue[]
    return statement(sql).all(...values) as never[]
  }
}
