import type { KeyValue } from './key-value.ts'

/** Records kept in mind, and names for which there is none. */
const MOST_KNOWN = 1_000

/** `store`, for a process that is the only one to change it: what was read is kept in mind. A login asks six times for two records. */
export function remembered(store: KeyValue): KeyValue {
  /** As JSON: what is handed out is its own. */
  const known = new Map<string, string | undefined>()
  /** Changes that began, and that ended: what is read beside one is not kept. */
  let changes = 0

  const changing = async <T>(key: string, change: () => Promise<T>): Promise<T> => {
    const forget = (): void => {
      changes += 1
      known.delete(key)
    }
    forget()
    return await change().finally(forget)
  }
  const keep = (key: string, value: unknown): void => {
    known.set(key, JSON.stringify(value))
    if (known.size > MOST_KNOWN) known.delete(known.keys().next().value!)
  }

  return {
    async get(key) {
      const seen = known.get(key)
      if (seen !== undefined) return JSON.parse(seen)
      if (known.has(key)) return undefined
      const before = changes
      const value = await store.get(key)
      if (before === changes) keep(key, value)
      return value
    },
    set: (key, value) => changing(key, () => store.set(key, value)),
    delete: (key) => changing(key, () => store.delete(key)),
    entries: (prefix) => store.entries(prefix),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
