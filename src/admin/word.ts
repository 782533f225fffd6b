import type { ParseArgsConfig } from 'node:util'
import type { Actions } from '../accounts/actions.ts'
import type { Actor } from '../accounts/actor.ts'
import { OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { jsonLine } from '../commands/json.ts'
import type { Desk } from './desk.ts'

/** Where the words of an admin come from and their answers go. */
export interface WordsIO {
  print(line: string): void
  complain(line: string): void
  /** Everything on standard input, as text. */
  input(): Promise<string>
  /** Asks for a yes; undefined when nobody is there to be asked. */
  confirm(question: string): Promise<boolean | undefined>
  /** Resolves when all of it was handed over. */
  settled?(): Promise<void>
  /** Aborted when whoever asked wants no more of what goes on and on. Asked for once, by a word that reads no input. */
  stop?(): AbortSignal
}

export interface WordsParts {
  readonly actions: Actions
  readonly now: () => number
  /** The server that runs; a console without one has none. */
  readonly desk?: Desk
}

/** What `parseArgs` is given, and what help says of each: what stands for its value, and what it is for. */
export type Options = Readonly<
  Record<string, NonNullable<ParseArgsConfig['options']>[string] & { readonly about?: readonly string[] }>
>
export type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>
export interface Word {
  readonly usage: string
  readonly summary: string
  readonly options?: Options
  run(call: Call): Promise<void>
}
export interface Call {
  readonly actor: Actor
  readonly parts: WordsParts
  readonly io: WordsIO
  readonly names: readonly string[]
  readonly values: Values
  readonly json: boolean
}

/** The answer of a word: for scripts one JSON value, for people lines. Neither steers a terminal, whatever names it holds. */
export function answer({ io, json }: Call, value: unknown, lines: readonly string[]): void {
  if (json) io.print(jsonLine(value))
  else for (const line of lines) io.print(escapeText(line))
}

/** Public keys, as `key-line` of a word's options; the console reads `--key FILE` and sends its lines. */
export const KEY_LINE: Options[string] = {
  type: 'string',
  multiple: true,
  about: ['LINE', 'a public key that logs in: the line of its ".pub" file, in quotes'],
}

export const YES: Options[string] = { type: 'boolean', about: ['without being asked'] }

export function exactly(names: readonly string[], count: number, usage: string): readonly string[] {
  if (names.length !== count) throw usageError(usage)
  return names
}

export function usageError(usage: string): OpError {
  return new OpError('EUSAGE', `Usage: ${usage}`)
}

/** All values of an option that may be said more than once. */
export function listOf(value: Values[string]): readonly string[] {
  return [value ?? []].flat().map(String)
}

/** A secret from standard input. EINVAL when there is none. */
export async function firstLine(io: WordsIO, what: string): Promise<string> {
  const [line = ''] = (await io.input()).split(/\r?\n/)
  if (line !== '') return line
  throw new OpError(
    'EINVAL',
    `There is no ${what} in the input: write it as the first line of standard input`,
  )
}
