import type { LentDescriptor } from '../../src/vfs/vfs.ts'

/** Of a file that nobody closes, unless `closing` says so. */
export function lent(number: number, closing: AbortSignal = new AbortController().signal): LentDescriptor {
  return { number, closing, [Symbol.dispose]() {} }
}
