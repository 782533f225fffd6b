import { parseArgs } from 'node:util'
import type { Actor } from '../accounts/actor.ts'
import { isOpError, OpError } from '../base/error.ts'
import { asSentence, optionFault } from '../base/option-fault.ts'
import { sentenceOf } from '../commands/failed.ts'
import { jsonLine } from '../commands/json.ts'
import { helpAsked, helpOn, unknownWord } from './help.ts'
import { KEY_WORDS } from './key-words.ts'
import { QUOTA_WORDS } from './quota-words.ts'
import { SECOND_STEP_WORDS } from './second-step.ts'
import { SERVER_WORDS } from './server-words.ts'
import { USER_WORDS } from './user-words.ts'
import type { Options, Values, Word, WordsIO, WordsParts } from './word.ts'

export type { WordsIO, WordsParts } from './word.ts'

/** Runs one command of an admin: exit status 0 done, 1 failed, 2 the words are off. */
export async function runWords(
  words: readonly string[],
  actor: Actor,
  parts: WordsParts,
  io: WordsIO,
): Promise<number> {
  let heard = false
  const hearing: WordsIO = {
    ...io,
    input() {
      heard = true
      return io.input()
    },
  }
  try {
    const topic = helpAsked(words)
    const help = topic === undefined ? undefined : (helpOn(topic, WORDS) ?? helpOn(beginningOf(topic), WORDS))
    if (help !== undefined) {
      io.print(help)
      return 0
    }
    const found = find(words)
    if (found === undefined)
      throw new OpError('EUSAGE', unknownWord(topic === undefined ? words : topic.split(' '), WORDS))
    const { word, rest } = found
    const { values, positionals } = parse(word, rest)
    await word.run({ actor, parts, io: hearing, names: positionals, values, json: values.json === true })
    return 0
  } catch (error) {
    if (!isOpError(error)) throw error
    // A value that cannot be is a word that is off; what came on standard input is none.
    const off = error.code === 'EUSAGE' || (error.code === 'EINVAL' && !heard)
    const said = off ? new OpError('EUSAGE', error.message, { cause: error }) : error
    io.complain(complaintOf(said, isForScripts(words)))
    return off ? 2 : 1
  } finally {
    await io.settled?.()
  }
}

/** What is said of an error: a sentence; to a script `{"code","message"}`. */
export function complaintOf(error: OpError, json: boolean): string {
  return json ? jsonLine({ code: error.code, message: error.message }) : sentenceOf(error)
}

/** Whether one JSON value is wanted, be the rest of the words right or not. */
export function isForScripts(words: readonly string[]): boolean {
  return words.includes('--json')
}

const JSON_OPTION: Options = { json: { type: 'boolean' } }

/** Every word, in the order in which help shows them. */
export const WORDS: Readonly<Record<string, Word>> = {
  ...USER_WORDS,
  ...KEY_WORDS,
  ...SECOND_STEP_WORDS,
  ...QUOTA_WORDS,
  ...SERVER_WORDS,
}

/** Options of `user add` that other words set later. */
const SET_BY: Readonly<Record<string, string>> = {
  quota: 'quota set',
  files: 'quota set',
  'key-line': 'key add',
  'password-stdin': 'user passwd',
}

/** The word that more words follow; '?' when there is none. */
function beginningOf(topic: string): string {
  const words = topic.split(' ')
  return (
    [2, 1].map((length) => words.slice(0, length).join(' ')).find((name) => Object.hasOwn(WORDS, name)) ?? '?'
  )
}

function find(words: readonly string[]): { word: Word; rest: readonly string[] } | undefined {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(' ')
    if (Object.hasOwn(WORDS, name)) return { word: WORDS[name]!, rest: words.slice(length) }
  }
  return undefined
}

function parse(word: Word, rest: readonly string[]): { values: Values; positionals: readonly string[] } {
  try {
    return parseArgs({
      args: [...rest],
      options: { ...word.options, ...JSON_OPTION },
      allowPositionals: true,
      strict: true,
    })
  } catch (cause) {
    if (rest.some((text) => /^--password(=|$)/.test(text)))
      throw new OpError(
        'EUSAGE',
        'A password is never taken from the command line, where others see it: use --password-stdin, and write it to standard input',
      )
    if (rest.some((text) => /^--key(=|$)/.test(text)) && word.options?.['key-line'] !== undefined)
      throw new OpError(
        'EUSAGE',
        'A file of yours is read by npx miniftpd alone: over ssh give the key itself, by --key-line or, to key add, on standard input',
        { cause },
      )
    const why = asSentence(optionFault(cause, Object.keys({ ...word.options, ...JSON_OPTION })))
    const other = rest.map((text) => /^--([a-z-]+)/.exec(text)?.[1]).find((name) => SET_BY[name ?? ''])
    const hint =
      why.startsWith('Unknown') && other !== undefined ? `\n--${other}: see help ${SET_BY[other]}` : ''
    throw new OpError('EUSAGE', `${why} Usage: ${word.usage}${hint}`, { cause })
  }
}
