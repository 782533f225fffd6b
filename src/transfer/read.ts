import { setImmediate as turn } from 'node:timers/promises'
import { OpError } from '../base/error.ts'
import type { FileHandle } from '../vfs/vfs.ts'

const CHUNK = 256 * 1024

/** The bytes of a file from `from` to `to` (or its end), a chunk at a time; a chunk is good until the next is asked for. */
export async function* readFrom(
  file: FileHandle,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(CHUNK)
  for (let at = from; at < to; ) {
    if (signal.aborted) throw new OpError('ECANCELED', 'Cancelled')
    const count = await file.read([chunk.subarray(0, Math.min(CHUNK, to - at))], at)
    if (count === 0) return
    yield chunk.subarray(0, count)
    at += count
    // A disk that answers at once does not keep the others waiting.
    await turn()
  }
}

/** Copies `source` from 0 to its end over `target`; answers how many bytes. */
export async function copyFile(source: FileHandle, target: FileHandle, signal: AbortSignal): Promise<number> {
  let at = 0
  for await (const chunk of readFrom(source, 0, Number.MAX_SAFE_INTEGER, signal)) {
    await target.write([chunk], at)
    at += chunk.length
  }
  return at
}
