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

/**
 * Hashes of files, never on the loop where the file has a descriptor: in at most a thread a core, which take turns, and
 * one an account. So one that takes for ever holds up its own account alone.
 */
export interface Digests extends AsyncDisposable {
  /** The hash, or the blocks' hashes one behind the other. The file stays open until this answers; ESTALE when it is closed all the same. EBADF, EIO, ECANCELED. */
  of(account: string, file: FileHandle, range: DigestRange, signal?: AbortSignal): Promise<Uint8Array>
}

interface Job {
  readonly account: string
  readonly run: () => Promise<void>
}

interface Thread {
  readonly worker: Worker
  /** What it hashes, by the ids of its tasks. */
  readonly asked: Map<number, PromiseWithResolvers<Uint8Array>>
  /** Ends it, when it has had nothing to do for long. */
  idle?: NodeJS.Timeout
}

/** Threads idle for longer are ended, in ms. */
const IDLE = 10_000

/** `threads`: at most, by default one a core. */
export function digests({ threads: most = availableParallelism() } = {}): Digests {
  const waiting: Job[] = []
  const busy = new Set<string>()
  const threads = new Set<Thread>()
  let isOver = false
  let ids = 0

  function next(): void {
    for (let at = 0; at < waiting.length; ) {
      const job = waiting[at]!
      if (busy.has(job.account)) {
        at += 1
        continue
      }
      waiting.splice(at, 1)
      busy.add(job.account)
      void job.run().finally(() => {
        busy.delete(job.account)
        next()
      })
    }
  }

  /** The one with the least to do; a new one, if none is idle and there may be more. */
  function thread(): Thread {
    let least: Thread | undefined
    for (const one of threads) if (least === undefined || one.asked.size < least.asked.size) least = one
    return least === undefined || (least.asked.size > 0 && threads.size < most) ? made() : least
  }

  function made(): Thread {
    const worker = new Worker(new URL(`./digest-worker${extname(import.meta.url)}`, import.meta.url))
    const thread: Thread = { worker, asked: new Map() }
    threads.add(thread)
    worker.once('exit', () => {
      threads.delete(thread)
      for (const asked of thread.asked.values()) asked.reject(canceled())
    })
    worker.on('message', (answer: DigestAnswer) => {
      const asked = thread.asked.get(answer.id)
      giveBack(thread, answer.id)
      if ('hashes' in answer) asked?.resolve(answer.hashes)
      else asked?.reject(failed(answer.error))
    })
    worker.on('error', (cause) => {
      threads.delete(thread)
      for (const asked of thread.asked.values()) asked.reject(failed('EIO', cause))
    })
    return thread
  }

  function giveBack(thread: Thread, id: number): void {
    thread.asked.delete(id)
    // Its end is waited for, and must keep the process until then.
    if (isOver || thread.asked.size > 0) return
    thread.worker.unref()
    thread.idle = setTimeout(() => {
      threads.delete(thread)
      void thread.worker.terminate()
    }, IDLE).unref()
  }

  /** The thread is done with the descriptor once it has answered. */
  function inThread(task: Omit<DigestTask, 'id'>): Promise<Uint8Array> {
    const used = thread()
    clearTimeout(used.idle)
    used.worker.ref()
    const asked = Promise.withResolvers<Uint8Array>()
    const id = ++ids
    used.asked.set(id, asked)
    used.worker.postMessage({ id, ...task })
    return asked.promise
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
      closing.throwIfAborted()
      return hashes
    } finally {
      for (const end of [signal, closing]) end?.removeEventListener('abort', halt)
    }
  }

  return {
    of(account, file, range, signal) {
      const done = Promise.withResolvers<Uint8Array>()
      const run = async (): Promise<void> => {
        try {
          if (isOver || signal?.aborted) throw canceled()
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
      await Promise.all([...threads].map(({ worker }) => worker.terminate()))
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
