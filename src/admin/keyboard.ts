import { emitKeypressEvents } from 'node:readline'
import { PassThrough } from 'node:stream'
import type { Key, KeyListener, PromptInput } from './enquirer.ts'

export interface KeyboardParts {
  readonly input: AsyncIterable<Uint8Array>
  /** Waited for before more is read: a terminal that takes no output gives no keys. */
  readonly ready: () => Promise<void>
  /** The input ended, or a listener failed. */
  readonly over: (error?: unknown) => void
}

export interface Keyboard extends PromptInput, Disposable {
  /** More keys came already: what is drawn now would be drawn over at once. */
  readonly more: boolean
}

/** Keys typed ahead that are kept for the next question; what comes then waits at the client. */
const TYPE_AHEAD = 256
/** How long an Esc waits for the rest of an arrow key. */
const ESCAPE_MS = 60

/** A terminal's bytes as keys, given one after the other: a prompt takes the next one only when it has dealt with the one before. */
export function openKeyboard({ input, ready, over }: KeyboardParts): Keyboard {
  let listener: KeyListener | undefined
  let serving = false
  let closed = false
  const ahead: (readonly [string | undefined, Key])[] = []
  let fewer = (): void => {}

  const serve = async (): Promise<void> => {
    if (serving) return
    serving = true
    try {
      while (listener && !closed && ahead.length > 0) {
        const [text, key] = ahead.shift()!
        if (ahead.length <= TYPE_AHEAD) fewer()
        await listener(text, key)
      }
    } catch (error) {
      over(error)
    } finally {
      serving = false
    }
  }

  const keys = new PassThrough({ encoding: 'utf8' })
  emitKeypressEvents(keys, { escapeCodeTimeout: ESCAPE_MS } as never)
  keys.on('keypress', (text: string | undefined, key: Key) => {
    // ^Z stops a program at a terminal of its own; here there is nothing to go back to.
    if (key.ctrl && key.name === 'z') return
    ahead.push([text, key])
    void serve()
  })
  const pump = async (): Promise<void> => {
    for await (const chunk of input) {
      keys.write(Buffer.from(chunk))
      await ready()
      while (ahead.length > TYPE_AHEAD && !closed) {
        await new Promise<void>((resolve) => {
          fewer = resolve
        })
      }
    }
  }
  pump().then(() => over(), over)

  return {
    isTTY: true,
    get more() {
      return ahead.length > 0
    },
    attach(next) {
      listener = next
      // Prompts are not ready for keys in the turn in which they attach.
      setImmediate(serve)
      return () => {
        if (listener === next) listener = undefined
      }
    },
    [Symbol.dispose]() {
      closed = true
      fewer()
      keys.destroy()
    },
  }
}

/** Esc, ^C or ^D. */
export function leaves(key: Key): boolean {
  return key.name === 'escape' || (key.ctrl === true && (key.name === 'c' || key.name === 'd'))
}

export function isEnter({ name }: Key): boolean {
  return name === 'return' || name === 'enter'
}

export function isMove({ name = '' }: Key): boolean {
  return ['up', 'down', 'pageup', 'pagedown', 'home', 'end'].includes(name)
}

/** Lines that a key moves by; down is positive. */
export function stepOf({ name }: Key, page = 10): number {
  const steps: Readonly<Record<string, number>> = {
    up: -1,
    down: 1,
    pageup: -page,
    pagedown: page,
    home: Number.NEGATIVE_INFINITY,
    end: Number.POSITIVE_INFINITY,
  }
  return steps[name ?? ''] ?? 0
}
