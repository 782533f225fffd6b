/** Calls `then` after `ms`, unless it is stopped or started again before; 0: never. It does not keep the process. */
export function timer(ms: number, then: () => void): { start(): void; stop(): void } {
  let handle: NodeJS.Timeout | undefined
  const stop = (): void => clearTimeout(handle)
  const start = (): void => {
    stop()
    if (ms > 0) handle = setTimeout(then, ms).unref()
  }
  start()
  return { start, stop }
}
