import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { setImmediate as othersFirst } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { OpError } from '../base/error.ts'
import type { FileHandle } from '../vfs/vfs.ts'
import type { DigestAnswer, DigestTask } from './digest-worker.ts'

export const ALGORITHMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

export interface DigestRange {
  readonly algorithm: Algorithm
  /** Bytes. */
  readonly offset: number
  /** Bytes; undefined = to the end of the file, which also ends a range that is longer. */
  readonly length?: number | undefined
  /** Bytes to each hash; undefined = one hash over all. */
  readonly block?: number | undefined
}

/** Hashes of files, never on the loop where the file has a descriptor: at most one a core, and one an account. */
export interface Digests extends AsyncDisposable {
  /** The hash, or the blocks' hashes one behind the other. The file stays open until this answers; ESTALE when it is closed all the same. EBADF, EIO, ECANCELED. */
  of(account: string, file: FileHandle, range: DigestRange, signal?: AbortSignal): Promise<Uint8Array>
}

/** Those of this process. */
export interface ThreadDigests extends Digests {
  /** A thread starts: Node asks in it where the process is, and it fails where that cannot be said. */
  readonly threadStarts: boolean
}

interface Job {
  readonly account: string
  readonly run: () => Promise<void>
}

/** Threads idle for longer are ended, in ms. */
const IDLE = 10_000

/** `threads`: hashes at a time, by default one a core. */
export function digests({ threads = availableParallelism() } = {}): ThreadDigests {
  const waiting: Job[] = []
  const busy = new Set<string>()
  /** With what ends each of them. */
  const idle: { readonly thread: Worker; readonly end: NodeJS.Timeout }[] = []
  const all = new Set<Worker>()
  /** Those that have not come up yet. */
  const starting = new Set<Worker>()
  let isOver = false

  function next(): void {
    while (busy.size < threads) {
      const index = waiting.findIndex(({ account }) => !busy.has(account))
      const job = waiting[index]
      if (job === undefined) return
      waiting.splice(index, 1)
      busy.add(job.account)
      void job.run().finally(() => {
        busy.delete(job.account)
        next()
      })
    }
  }

  function worker(): Worker {
    const used = idle.pop()
    if (used !== undefined) {
      clearTimeout(used.end)
      return used.thread
    }
    const made = new Worker(new URL(`./digest-worker${extname(import.meta.url)}`, import.meta.url))
    all.add(made)
    starting.add(made)
    made.once('online', () => starting.delete(made))
    made.once('exit', () => {
      all.delete(made)
      starting.delete(made)
    })
    return made
  }

  function giveBack(used: Worker): void {
    used.removeAllListeners('message').removeAllListeners('error')
    // Its end is waited for, and must keep the process until then.
    if (isOver) return
    used.unref()
    const end = setTimeout(() => {
      idle.splice(
        idle.findIndex(({ thread }) => thread === used),
        1,
      )
      void used.terminate()
    }, IDLE).unref()
    idle.push({ thread: used, end })
  }

  /** Gives the thread back only once it has answered: until then it may read the descriptor. */
  function inThread(task: DigestTask): Promise<Uint8Array> {
    const used = worker()
    used.ref()
    return new Promise((resolve, reject) => {
      used.on('message', (answer: DigestAnswer) => {
        giveBack(used)
        if ('hashes' in answer) resolve(answer.hashes)
        else reject(failed(answer.error))
      })
      used.on('error', (cause) => {
        all.delete(used)
        reject(failed('EIO', cause))
      })
      used.postMessage(task)
    })
  }

  async function hash(
    file: FileHandle,
    range: DigestRange,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    using lent = file.descriptor?.()
    if (lent === undefined) return await throughHandle(file, range, signal)
    const { number: descriptor, closing } = lent
    const stop = new Int32Array(new SharedArrayBuffer(4))
    const halt = (): void => void Atomics.store(stop, 0, 1)
    for (const end of [signal, closing]) end?.addEventListener('abort', halt, { once: true })
    if (signal?.aborted) halt()
    try {
      const { algorithm, offset, length = Number.POSITIVE_INFINITY, block = 0 } = range
      const hashes = await inThread({ descriptor, algorithm, offset, length, block, stop })
      if (signal?.aborted) throw canceled()
      if (closing.aborted) throw new OpError('ESTALE', 'Replaced meanwhile, open it again')
      return hashes
    } finally {
      for (const end of [signal, closing]) end?.removeEventListener('abort', halt)
    }
  }

  return {
    get threadStarts() {
      return starting.size > 0
    },
    of(account, file, range, signal) {
      const done = Promise.withResolvers<Uint8Array>()
      const run = async (): Promise<void> => {
        try {
          if (signal?.aborted) throw canceled()
          done.resolve(await hash(file, range, signal))
        } catch (error) {
          done.reject(error)
        }
      }
      waiting.push({ account, run })
      next()
      return done.promise
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      await Promise.all([...all].map((thread) => thread.terminate()))
    },
  }
}

/** Bytes hashed at a time where there is no descriptor. */
const SLICE = 256 * 1024

/** For storages without descriptors: on the loop, but never for long. */
async function throughHandle(
  file: FileHandle,
  range: DigestRange,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { algorithm, offset, length = Number.POSITIVE_INFINITY, block = Number.POSITIVE_INFINITY } = range
  const hashes: Buffer[] = []
  const slice = Buffer.allocUnsafe(SLICE)
  const end = offset + length
  let at = offset
  let hash = createHash(algorithm)
  let blockEnd = Math.min(end, at + block)
  let pending = true
  while (at < end) {
    if (signal?.aborted) throw canceled()
    const count = await file.read([slice.subarray(0, Math.min(SLICE, blockEnd - at))], at)
    if (count === 0) break
    hash.update(slice.subarray(0, count))
    pending = true
    at += count
    if (at === blockEnd) {
      hashes.push(hash.digest())
      hash = createHash(algorithm)
      blockEnd = Math.min(end, at + block)
      pending = false
    }
    await othersFirst()
  }
  if (pending) hashes.push(hash.digest())
  return Buffer.concat(hashes)
}

function failed(code: string, cause?: unknown): OpError {
  if (code === 'EBADF') return new OpError('EBADF', 'The file is not open for reading')
  return new OpError('EIO', 'The file could not be read to its end', { cause: cause ?? code })
}

function canceled(): OpError {
  return new OpError('ECANCELED', 'The session ended')
}
