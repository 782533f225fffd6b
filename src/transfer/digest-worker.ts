import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'

/** What a worker thread is given: a descriptor that stays open until it has answered. */
export interface DigestTask {
  /** The answer bears it. */
  readonly id: number
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

export type DigestAnswer = { readonly id: number } & (
  | { readonly hashes: Uint8Array }
  | { readonly error: string }
)

/** Bytes read at a time. */
const SLICE = 256 * 1024
/** Reads of one task before the next one has its turn: a file without end holds nobody up. */
const TURN = 16

const slice = new Uint8Array(SLICE)

/** Stops at each read, so that others can be served between. */
function* digest({
  descriptor,
  algorithm,
  offset,
  length,
  block,
  stop,
}: DigestTask): Generator<undefined, Uint8Array> {
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
      yield
    }
    hashes.push(hash.digest())
  } while (at < end)
  return Buffer.concat(hashes)
}

interface Running {
  readonly id: number
  readonly reads: Generator<undefined, Uint8Array>
}

const running: Running[] = []

/** A turn of one task; undefined while it is not done. */
function serve({ id, reads }: Running): DigestAnswer | undefined {
  try {
    for (let left = TURN; left > 0; left--) {
      const read = reads.next()
      if (read.done) return { id, hashes: read.value }
    }
  } catch (error) {
    return { id, error: error instanceof Error && 'code' in error ? String(error.code) : String(error) }
  }
}

function turn(): void {
  const task = running.shift()!
  const answer = serve(task)
  if (answer === undefined) running.push(task)
  else parentPort?.postMessage(answer)
  if (running.length > 0) setImmediate(turn)
}

parentPort?.on('message', (task: DigestTask) => {
  running.push({ id: task.id, reads: digest(task) })
  if (running.length === 1) setImmediate(turn)
})
