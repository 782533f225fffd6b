import stringWidth from 'string-width'
import type { Awaitable } from '../base/awaitable.ts'
import { isOpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { ctrlKeys, type Key, muted, type PromptOutput } from './enquirer.ts'
import { type List, listKeys } from './list-keys.ts'
import { fitted, wrapped } from './table.ts'

/** One line of a list to choose from. */
export interface Choice<T> {
  readonly label: string
  readonly value: T
  /** What stands there in so many columns, where that is more than the label; what steers a terminal is escaped in it. */
  readonly row?: (columns: number) => string
  /** Said beside it when there is room. */
  readonly hint?: string
  /** What stands there once it is chosen; by default its label. */
  readonly chosen?: string
}

/** The sentence that says what is wrong with an answer, or undefined. */
export type Check = (text: string) => Awaitable<string | undefined>

/** A picture over the whole screen. */
export interface Live {
  /** Lines; what they hold from outside must be escaped already. What does not fit is cut off. */
  readonly draw: () => Awaitable<readonly string[]>
  readonly everyMs: number
  /** Whether it goes on. */
  readonly key: (key: Key, text: string | undefined) => Awaitable<boolean>
}

export interface ListOptions {
  readonly initial?: number
  /** A line above the choices, for so many columns. */
  readonly head?: (columns: number) => string
  /** What Esc does. */
  readonly back?: string
}

type Options = Readonly<Record<string, unknown>>

/** What enquirer's Select is given: choices cut to the width, keys that keep their order, a footer that helps. */
export function choiceOptions<T>(
  question: string,
  given: readonly Choice<T>[],
  output: PromptOutput,
  { initial = 0, head, back = 'Esc goes back' }: ListOptions,
): Options {
  const choices = given.map(escapedChoice)
  const widest = Math.max(...choices.map(({ label }) => label.length))
  const line = ({ label, hint, row }: Choice<T>, columns: number): string =>
    fitted(row?.(columns) ?? (hint === undefined ? label : `${label.padEnd(widest)}   ${hint}`), columns)
  return {
    message: escapeText(question),
    // Asked at each drawing: the width may be another one.
    choices: choices.map((choice, index) => ({
      name: String(index),
      message: () => line(choice, output.columns - 4),
    })),
    index: 0,
    limit: Math.max(3, output.rows - 5),
    ...listKeys(
      choices.map(({ label }) => label),
      initial,
    ),
    format: chosenLabel(choices.map(({ chosen = '' }) => chosen)),
    footer: footerOf(choices.length, back, output),
    ...(head === undefined
      ? {}
      : { choicesHeader: () => muted(fitted(`  ${head(output.columns - 4)}`, output.columns - 1)) }),
  }
}

function escapedChoice<T>({ label, hint, row, chosen = label.trim(), value }: Choice<T>): Choice<T> {
  return {
    label: escapeText(label),
    ...(hint === undefined ? {} : { hint: escapeText(hint) }),
    ...(row === undefined ? {} : { row }),
    chosen: escapeText(chosen),
    value,
  }
}

/** What enquirer's Input and Password are given. */
export function textOptions(
  question: string,
  output: PromptOutput,
  {
    initial,
    check,
    hint,
    masked = false,
  }: {
    readonly initial?: string
    readonly check?: Check
    readonly hint?: (text: string) => string
    readonly masked?: boolean
  },
): Options {
  return {
    message: escapeText(question),
    initial,
    async validate(this: { input: string; cursor: number }, text: string) {
      const wrong = await check?.(text)
      if (wrong === undefined) return true
      // Nobody can mend what nobody can read: what is typed next begins anew.
      if (masked) {
        this.input = ''
        this.cursor = 0
      }
      return wrapped(wrong, output.columns - 3).join('\n  ')
    },
    actions: ctrlKeys({ u: 'reset' }),
    footer(this: { readonly state: PromptState; readonly input: string }) {
      // The sentence of a refused answer stands there already.
      if (hint === undefined || this.state.error || this.state.submitted) return ''
      return muted(`  ${fitted(hint(this.input), output.columns - 3)}`)
    },
  }
}

export function confirmOptions(question: string): Options {
  return {
    message: escapeText(question),
    initial: false,
    format: yesOrNo,
    dispatch: typeYesOrNo,
    delete: takeBack,
    actions: ctrlKeys({ d: 'cancel' }),
  }
}

/** A check that may throw its sentence. */
export function sentence(check: (text: string) => unknown): (text: string) => string | undefined {
  return (text) => {
    try {
      const said = check(text)
      return typeof said === 'string' ? said : undefined
    } catch (error) {
      if (isOpError(error)) return escapeText(error.message)
      throw error
    }
  }
}

interface PromptState {
  readonly submitted?: boolean
  readonly cancelled?: boolean
  readonly error?: unknown
}
interface SelectPrompt extends List {
  readonly state: PromptState
  readonly selected: { readonly name: string }
}

/** Of what was chosen, what the person read; its name is ours. */
function chosenLabel(labels: readonly string[]) {
  return function (this: SelectPrompt): string {
    return this.state.submitted && !this.state.cancelled ? (labels[Number(this.selected.name)] ?? '') : ''
  }
}

/** Where one is in a list that does not fit, and what the keys do. */
function footerOf(count: number, back: string, output: PromptOutput) {
  return function (this: SelectPrompt): string {
    if (this.state.submitted) return ''
    const long = count > this.visible.length
    const where = long ? `${this.focused.index + 1} of ${count} · ` : ''
    // Least is known of Esc: it is there at every width.
    const lines = [...(long ? [ALL_KEYS] : []), ...KEYS].map((keys) => `  ${where}${keys}; ${back}`)
    const line = lines.find((text) => stringWidth(text) < output.columns) ?? lines.at(-1)!
    return muted(fitted(line, output.columns - 1))
  }
}

const ALL_KEYS = '↑↓ PgUp PgDn Home End or type its name, Enter'
const KEYS = ['↑↓ or type its name, Enter', '↑↓ or type, Enter', '↑↓ Enter']

interface ConfirmPrompt {
  readonly state: PromptState
  /** What is typed; at first the default, which is no text. */
  input: string | boolean
  render(): unknown
  alert(): unknown
}

/** What is typed; before that the question's (y/N) says enough. */
function yesOrNo(this: ConfirmPrompt, yes: unknown): string {
  if (!this.state.submitted) return typedIn(this)
  return this.state.cancelled ? '' : yes === true ? 'yes' : 'no'
}

/** The answer is given by Enter, as every other: an Enter after a y that was taken at once would answer the next question. */
function typeYesOrNo(this: ConfirmPrompt, letter = ''): unknown {
  const longer = typedIn(this) + letter.toLowerCase()
  const known = [longer, letter.toLowerCase()].find((text) =>
    ['yes', 'no'].some((word) => text !== '' && word.startsWith(text)),
  )
  if (known === undefined) return this.alert()
  this.input = known
  return this.render()
}

function takeBack(this: ConfirmPrompt): unknown {
  this.input = typedIn(this).slice(0, -1)
  return this.render()
}

function typedIn({ input }: ConfirmPrompt): string {
  return typeof input === 'string' ? input : ''
}
