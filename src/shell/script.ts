import { isOpError, OpError } from '../base/error.ts'
import type { CommandContext } from '../commands/command.ts'
import { sentenceOf, statusOfError } from '../commands/failed.ts'
import type { Language } from '../commands/language.ts'
import { splitCommands, type Word } from '../commands/words.ts'

/** Longest line that is taken, in bytes. */
export const MOST_LINE = 8 * 1024

/**
 * Runs lines of the command language as they come from a pipe. The first that fails ends it, with its status;
 * with `keepGoing` the others are run too, and the status is the first failure's.
 */
export async function runScript(
  language: Language,
  context: CommandContext,
  keepGoing: boolean,
): Promise<number> {
  const source = new ScriptInput(context.input)
  const inner: CommandContext = {
    ...context,
    input: source.body(undefined),
    body: (bytes) => source.body(bytes),
  }
  let failed = 0
  for (let number = 1; !inner.over; number++) {
    let line: string | undefined
    let commands: readonly (readonly Word[])[] | undefined
    try {
      line = await source.line()
      if (context.signal.aborted) throw new OpError('ECANCELED', 'Cancelled')
      if (line === undefined) return failed
      if (line.trimStart().startsWith('#')) continue
      commands = splitCommands(line)
      for (; commands.length > 0 && !inner.over; commands = commands.slice(1))
        await language.runWords(commands[0]!, inner)
    } catch (error) {
      if (!isOpError(error) || context.signal.aborted) throw error
      await context.complain(`Line ${number}: ${sentenceOf(error)}`)
      failed ||= statusOfError(error)
      if (!keepGoing || line === undefined) return failed
      if (commands?.some(isPut) ?? /\bput\b/.test(line)) {
        await context.complain(
          'What follows a put that failed cannot be told from commands: the script ends here',
        )
        return failed
      }
    }
  }
  return failed
}

/** A pipe's bytes: lines, and between them the bodies of files. */
class ScriptInput {
  readonly #chunks: AsyncIterator<Uint8Array>
  #held = Buffer.alloc(0)

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#chunks = input[Symbol.asyncIterator]()
  }

  /** The next line (a byte string) without its end; undefined at the end. EUSAGE: too long. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#held.indexOf(10)
      if (end >= 0 && end <= MOST_LINE)
        return this.#take(end + 1)
          .toString('latin1')
          .replace(/\r?\n$/, '')
      if (this.#held.length > MOST_LINE) throw new OpError('EUSAGE', `It is longer than ${MOST_LINE} bytes`)
      if (!(await this.#more()))
        return this.#held.length === 0 ? undefined : this.#take(this.#held.length).toString('latin1')
    }
  }

  /** The next `bytes`, or all that is left. */
  async *body(bytes = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
    for (let left = bytes; left > 0; ) {
      if (this.#held.length === 0 && !(await this.#more())) return
      const chunk = this.#take(Math.min(left, this.#held.length))
      left -= chunk.length
      yield chunk
    }
  }

  #take(count: number): Buffer {
    const taken = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(count)
    return taken
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next()
    if (done) return false
    // A chunk is lent until the next is asked for, and lines look back.
    this.#held = Buffer.concat([this.#held, value])
    return true
  }
}

function isPut([first]: readonly Word[]): boolean {
  return first?.text === 'put'
}
