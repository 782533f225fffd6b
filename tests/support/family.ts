import type { Siblings } from '../../src/base/siblings.ts'

export interface Family {
  /** One process more. */
  join(): Member
}

export interface Member {
  readonly siblings: Siblings
  /** It answers nobody any more. */
  leave(): void
}

/** Processes that are none: what they ask each other goes through JSON and a turn of the loop. */
export function family(): Family {
  const members = new Set<Map<string, (data: unknown) => unknown>>()
  return {
    join() {
      const words = new Map<string, (data: unknown) => unknown>()
      members.add(words)
      const others = () => [...members].filter((member) => member !== words)
      const answer = async (
        member: Map<string, (data: unknown) => unknown>,
        word: string,
        json: string,
      ): Promise<unknown> => {
        await new Promise<void>((resolve) => setImmediate(resolve))
        return JSON.parse(JSON.stringify((await member.get(word)?.(JSON.parse(json))) ?? null))
      }
      return {
        siblings: {
          get count() {
            return others().length
          },
          ask: (word, data) =>
            Promise.all(others().map((member) => answer(member, word, JSON.stringify(data)))),
          answer: (word, how) => void words.set(word, how),
        },
        leave: () => void members.delete(words),
      }
    },
  }
}
