import { setImmediate as othersFirst } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { asSentence, optionFault } from '../base/option-fault.ts'
import { nearest } from '../base/units.ts'
import type { Call, Command, CommandContext } from './command.ts'
import { fitsBeside, pairs, wrapped } from './layout.ts'
import { expand, isPattern } from './patterns.ts'
import { splitCommands, type Word } from './words.ts'

export interface Language {
  readonly commands: readonly Command[]
  find(word: string): Command | undefined
  /** Runs a line (a byte string): commands up to the first that fails. Throws OpError; EUSAGE when the words are off. */
  run(line: string, context: CommandContext): Promise<void>
  /** One of its commands: words, patterns, options. */
  runWords(words: readonly Word[], context: CommandContext): Promise<void>
}

export function languageOf(commands: readonly Command[]): Language {
  const table = new Map<string, Command>()
  for (const command of commands)
    for (const name of [command.name, ...(command.aliases ?? [])]) table.set(name, command)

  return {
    commands,
    find: (word) => table.get(word),
    async run(line, context) {
      for (const [at, words] of splitCommands(line).entries()) {
        if (at > 0) await othersFirst()
        await this.runWords(words, context)
        if (context.over) return
      }
    },
    async runWords([first, ...rest], context) {
      if (first === undefined) return
      const command = table.get(first.text)
      if (command === undefined) throw unknownCommand(first.text, commands)
      if (asksForHelp(rest)) return context.print(helpOf(command, context.columns))
      // Before patterns grow: what they find are names, and there may be many.
      const call = parse(command, rest)
      const args: string[] = []
      let matched = false
      let found = 0
      for (const word of call.words) {
        if (!isPattern(word)) args.push(word.text)
        else {
          const names = await expand(word, context, found)
          for (const name of names) args.push(asName(name))
          found += names.length
          matched ||= names.length > 1
        }
      }
      await command.run({ ...call, args, matched, command, context })
    },
  }
}

/** What each command is for, a line each where a terminal of `columns` has the room. */
export function longHelp(commands: readonly Command[], columns?: number): string {
  const listed = commands.filter((command) => command.hidden !== true)
  const usages = listed.map(({ usage, summary }) => [withoutOptions(usage), summary] as const)
  const names = listed.map(({ name, summary }) => [name, summary] as const)
  const rows = fitsBeside(usages, columns) ? usages : names
  return `${pairs(rows, columns)}\n${wrapped('help COMMAND tells its options', columns)}`
}

/** All of one command: how it goes, what for, its options, and what it looks like. */
export function helpOf(command: Command, columns?: number): string {
  const { usage, summary, aliases = [], options = {}, examples = [] } = command
  const rows = Object.entries(options).flatMap(([name, { short, type, about }]) => {
    const long = type === 'string' ? `--${name} ${about?.[0] ?? 'VALUE'}` : `--${name}`
    return about === undefined
      ? []
      : [[`${short === undefined ? '   ' : `-${short},`} ${long}`, about.at(-1)!] as const]
  })
  const parts = [
    `${wrapped(usage, columns, '  ')}\n${wrapped(`  ${summary}`, columns, '  ')}`,
    rows.length === 0 ? '' : pairs(rows, columns),
    examples.map((line) => `  ${line}`).join('\n'),
    aliases.length === 0 ? '' : `  The same: ${aliases.join(', ')}`,
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function withoutOptions(usage: string): string {
  return usage.replace(/ \[-[^\]]*\]/g, '')
}

/** The words alone. */
export function shortHelp(commands: readonly Command[]): string {
  const words = commands.filter(({ hidden }) => hidden !== true).map(({ name }) => name)
  return `Commands: ${words.join(' ')}; help COMMAND tells more`
}

export function usageError(command: Command): OpError {
  return new OpError('EUSAGE', `Usage: ${command.usage}`)
}

/** More words than it takes: most often a name with spaces in it. EUSAGE. */
export function atMost(count: number, { args, command, matched }: Call): void {
  if (args.length <= count) return
  if (matched || count === 0) throw usageError(command)
  throw new OpError('EUSAGE', `Usage: ${command.usage}\nA name with spaces in it goes in quotes`)
}

export function unknownCommand(word: string, commands: readonly Command[]): OpError {
  const listed = commands.filter(({ hidden }) => hidden !== true)
  const names = listed.flatMap(({ name, aliases = [] }) => [name, ...aliases])
  const meant = listed.find(({ name }) => ELSEWHERE[name]?.includes(word))?.name
  const near = meant ?? nearest(word, names)
  const hint = PROGRAMS.test(word)
    ? ': no programs are run here, files go by sftp, scp, rclone, lftp or miniftp'
    : near === undefined
      ? ''
      : `, did you mean "${near}"?`
  return new OpError('EUSAGE', `Unknown command "${shown(word)}"${hint}\n${shortHelp(commands)}`)
}

/** What the same is called on Unix, Windows and at the prompts of other clients, by our names. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  put: ['mput', 'reput', 'send', 'upload', 'touch'],
  get: ['mget', 'reget', 'recv', 'fetch', 'download', 'wget'],
  ls: ['ll', 'list', 'nlist'],
  cd: ['chdir'],
  mkdir: ['md'],
  rm: ['rmdir', 'rd', 'del', 'delete', 'erase', 'unlink'],
  mv: ['move', 'ren'],
  cp: ['copy'],
  cat: ['more', 'less', 'type', 'head', 'tail'],
  stat: ['info', 'file'],
  quota: ['du'],
  help: ['man'],
  bye: ['logout', 'q', 'close', 'disconnect'],
}

/** What programs ask for at the other side, to talk to it. */
const PROGRAMS = /^(?:exec|env|(?:\/bin\/)?(?:ba)?sh|rsync|git-.*|borg|unison)$/

function asksForHelp(words: readonly { readonly text: string }[]): boolean {
  const texts = words.map(({ text }) => text)
  const at = texts.indexOf('--help')
  // Behind "--" it is a name.
  return at >= 0 && !texts.slice(0, at).includes('--')
}

/** A name that a pattern has or found is never an option. */
function asName(text: string): string {
  return text.startsWith('-') ? `./${text}` : text
}

/** Options, and the words that are none. EUSAGE. */
function parse(command: Command, typed: readonly Word[]): Pick<Call, 'has' | 'value' | 'words'> {
  const args = typed.map((word) => (isPattern(word) ? asName(word.text) : word.text))
  try {
    const { values, tokens } = parseArgs({
      args,
      options: { ...command.options },
      allowPositionals: true,
      strict: true,
      tokens: true,
    })
    return {
      words: tokens.flatMap(({ kind, index }) => (kind === 'positional' ? [typed[index]!] : [])),
      has: (option) => values[option] === true,
      value: (option) => (typeof values[option] === 'string' ? values[option] : undefined),
    }
  } catch (cause) {
    const why = asSentence(optionFault(cause, Object.keys(command.options ?? {})))
    throw new OpError(
      'EUSAGE',
      `${why} Usage: ${command.usage}${why.startsWith('Unknown') ? dashHint(command, args) : ''}`,
      { cause },
    )
  }
}

/** For who meant a name and no option. */
function dashHint({ usage }: Command, args: readonly string[]): string {
  const dashed = args.find((word) => /^-[^-]/.test(word))
  if (dashed === undefined || !/FILE|NAME|FOLDER|FROM/.test(usage)) return ''
  return `\nA name that begins with a dash is written ./${shown(dashed)}`
}
