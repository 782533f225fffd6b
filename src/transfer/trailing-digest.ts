import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { OpError } from '../base/error.ts'
import type { TrailAnswer, TrailTask } from './trailing-digest-worker.ts'

/** The MD5 of a file while it is being written, in a thread that reads behind the writer. */
export interface TrailingDigest extends Disposable {
  /** Every byte before `end` is in the file. */
  reached(end: number): void
  /** The file ends at `end`: its MD5, in hex. EIO. */
  finish(end: number): Promise<string>
}

/** `descriptor` stays open until it has finished or was disposed. */
export function trailingDigest(descriptor: number): TrailingDigest {
  const shared = new BigInt64Array(new SharedArrayBuffer(8))
  const worker = new Worker(new URL(`./trailing-digest-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: { descriptor, shared } satisfies TrailTask,
  })
  const answer = new Promise<string>((resolve, reject) => {
    const failed = (cause: unknown): void =>
      reject(new OpError('EIO', 'The file could not be read again to its end', { cause }))
    worker.once('message', (message: TrailAnswer) =>
      'md5' in message ? resolve(message.md5) : failed(message.error),
    )
    worker.once('error', failed)
    worker.once('exit', () => failed('the thread ended'))
  })
  answer.catch(() => {})
  const tell = (end: number, last: boolean): void => {
    Atomics.store(shared, 0, BigInt(end) * 2n + (last ? 1n : 0n))
    Atomics.notify(shared, 0)
  }
  return {
    reached: (end) => tell(end, false),
    finish(end) {
      tell(end, true)
      return answer
    },
    [Symbol.dispose]() {
      void worker.terminate()
    },
  }
}
