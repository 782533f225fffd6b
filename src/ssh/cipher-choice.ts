import { createCipheriv } from 'node:crypto'
import { systemClock } from '../base/clock.ts'
import type { AlgorithmLists } from './algorithm-lists.ts'

/** Quickest first, where the processor has AES. */
const GCM = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com']

/**
 * The cipher to offer alone to a client with these lists, so that it is taken: in SSH the client's order wins (RFC
 * 4253 §7.1), and OpenSSH's puts chacha20-poly1305 first, at twice the cost. Undefined when it names none in both
 * directions: then everything is offered.
 */
export function fastestCiphers({ ciphers }: AlgorithmLists): readonly string[] | undefined {
  const name = GCM.find((name) => ciphers.every((list) => list.includes(name)))
  return name === undefined ? undefined : [name]
}

/** What is sealed to compare, and how often; the best of the tries counts. */
const SAMPLE = 64 * 1024
const TRIES = 5

/** Whether this processor does AES-GCM faster than ChaCha20-Poly1305: it does by far when it has instructions for it. */
export function gcmIsFastest(): boolean {
  return timeOf('aes-128-gcm', 16) < timeOf('chacha20-poly1305', 32)
}

function timeOf(name: 'aes-128-gcm' | 'chacha20-poly1305', key: number): number {
  const data = Buffer.alloc(SAMPLE)
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < TRIES; i++) {
    const begin = systemClock.elapsed()
    const cipher = createCipheriv(name, Buffer.alloc(key), Buffer.alloc(12), { authTagLength: 16 } as never)
    cipher.update(data)
    cipher.final()
    best = Math.min(best, systemClock.elapsed() - begin)
  }
  return best
}
