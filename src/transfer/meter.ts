/** Milliseconds over which the rate is looked at: what was long ago says nothing of what is to come. */
const WINDOW_MS = 5_000
const MOST_SAMPLES = 64

export interface Meter {
  /** Bytes there are to have; what was there before counts as had, but not as moved. */
  readonly total: number
  readonly done: number
  /** `bytes` are had now, at this time (ms). */
  moved(done: number, now: number): void
  /** More to move, as a tree is walked; `had` of it is there already. */
  expect(bytes: number, had?: number): void
  /** Bytes a second over the last seconds; 0 before anything moved. */
  rate(now: number): number
  /** ms until all is had; undefined when nothing moves. */
  left(now: number): number | undefined
}

/** How far a transfer is. `from`: bytes that were there before it began, so that a resume is not taken for speed. */
export function meter(total: number, from: number, now: number): Meter {
  const samples: { at: number; moved: number }[] = [{ at: now, moved: 0 }]
  let all = total
  let had = from
  let moved = 0
  const rate = (at: number): number => {
    const first = samples.find((sample) => at - sample.at <= WINDOW_MS) ?? samples.at(-1)!
    const base = samples[Math.max(0, samples.indexOf(first) - 1)]!
    const ms = at - base.at
    return ms <= 0 ? 0 : ((moved - base.moved) / ms) * 1000
  }
  return {
    get total() {
      return all
    },
    get done() {
      return had + moved
    },
    moved(done, at) {
      moved = Math.max(moved, done - had)
      const last = samples.at(-1)!
      if (at - last.at < WINDOW_MS / MOST_SAMPLES) return
      samples.push({ at, moved })
      while (samples.length > 2 && at - samples[1]!.at > WINDOW_MS) samples.shift()
    },
    expect(bytes, there = 0) {
      all += bytes
      had += there
    },
    rate,
    left(at) {
      const missing = all - had - moved
      if (missing <= 0) return 0
      const bytes = rate(at)
      return bytes > 0 ? (missing / bytes) * 1000 : undefined
    },
  }
}
