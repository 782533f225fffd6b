import { createRequire } from 'node:module'
import { progressLine, type Standing } from './progress-line.ts'

const ProgressBar = createRequire(import.meta.url)('progress') as new (
  format: string,
  options: { total: number; clear: boolean; renderThrottle: number; stream: NodeJS.WritableStream },
) => { render(tokens: { line: string }, force: boolean): void; terminate(): void }

/** One line at the foot of a terminal that is drawn over and over. */
export interface Bar {
  draw(standing: Standing, force?: boolean): void
  clear(): void
}

/** ms between two drawings. */
const EVERY_MS = 80

/**
 * `progress` draws the line and keeps the pace. What is in the line is laid out by us, in cells: its own bar is
 * measured before the other words are in, its rate takes what was there before for speed, and it reads `$` in names
 * as a pattern's (hence the doubling).
 */
export function openBar(stream: NodeJS.WriteStream): Bar {
  const bar = new ProgressBar(':line', { total: 1, clear: true, renderThrottle: EVERY_MS, stream })
  let shown = false
  return {
    draw(standing, force = false) {
      // A terminal that knows no width says 0.
      bar.render({ line: progressLine(standing, stream.columns || 80).replaceAll('$', '$$$$') }, force)
      shown = true
    },
    clear() {
      if (!shown) return
      shown = false
      bar.terminate()
      // Else the same line would not be drawn again below what comes now.
      Object.assign(bar, { lastDraw: '' })
    },
  }
}
