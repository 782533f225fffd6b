import { OpError } from '../base/error.ts'
import type { Pty, Session } from '../ssh/session.ts'
import { openScreen } from './screen.ts'
import type { WordsIO } from './word.ts'

/** Most that a word is given on its standard input: a password, keys. In bytes. */
const MOST_INPUT = 1024 * 1024
const CTRL_C = 3
const CTRL_D = 4

/** The words' input and output over an exec channel; with a terminal (`ssh -t`) there is somebody to be asked. */
export function ioOf(session: Session, pty: Pty | undefined): WordsIO {
  const { channel } = session
  let last: Promise<unknown> = Promise.resolve()
  const end = pty === undefined ? '\n' : '\r\n'
  // In order, and not awaited by the words: they say little.
  const say = (write: (bytes: Uint8Array) => Promise<void>, line: string): void => {
    const text = `${line.replaceAll('\n', end)}${end}`
    last = last.then(() => write(Buffer.from(text))).catch(() => {}) // Who went away hears nothing.
  }
  const complain = (line: string): void => say(pty === undefined ? channel.writeError : channel.write, line)
  return {
    print: (line) => say(channel.write, line),
    complain,
    async input() {
      if (pty === undefined) return textOf(channel.input)
      complain('Write it here, it is not shown; then Enter and ^D:')
      return textOf(typed(channel.input))
    },
    async confirm(question) {
      if (pty === undefined) return undefined
      await last
      using screen = openScreen(session, pty)
      return (await screen.confirm(question)) === true
    },
    settled: async () => {
      await last
    },
    stop: () => stopOf(session, pty),
  }
}

async function textOf(input: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of input) {
    bytes += chunk.length
    if (bytes > MOST_INPUT)
      throw new OpError('EINVAL', 'That is too much for a password or keys: 1 MiB is the most')
    parts.push(Buffer.from(chunk))
  }
  return Buffer.concat(parts).toString('utf8')
}

/** What is typed up to ^D, as lines. ECANCELED at ^C. */
async function* typed(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) {
    if (chunk.includes(CTRL_C)) throw new OpError('ECANCELED', 'Nothing was changed')
    const end = chunk.indexOf(CTRL_D)
    const text = Buffer.from(end < 0 ? chunk : chunk.subarray(0, end)).toString('latin1')
    yield Buffer.from(text.replaceAll('\r', '\n'), 'latin1')
    if (end >= 0) return
  }
}

/** Aborted when who asked wants no more: the client's end, ^C, the server's. */
function stopOf(session: Session, pty: Pty | undefined): AbortSignal {
  const stop = new AbortController()
  session.onSignal(() => stop.abort())
  const watch = async (): Promise<void> => {
    for await (const chunk of session.channel.input)
      if (chunk.includes(CTRL_C) || chunk.includes(CTRL_D)) return stop.abort()
  }
  // Its end is one of the others'.
  if (pty !== undefined) watch().catch(() => {})
  return AbortSignal.any([stop.signal, session.signal, session.draining])
}
