import type { KeyValue } from './key-value.ts'

/** Records in memory; values are copied on the way in and out, as a disk would. */
export function memoryKeyValue(): KeyValue {
  const records = new Map<string, unknown>()
  return {
    get: async (key) => structuredClone(records.get(key)),
    set: async (key, value) => void records.set(key, structuredClone(value)),
    delete: async (key) => records.delete(key),
    async *entries(prefix) {
      for (const [key, value] of [...records].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (key.startsWith(prefix)) yield [key, structuredClone(value)]
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}
