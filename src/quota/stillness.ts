import { randomUUID } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Siblings } from '../base/siblings.ts'
import type { Book } from './book.ts'

const HOLD_STILL = 'quota hold still'

/** How long another process holds still for one that counts, and when that asks again: it may have died. In ms. */
const STILL_MS = 4_000
const AGAIN_MS = 1_000
/** Between two looks whether what is under way is done. */
const SOON_MS = 10

interface Asked {
  readonly account: string
  /** Who asks: of several, each holds us. */
  readonly by: string
  /** 0: no longer. */
  readonly ms: number
  /** It asked before, and we must not have moved since. */
  readonly again: boolean
}

/** While a home is counted nobody changes it: neither this process nor the others that serve it. */
export interface Stillness {
  /** Does `work` while all hold still, have reported and hold nothing ahead of need. `held`: whether they did, until now. */
  during(account: string, book: Book, work: (held: () => boolean) => Promise<void>): Promise<void>
}

export function stillness(
  bookOf: (account: string) => Book | undefined,
  siblings: Siblings,
  clock: Clock,
): Stillness {
  const holds = new Map<string, { until: number; readonly end: () => void }>()
  siblings.answer(HOLD_STILL, (data) => holdStill(data as Asked))

  /** What another process asks for. False: not yet, or not all the while. */
  async function holdStill({ account, by, ms, again }: Asked): Promise<boolean> {
    const book = bookOf(account)
    const known = holds.get(by)
    if (ms === 0) known?.end()
    if (book === undefined || ms === 0) return true
    if (known !== undefined) known.until = clock.elapsed() + ms
    else if (again) return false
    else hold(by, book, ms)
    if (!book.idle) return false
    await book.square()
    return true
  }

  function hold(by: string, book: Book, ms: number): void {
    const ended = new AbortController()
    const one = { until: clock.elapsed() + ms, end: () => ended.abort() }
    holds.set(by, one)
    const over = async (): Promise<void> => {
      while (!ended.signal.aborted && clock.elapsed() < one.until)
        await clock.sleep(one.until - clock.elapsed(), ended.signal).catch(() => {})
      holds.delete(by)
    }
    book.holdStill(over())
  }

  async function during(
    account: string,
    book: Book,
    work: (held: () => boolean) => Promise<void>,
  ): Promise<void> {
    const by = randomUUID()
    const over = Promise.withResolvers<void>()
    const done = new AbortController()
    let until = Number.POSITIVE_INFINITY
    const ask = async (again: boolean): Promise<boolean> => {
      if (siblings.count === 0) return true
      const asked = clock.elapsed()
      const answers = await siblings.ask(HOLD_STILL, { account, by, ms: STILL_MS, again })
      until = asked + STILL_MS
      return answers.every((answer) => answer === true)
    }
    const keepAsking = async (): Promise<void> => {
      while (!done.signal.aborted) {
        await clock.sleep(AGAIN_MS, done.signal).catch(() => {})
        if (done.signal.aborted) return
        if (clock.elapsed() > until || !(await ask(true))) until = Number.NEGATIVE_INFINITY
      }
    }
    book.holdStill(over.promise)
    let asking: Promise<void> | undefined
    try {
      while (!(await ask(false)) || !book.idle) await clock.sleep(SOON_MS)
      await book.square()
      asking = siblings.count === 0 ? undefined : keepAsking()
      await work(() => clock.elapsed() <= until)
    } finally {
      done.abort()
      over.resolve()
      await asking
      if (siblings.count > 0) await siblings.ask(HOLD_STILL, { account, by, ms: 0, again: true })
    }
  }

  return { during }
}
