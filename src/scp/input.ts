import { OpError } from '../base/error.ts'

/** Longest line of the protocol: a mode, a size and a name. */
const MOST_LINE = 8 * 1024

/** Lines and runs of bytes out of one stream. */
export interface ScpInput {
  /** Without its newline; undefined at the end. EPROTO for one that is too long. */
  line(): Promise<string | undefined>
  /** Exactly `count` bytes, as views; ECANCELED when the stream ends before. */
  bytes(count: number): AsyncGenerator<Uint8Array>
  byte(): Promise<number | undefined>
}

export function inputOf(stream: AsyncIterable<Uint8Array>): ScpInput {
  const source = stream[Symbol.asyncIterator]()
  let held: Uint8Array = new Uint8Array(0)

  async function fill(): Promise<boolean> {
    while (held.length === 0) {
      const next = await source.next()
      if (next.done) return false
      held = next.value
    }
    return true
  }

  return {
    async line() {
      let text = ''
      while (await fill()) {
        const end = held.indexOf(10)
        text += Buffer.from(held.subarray(0, end < 0 ? held.length : end)).toString('latin1')
        held = end < 0 ? new Uint8Array(0) : held.subarray(end + 1)
        if (text.length > MOST_LINE) throw new OpError('EPROTO', 'Line too long')
        if (end >= 0) return text
      }
      return text === '' ? undefined : text
    },
    async *bytes(count) {
      for (let left = count; left > 0; ) {
        if (!(await fill())) throw new OpError('ECANCELED', 'The connection ended in the middle of a file')
        const part = held.subarray(0, left)
        held = held.subarray(part.length)
        left -= part.length
        yield part
      }
    },
    async byte() {
      if (!(await fill())) return undefined
      const [first] = held
      held = held.subarray(1)
      return first
    },
  }
}
