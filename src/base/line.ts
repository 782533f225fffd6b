import type { Socket } from 'node:net'
import { type ErrorCode, isOpError, OpError } from './error.ts'

/** What goes over a line between two processes of ours; plain JSON values. */
export type Message =
  | { readonly ask: number; readonly word: string; readonly data: unknown }
  | { readonly answer: number; readonly value: unknown }
  | { readonly answer: number; readonly failed: { readonly code: ErrorCode; readonly message: string } }

/** The answer of a process that has ended. */
export const GONE = Symbol('the other process has ended')

/** One end of a line between two processes: a question is a word with data, or with a connection; either end may ask. */
export interface Line {
  /** GONE when the other end ends first. Errors of the other end come as they were thrown there. */
  ask(word: string, data?: unknown, socket?: Socket): Promise<unknown>
  /** A message has come, and a connection with it. */
  hear(message: Message, socket?: Socket): void
  /** The other end is gone. */
  cut(): void
}

export interface LineParts {
  readonly send: (message: Message, socket?: Socket) => void
  /** What is done when the other end asks. */
  readonly answers: Answers
  /** Hears of what goes wrong here and is nobody's mistake. */
  readonly failed: (error: unknown) => void
}

export type Answers = Map<string, (data: unknown, socket?: Socket) => unknown>

export function openLine({ send, answers, failed }: LineParts): Line {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let asked = 0
  let over = false

  async function answer(
    number: number,
    { word, data }: { readonly word: string; readonly data: unknown },
    socket?: Socket,
  ): Promise<void> {
    const how = answers.get(word)
    try {
      if (how === undefined) throw new Error(`Nobody answers to "${word}"`)
      send({ answer: number, value: await how(data, socket) })
    } catch (error) {
      if (!isOpError(error)) failed(error)
      const { code, message } = isOpError(error) ? error : new OpError('EIO', 'Internal error, see the log')
      send({ answer: number, failed: { code, message } })
    }
  }

  return {
    ask(word, data, socket) {
      if (over) return Promise.resolve(GONE)
      const mine = Promise.withResolvers<unknown>()
      waiting.set(++asked, mine)
      send({ ask: asked, word, data }, socket)
      return mine.promise
    },
    hear(message, socket) {
      if ('ask' in message) return void answer(message.ask, message, socket)
      const mine = waiting.get(message.answer)
      waiting.delete(message.answer)
      if ('failed' in message) mine?.reject(new OpError(message.failed.code, message.failed.message))
      else mine?.resolve(message.value)
    },
    cut() {
      over = true
      for (const mine of waiting.values()) mine.resolve(GONE)
      waiting.clear()
    },
  }
}

/** Functions of an object in another process. */
interface Call {
  readonly name: string
  readonly words: readonly unknown[]
}

/** Lets the other end call the functions of `object`. */
export function expose(answers: Answers, word: string, object: Readonly<Record<string, unknown>>): void {
  answers.set(word, (data) => {
    const { name, words } = data as Call
    const call = Object.hasOwn(object, name) ? object[name] : undefined
    if (typeof call !== 'function') throw new Error(`"${word}" has no "${name}"`)
    return call.apply(object, words)
  })
}

/** An object at the other end, of functions that give promises; its arguments and results are plain JSON values. */
export function elsewhere<T extends object>(line: Pick<Line, 'ask'>, word: string): T {
  const functions = new Map<string, (...words: readonly unknown[]) => Promise<unknown>>()
  const made = (name: string) => {
    const call = (...words: readonly unknown[]): Promise<unknown> => line.ask(word, { name, words })
    functions.set(name, call)
    return call
  }
  // What T has is known to the compiler alone.
  return new Proxy({} as T, {
    get: (_, name) =>
      // An object with a `then` would be taken for a promise.
      typeof name === 'string' && name !== 'then' ? (functions.get(name) ?? made(name)) : undefined,
  })
}
