import type { ZmodemLine } from '../../src/zmodem/line.ts'
import { FrameReader } from '../../src/zmodem/reader.ts'

/** More looks than any patience has: whoever waits on is found out, and not waited for. */
const MOST_LOOKS = 500

/** The other end of a line: each write is answered by the next of `answers`, and when there are no more by nothing. */
export function zmodemPeer(answers: Iterable<Uint8Array | undefined>): {
  readonly line: ZmodemLine
  readonly written: Buffer[]
} {
  const next = answers[Symbol.iterator]()
  const written: Buffer[] = []
  const queue: Uint8Array[] = []
  let looks = 0
  const reader = new FrameReader(
    async () => {
      if (++looks > MOST_LOOKS) throw new Error('It waits for ever')
      return queue.shift()
    },
    () => queue.length > 0,
  )
  return {
    written,
    line: {
      reader,
      async write(bytes) {
        written.push(Buffer.from(bytes))
        const { value } = next.next()
        if (value !== undefined) queue.push(value)
      },
    },
  }
}
