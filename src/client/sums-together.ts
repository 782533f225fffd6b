/** Files in one command, and bytes of their names: a command line holds 128 KiB everywhere. */
const MOST_FILES = 64
const MOST_BYTES = 16 * 1024

/**
 * MD5s of small files by one command for all that are asked for while the one before runs: a server takes longer to
 * begin a command than to read such a file. `many` answers undefined where it cannot tell one from the other; then
 * `one` is asked for each, and from now on if that tells of all.
 */
export function sumsTogether(
  many: (paths: readonly string[]) => Promise<readonly string[] | undefined>,
  one: (path: string) => Promise<string | undefined>,
): (path: string) => Promise<string | undefined> {
  let waiting: { readonly path: string; readonly answer: PromiseWithResolvers<string | undefined> }[] = []
  let isRunning = false
  let onlyOne = false

  async function told(paths: readonly string[]): Promise<readonly (string | undefined)[]> {
    const sums = paths.length === 1 || onlyOne ? undefined : await many(paths)
    if (sums !== undefined) return sums
    const each = await Promise.all(paths.map(one))
    // One that is gone meanwhile is no reason: then there were fewer sums.
    onlyOne ||= paths.length > 1 && each.every((found) => found !== undefined)
    return each
  }

  async function run(): Promise<void> {
    isRunning = true
    // All that ask in this turn go along.
    await Promise.resolve()
    while (waiting.length > 0) {
      let bytes = 0
      const over = waiting.findIndex(({ path }, index) => {
        bytes += path.length
        return index > 0 && (index === MOST_FILES || bytes > MOST_BYTES)
      })
      const batch = over < 0 ? waiting : waiting.slice(0, over)
      waiting = over < 0 ? [] : waiting.slice(over)
      await told(batch.map(({ path }) => path)).then(
        (sums) => {
          for (const [index, { answer }] of batch.entries()) answer.resolve(sums[index])
        },
        (error: unknown) => {
          for (const { answer } of batch) answer.reject(error)
        },
      )
    }
    isRunning = false
  }

  return (path) => {
    const answer = Promise.withResolvers<string | undefined>()
    waiting.push({ path, answer })
    if (!isRunning) void run()
    return answer.promise
  }
}
