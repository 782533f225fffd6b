import { OpError } from '../base/error.ts'
import type { Pty, Session } from '../ssh/session.ts'
import { type Key, type Prompt, type PromptClass, type PromptOutput, prompts } from './enquirer.ts'
import { type Keyboard, openKeyboard } from './keyboard.ts'
import {
  type Check,
  type Choice,
  choiceOptions,
  confirmOptions,
  type ListOptions,
  type Live,
  textOptions,
} from './questions.ts'
import { fitted, wrapped } from './table.ts'

/** A person's terminal at the other end of a session. Every question answers undefined when it was cancelled (Esc, ^C). */
export interface Screen {
  readonly columns: number
  readonly rows: number
  /** Lines; what they hold from outside must be escaped already. */
  print(...lines: readonly string[]): void
  clear(): void
  /** Clears away the questions that were answered; what was printed stays. */
  tidy(): void
  /** What is typed goes to the choice that begins with it. */
  choose<T>(question: string, choices: readonly Choice<T>[], options?: ListOptions): Promise<T | undefined>
  /** `check` is told while the answer is typed, and asked when it is given. */
  ask(
    question: string,
    options?: { readonly initial?: string; readonly check?: Check; readonly hint?: (text: string) => string },
  ): Promise<string | undefined>
  /** Shows stars, and takes them away when `check` refuses. */
  secret(question: string, check?: Check): Promise<string | undefined>
  confirm(question: string): Promise<boolean | undefined>
  /** A picture over the whole screen that is drawn anew until a key says that it is enough; what was there before comes back. */
  live(picture: Live): Promise<void>
}

/** Output that may wait for a slow terminal before keys are no longer taken, in bytes. */
const MOST_WAITING = 64 * 1024
/** Output that may wait before a live picture is not drawn again. */
const MOST_UNDRAWN = 4 * 1024
/** Lines that are shown again after a resize. */
const MOST_RECENT = 50

const HOME = '\x1b[H'
/** Not ESC [2J: what clears a screen in a log of a terminal is then known to come from a name. */
const CLEAR = '\x1b[H\x1b[J'
const LINE_END = '\x1b[K'
const BELOW = '\x1b[J'
const SHOW_CURSOR = '\x1b[?25h'
const HIDE_CURSOR = '\x1b[?25l'
/** The other screen of a terminal, which leaves the first as it is. */
const OTHER_SCREEN = '\x1b[?1049h'
const FIRST_SCREEN = '\x1b[?1049l'

/**
 * Speaks with the person at `session`'s terminal. When the session ends or the server drains, every open question
 * rejects with ECANCELED, and so does every further one.
 */
export function openScreen(session: Session, pty: Pty): Screen & Disposable {
  const { channel } = session
  const ended = Promise.withResolvers<never>()
  ended.promise.catch(() => {}) // Whoever asks next hears it.
  let over = false
  let waiting = 0
  let wake = (): void => {}
  const recent: string[] = []
  let redraw: (() => unknown) | undefined

  const end = (error?: unknown): void => {
    over = true
    ended.reject(error instanceof Error ? error : new OpError('ECANCELED', 'The session ended'))
    wake()
  }
  const left = (): void => end()
  session.signal.addEventListener('abort', left, { once: true })
  session.draining.addEventListener('abort', left, { once: true })
  if (session.draining.aborted) end()

  const send = (text: string): void => {
    const bytes = Buffer.from(text.replace(/\r?\n/g, '\r\n'))
    waiting += bytes.length
    channel.write(bytes).then(() => {
      waiting -= bytes.length
      if (waiting <= MOST_WAITING) wake()
    }, end)
  }
  const output: PromptOutput = {
    isTTY: true,
    get columns() {
      return Math.max(20, pty.columns)
    },
    get rows() {
      return Math.max(5, pty.rows)
    },
    write(text) {
      if (!over) send(text)
    },
  }
  const keyboard = openKeyboard({
    input: channel.input,
    async ready() {
      while (waiting > MOST_WAITING && !over) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    over: end,
  })
  pty.onResize(() => redraw?.())

  const reprint = (): void => {
    const lines = recent.slice(-Math.max(1, output.rows - 8))
    output.write(`${CLEAR}${lines.map((line) => `${line}\n`).join('')}`)
  }

  async function run(kind: PromptClass, options: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (over) return ended.promise
    const prompt = new kind({ ...options, stdin: keyboard, stdout: output })
    const draw = drawingInTurn(prompt, keyboard)
    redraw = () => {
      // The terminal has wrapped what was there anew: only a fresh screen is sure.
      prompt.state.buffer = ''
      prompt.state.size = 0
      if (prompt.limit !== undefined) prompt.limit = Math.max(3, output.rows - 5)
      prompt.keepInSight?.()
      reprint()
      return draw()
    }
    try {
      return await Promise.race([prompt.run().catch(cancelled), ended.promise])
    } finally {
      redraw = undefined
    }
  }
  const text = (answer: unknown): string | undefined => (answer === undefined ? undefined : String(answer))

  return {
    get columns() {
      return output.columns
    },
    get rows() {
      return output.rows
    },
    print(...lines) {
      const broken = lines.flatMap((line) => wrapped(line, output.columns))
      recent.push(...broken)
      recent.splice(0, recent.length - MOST_RECENT)
      if (lines.length > 0) output.write(`${broken.join('\n')}\n`)
    },
    clear() {
      recent.length = 0
      output.write(CLEAR)
    },
    tidy: reprint,
    async choose<T>(
      question: string,
      choices: readonly Choice<T>[],
      options: ListOptions = {},
    ): Promise<T | undefined> {
      const name = await run(prompts.Select, choiceOptions(question, choices, output, options))
      return name === undefined ? undefined : choices[Number(name)]?.value
    },
    ask: async (question, options = {}) =>
      text(await run(prompts.Input, textOptions(question, output, options))),
    secret: async (question, check) =>
      text(
        await run(
          prompts.Password,
          textOptions(question, output, check === undefined ? { masked: true } : { masked: true, check }),
        ),
      ),
    async confirm(question) {
      const yes = await run(prompts.Confirm, confirmOptions(question))
      return yes === undefined ? undefined : yes === true
    },
    async live({ draw, everyMs, key }) {
      if (over) return ended.promise
      const done = Promise.withResolvers<void>()
      let drawing = false
      const show = async (): Promise<void> => {
        if (drawing || waiting > MOST_UNDRAWN || over) return
        drawing = true
        try {
          const lines = (await draw()).slice(0, output.rows)
          const shown = lines.map((line) => `${fitted(line, output.columns)}${LINE_END}`)
          output.write(`${HOME}${shown.join('\n')}${BELOW}`)
        } catch (error) {
          done.reject(error)
        } finally {
          drawing = false
        }
      }
      output.write(`${OTHER_SCREEN}${HIDE_CURSOR}`)
      const timer = setInterval(show, everyMs)
      redraw = show
      const detach = keyboard.attach(async (typed, pressed: Key) => {
        if (await key(pressed, typed)) await show()
        else done.resolve()
      })
      void show()
      try {
        await Promise.race([done.promise, ended.promise])
      } finally {
        clearInterval(timer)
        redraw = undefined
        detach()
        output.write(`${SHOW_CURSOR}${FIRST_SCREEN}`)
      }
    },
    [Symbol.dispose]() {
      session.signal.removeEventListener('abort', left)
      session.draining.removeEventListener('abort', left)
      // A question that was cut off has hidden it.
      if (!session.signal.aborted) send(SHOW_CURSOR)
      end()
      keyboard[Symbol.dispose]()
    },
  }
}

/**
 * A prompt draws at every key and does not wait for it: two drawings at once would mix. And while more keys are there
 * (a paste) it draws only after the last.
 */
function drawingInTurn(prompt: Prompt, keyboard: Keyboard): () => Promise<unknown> {
  const draw = prompt.render.bind(prompt)
  const take = prompt.keypress.bind(prompt)
  let last: Promise<unknown> = Promise.resolve()
  let behind = false
  /** The sentence of an answer that was refused: the prompt itself shows it in one drawing alone. */
  let refused: unknown
  let again = false
  const sentence = prompt.error.bind(prompt)
  prompt.error = async () => (await sentence()) || (again && !prompt.state.submitted ? refused : '')
  const inTurn = (): Promise<unknown> => {
    last = last.then(draw)
    return last
  }
  prompt.render = () => {
    refused = prompt.state.error
    behind = keyboard.more && !prompt.state.submitted && prompt.state.error === undefined
    return behind ? last : inTurn()
  }
  prompt.keypress = async (...args) => {
    await take(...args)
    if (behind && !keyboard.more) prompt.render()
    await last
  }
  return () => {
    last = last.then(async () => {
      again = true
      await draw()
      again = false
    })
    return last
  }
}

/** enquirer rejects with '' when the person cancels, and with an error when something is wrong. */
function cancelled(reason: unknown): undefined {
  if (reason instanceof Error) throw reason
  return undefined
}
