import { OpError } from '../base/error.ts'
import type { FileHandle } from '../vfs/vfs.ts'

export interface CopyOptions {
  /** First byte to move, and the byte to stop before; a source that ends sooner ends it too. */
  readonly from: number
  readonly to: number
  /** Bytes of one read and of one write. */
  readonly chunk: number
  /** Bytes that may be under way. */
  readonly window: number
  readonly signal: AbortSignal
  /** Every byte before `end` is written. */
  readonly onProgress?: ((end: number) => void) | undefined
  /** The bytes as they come, in order; lent for the call. */
  readonly onBytes?: ((bytes: Uint8Array) => void) | undefined
}

/**
 * Bytes of one file into another, a window of them under way at once; answers where it ended. Reads are given out
 * in order and written in order, whichever of the two files is the one that waits. On an error what was given out
 * is waited for, so that nobody writes into a file that was closed meanwhile.
 */
export async function copy(source: FileHandle, target: FileHandle, options: CopyOptions): Promise<number> {
  const { from, to, chunk, window, signal, onProgress, onBytes } = options
  const free: Uint8Array[] = []
  const reads: {
    readonly place: Uint8Array
    readonly at: number
    readonly count: number | Promise<number>
  }[] = []
  const writes: { readonly end: number; readonly done: Promise<void> }[] = []
  let asked = from
  let written = from
  let end = to

  const underWay = (): number => asked - written
  const ask = (): void => {
    const place = (free.pop() ?? new Uint8Array(chunk)).subarray(0, Math.min(chunk, to - asked))
    const count = source.read([place], asked)
    if (count instanceof Promise) count.catch(() => {})
    reads.push({ place, at: asked, count })
    asked += place.length
  }
  const settle = async (): Promise<void> => {
    const { end: until, done } = writes.shift()!
    await done
    written = until
    onProgress?.(written)
  }

  try {
    for (;;) {
      if (signal.aborted) throw new OpError('ECANCELED', 'Cancelled')
      // As many reads as fit, but where they answer at once one is enough: its bytes are still in the cache.
      while (
        asked < end &&
        (reads.length === 0 || (underWay() < window && reads[0]!.count instanceof Promise))
      )
        ask()
      const next = reads.shift()
      if (next === undefined) {
        if (writes.length === 0) break
        await settle()
        continue
      }
      const { place, at } = next
      let count = typeof next.count === 'number' ? next.count : await next.count
      while (count > 0 && count < place.length) {
        const more = await source.read([place.subarray(count)], at + count)
        if (more === 0) break
        count += more
      }
      if (count < place.length) end = Math.min(end, at + count)
      if (count > 0 && at < end) {
        const bytes = place.subarray(0, count)
        onBytes?.(bytes)
        const done = target.write([bytes], at)
        if (done instanceof Promise) {
          done.catch(() => {})
          writes.push({ end: at + count, done })
        } else {
          written = at + count
          onProgress?.(written)
        }
      }
      if (place.buffer.byteLength === chunk) free.push(new Uint8Array(place.buffer))
      while (writes.length > 0 && underWay() >= window) await settle()
    }
  } catch (error) {
    // Whoever aborts ends the session too, so this does not wait for a server that is silent.
    await Promise.allSettled([...reads.map(({ count }) => count), ...writes.map(({ done }) => done)])
    throw error
  }
  return Math.min(end, Math.max(written, from))
}
