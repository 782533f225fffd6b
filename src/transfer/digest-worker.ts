import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'

/** What a worker thread is given: a descriptor that stays open until it has answered. */
export interface DigestTask {
  readonly descriptor: number
  readonly algorithm: string
  readonly offset: number
  /** Bytes; Infinity for the rest of the file. */
  readonly length: number
  /** Bytes to each hash; 0 for one hash over all. */
  readonly block: number
  /** Not 0: nobody wants the answer any more. */
  readonly stop: Int32Array<SharedArrayBuffer>
}

export type DigestAnswer = { readonly hashes: Uint8Array } | { readonly error: string }

/** Bytes read at a time. */
const SLICE = 256 * 1024

function digest(
  { descriptor, algorithm, offset, length, block, stop }: DigestTask,
  slice: Uint8Array,
): Uint8Array {
  const hashes: Buffer[] = []
  const end = offset + length
  let at = offset
  do {
    const hash = createHash(algorithm)
    const blockEnd = block === 0 ? end : Math.min(end, at + block)
    const begin = at
    while (at < blockEnd) {
      if (Atomics.load(stop, 0) !== 0) return new Uint8Array(0)
      const count = readSync(descriptor, slice, 0, Math.min(slice.length, blockEnd - at), at)
      if (count === 0)
        return Buffer.concat(at > begin || hashes.length === 0 ? [...hashes, hash.digest()] : hashes)
      hash.update(count === slice.length ? slice : slice.subarray(0, count))
      at += count
    }
    hashes.push(hash.digest())
  } while (at < end)
  return Buffer.concat(hashes)
}

const slice = new Uint8Array(SLICE)

parentPort?.on('message', (task: DigestTask) => {
  let answer: DigestAnswer
  try {
    answer = { hashes: digest(task, slice) }
  } catch (error) {
    answer = { error: error instanceof Error && 'code' in error ? String(error.code) : String(error) }
  }
  parentPort?.postMessage(answer)
})
