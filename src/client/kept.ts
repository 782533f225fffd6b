/**
 * What is opened when it is first asked for, the same for all who ask, and opened anew when it is gone. What could
 * not be opened is told to who waited for it, and tried again by who asks next.
 */
export function kept<T>(open: () => Promise<T>, isAlive: (opened: T) => boolean): () => Promise<T> {
  let opened: T | undefined
  let opening: Promise<T> | undefined

  async function openOne(): Promise<T> {
    try {
      opened = await open()
      return opened
    } finally {
      opening = undefined
    }
  }

  return async () => {
    if (opened !== undefined && isAlive(opened)) return opened
    opening ??= openOne()
    return opening
  }
}
