import { createRequire } from 'node:module'
import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'

/**
 * The prompts of enquirer 2.4.1, made fit for a daemon that serves many terminals. As they come, they take the
 * process' signals (SIGTERM with a prompt open ends the server at once), open a readline of their own for every
 * prompt (^Z stops the server, ^C throws), add listeners at every redraw and measure text in characters, so that
 * a wrapped line of wide ones is redrawn wrong. What they reach for is replaced here, once, at the places where
 * they look it up.
 */
const require = createRequire(import.meta.url)
const library = {
  keypress: require('enquirer/lib/keypress.js') as Keypress,
  ansi: require('enquirer/lib/ansi.js') as Ansi,
  parts: require('enquirer/lib/utils.js') as Parts,
  combos: require('enquirer/lib/combos.js') as { readonly ctrl: Readonly<Record<string, string>> },
}

/** What a prompt is given as its terminal; see screen.ts. */
export interface PromptInput {
  readonly isTTY: true
  /** Keys go to `listener` until the returned function is called. */
  attach(listener: KeyListener): () => void
}
export interface PromptOutput {
  readonly isTTY: true
  readonly columns: number
  readonly rows: number
  write(text: string): void
}
export type KeyListener = (text: string | undefined, key: Key) => unknown
export interface Key {
  readonly name?: string | undefined
  readonly sequence?: string | undefined
  readonly ctrl?: boolean | undefined
  readonly meta?: boolean | undefined
  readonly shift?: boolean | undefined
}

/** One question; `run` resolves to its answer and rejects when the person cancels. */
export interface Prompt {
  run(): Promise<unknown>
  render(): Promise<unknown>
  /** The sentence of an answer that was just refused. */
  error(): unknown
  keypress(text: string | undefined, key: Key): Promise<unknown>
  readonly state: { buffer: string; size: number; readonly submitted?: boolean; readonly error?: unknown }
  /** Choices that are shown at a time, of a list. */
  limit?: number
  /** Of a list: shows what is marked, whatever its limit has become. */
  keepInSight?(): void
}
export type PromptClass = new (options: Readonly<Record<string, unknown>>) => Prompt

export const prompts = {
  Select: require('enquirer/lib/prompts/select.js') as PromptClass,
  Input: require('enquirer/lib/prompts/input.js') as PromptClass,
  Password: require('enquirer/lib/prompts/password.js') as PromptClass,
  Confirm: require('enquirer/lib/prompts/confirm.js') as PromptClass,
}

/** What keys with Ctrl do, with some of them changed: a prompt takes a table whole. */
export function ctrlKeys(changed: Readonly<Record<string, string>>) {
  return { ctrl: { ...library.combos.ctrl, ...changed } }
}

/** Text that stands back behind the rest. */
export function muted(text: string): string {
  return `\x1b[2m${text}\x1b[22m`
}

library.keypress.listen = (prompt, listener) =>
  prompt.stdin.attach((text, key) => listener(text, library.keypress(text, key)))

// The terminals are not the process'; ending is the server's business.
library.parts.onExit = () => () => {}

library.ansi.strLen = (text) => stringWidth(text)

library.ansi.clear = (text, columns) => {
  const rows = stripVTControlCharacters(text)
    .split(/\r?\n/)
    .reduce((sum, line) => sum + rowsOf(line, columns), 0)
  const { erase, cursor } = library.ansi
  return (erase.line + cursor.prevLine()).repeat(rows - 1) + erase.line + cursor.to(0)
}

/** How many rows a line takes: a character of two cells that does not fit at the end of a row goes to the next. */
export function rowsOf(line: string, columns: number): number {
  let rows = 1
  let column = 0
  for (const { segment } of segmenter.segment(line)) {
    const width = stringWidth(segment)
    if (column + width > columns) {
      rows += 1
      column = 0
    }
    column += width
  }
  return rows
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

interface Keypress {
  (text: string | undefined, key: Key): Key
  listen(prompt: { readonly stdin: PromptInput }, listener: KeyListener): () => void
}
interface Ansi {
  readonly erase: { readonly line: string }
  readonly cursor: { prevLine(): string; to(column: number): string }
  strLen(text: string): number
  clear(text: string, columns: number): string
}
interface Parts {
  onExit(callback: () => void): () => void
}
