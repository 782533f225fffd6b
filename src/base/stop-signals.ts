import type { Clock } from './clock.ts'

/** ms in which a second signal is the first: the terminal gives ^C to all in front, and npx and an older Node hand it on. */
const SAME_MS = 500

/** Of a process. */
export interface Signals {
  on(name: string, heard: () => void): unknown
  exit(status: number): void
}

/** Calls `stop` with the first of the signals; a later one ends the process at once, with 130. */
export function onStopSignal(
  names: readonly string[],
  signals: Signals,
  clock: Pick<Clock, 'elapsed'>,
  stop: (name: string) => void,
): void {
  let first: number | undefined
  for (const name of names)
    signals.on(name, () => {
      if (first !== undefined) {
        if (clock.elapsed() - first > SAME_MS) signals.exit(130)
        return
      }
      first = clock.elapsed()
      stop(name)
    })
}
