/**
 * The other processes that serve the same VAR (`workers`). A question goes to all of them and to nobody else; each
 * answers it by what it has registered for the word. Data crosses a process boundary: plain JSON values.
 */
export interface Siblings {
  /** How many others live now. 0: nothing need be asked. */
  readonly count: number
  /** Resolves with the answers of all who live; one who dies meanwhile is left out. */
  ask(word: string, data: unknown): Promise<readonly unknown[]>
  /** What this process does when another one asks. One answer a word. */
  answer(word: string, how: (data: unknown) => unknown): void
}

/** A process that serves its VAR alone. */
export const alone: Siblings = {
  count: 0,
  ask: async () => [],
  answer() {},
}
