import type { Actor } from '../accounts/actions.ts'
import { isOpError, OpError } from '../base/error.ts'
import { splitWords } from '../commands/words.ts'
import type { Session, SessionHandler } from '../ssh/session.ts'
import { runWords, type WordsIO, type WordsParts } from './words.ts'

/** The session handler of "exec" for admins: the words of words.ts over a channel; exit status 0, 1, 2. */
export function adminExec(parts: WordsParts): SessionHandler {
  return async (session) => {
    const { request, channel, identity, log } = session
    if (request.type !== 'exec') return 2
    try {
      const words = splitWords(request.command).map((word) =>
        Buffer.from(word.text, 'latin1').toString('utf8'),
      )
      return await runWords(words, actorOf(session), parts, ioOf(session))
    } catch (error) {
      if (session.signal.aborted) return 130
      if (!isOpError(error)) log.error('command failed', error, { account: identity.account })
      await channel.writeError(Buffer.from(`${isOpError(error) ? error.message : 'Internal error'}\n`))
      return isOpError(error, 'EUSAGE') ? 2 : 1
    }
  }
}

export function actorOf({ identity, origin }: Session): Actor {
  return { name: identity.account, role: identity.role, from: origin.address }
}

function ioOf({ channel }: Session): WordsIO {
  let last: Promise<unknown> = Promise.resolve()
  // In order, and not awaited by the words: they say little.
  const say = (write: (bytes: Uint8Array) => Promise<void>, line: string): void => {
    last = last.then(() => write(Buffer.from(`${line}\n`))).catch(() => {}) // Who went away hears nothing.
  }
  return {
    print: (line) => say(channel.write, line),
    complain: (line) => say(channel.writeError, line),
    input: () => inputOf(channel.input),
    confirm: async () => undefined,
    settled: async () => {
      await last
    },
  }
}

/** Most that a word is given on its standard input: a password, keys. In bytes. */
const MOST_INPUT = 1024 * 1024

async function inputOf(input: AsyncIterable<Uint8Array>): Promise<string> {
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
