import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'

/** `shared`: twice the end of what is written, and one more when that is the end of the file. */
export interface TrailTask {
  readonly descriptor: number
  readonly shared: BigInt64Array<SharedArrayBuffer>
}

export type TrailAnswer = { readonly md5: string } | { readonly error: string }

const SLICE = 256 * 1024

function trail({ descriptor, shared }: TrailTask): string {
  const hash = createHash('md5')
  const slice = new Uint8Array(SLICE)
  for (let at = 0; ; ) {
    const word = Atomics.load(shared, 0)
    const end = Number(word / 2n)
    while (at < end) {
      const count = readSync(descriptor, slice, 0, Math.min(SLICE, end - at), at)
      if (count === 0) throw new Error('the file is shorter than what was written')
      hash.update(slice.subarray(0, count))
      at += count
    }
    if (word % 2n === 1n) return hash.digest('hex')
    Atomics.wait(shared, 0, word)
  }
}

let answer: TrailAnswer
try {
  answer = { md5: trail(workerData as TrailTask) }
} catch (error) {
  answer = { error: String(error) }
}
parentPort?.postMessage(answer)
