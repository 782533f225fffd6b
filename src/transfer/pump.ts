import { OpError } from '../base/error.ts'

export interface PumpOptions {
  /** First byte to move, and the byte to stop before; a source that ends sooner ends it too. */
  readonly from: number
  readonly to: number
  /** Bytes of one piece. */
  readonly chunk: number
  /** Bytes that may be under way. */
  readonly window: number
  readonly signal: AbortSignal
  /** Every byte before `end` is in its place. */
  readonly onProgress?: ((end: number) => void) | undefined
}

/** `count`: bytes that were moved; fewer than asked for only where the source ends. */
export type Moved = (count: number, error?: unknown) => void

/**
 * Begins to move the `length` bytes at `at`, and calls `done` once, now or later. False: there is no room now, and
 * nothing was begun.
 */
export type Move = (at: number, length: number, done: Moved) => boolean

/**
 * Moves bytes piece by piece, a window of them under way at once, without a promise for each; answers where it
 * ended. `whenRoom` calls back once there is room again after `move` said no. On an error what was begun is waited
 * for, so that nobody writes into a file that was closed meanwhile. ECANCELED, and whatever `move` tells.
 */
export function pump(
  { from, to, chunk, window, signal, onProgress }: PumpOptions,
  move: Move,
  whenRoom: (again: () => void) => void,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  /** In order; `count` is -1 until it is known. */
  const underWay: { readonly at: number; readonly length: number; count: number }[] = []
  let asked = from
  let placed = from
  let end = to
  let open = 0
  let failure: { readonly error: unknown } | undefined
  let stepping = false
  let waits = false

  const settle = (piece: (typeof underWay)[number], count: number, error: unknown): void => {
    open--
    if (error !== undefined) failure ??= { error }
    else {
      piece.count = count
      if (count < piece.length) end = Math.min(end, piece.at + count)
      const before = placed
      for (let first = underWay[0]; first !== undefined && first.count >= 0; first = underWay[0]) {
        underWay.shift()
        placed = Math.min(end, first.at + first.count)
      }
      if (placed > before && failure === undefined) {
        try {
          onProgress?.(placed)
        } catch (thrown) {
          // Whoever answered this piece has no part in it.
          failure = { error: thrown }
        }
      }
    }
    step()
  }

  const begin = (): boolean => {
    const piece = { at: asked, length: Math.min(chunk, to - asked), count: -1 }
    underWay.push(piece)
    asked += piece.length
    open++
    try {
      if (move(piece.at, piece.length, (count, error) => settle(piece, count, error))) return true
    } catch (error) {
      // It was not begun; whoever called back to say that there is room has no part in it.
      failure ??= { error }
    }
    underWay.pop()
    asked -= piece.length
    open--
    return false
  }

  function step(): void {
    // What is done at once is seen by the loop that began it.
    if (stepping) return
    stepping = true
    while (!waits && failure === undefined && asked < end && asked - placed < window) {
      if (signal.aborted) failure = { error: new OpError('ECANCELED', 'Cancelled') }
      else if (!begin() && failure === undefined) {
        waits = true
        whenRoom(() => {
          waits = false
          step()
        })
      }
    }
    stepping = false
    if (open > 0) return
    if (failure !== undefined) reject(failure.error)
    else if (asked >= end) resolve(Math.max(placed, from))
  }

  step()
  return promise
}
