import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { Call, Command, CommandContext, CommandOptions } from '../commands/command.ts'
import { lastCommand } from '../commands/completion.ts'
import { cat, cp, mv, restore, stat } from '../commands/files.ts'
import { cd, mkdir, pwd, rm } from '../commands/folders.ts'
import { md5, sha256 } from '../commands/hashes.ts'
import { type Language, languageOf, usageError } from '../commands/language.ts'
import { ls } from '../commands/ls.ts'
import { df, quota } from '../commands/space.ts'
import { bye, helpFor } from '../commands/table.ts'
import { splitCommands, type Word } from '../commands/words.ts'
import type { MoveWishes } from './plans.ts'

/** Moves files for the words that do. Sources as the side they lie on has them, byte strings. */
export interface Mover {
  send(sources: readonly string[], target: string, wishes: MoveWishes, signal: AbortSignal): Promise<void>
  fetch(sources: readonly Word[], target: string, wishes: MoveWishes, signal: AbortSignal): Promise<void>
}

/** The shell's words with a local side: what they are, and which side a word's names are of. */
export interface ClientWords extends Language {
  /** Runs a line (a byte string) at the side where its word belongs; `there` is asked for where it is needed, and with the marks of unfinished uploads where they are told. */
  runAt(line: string, there: (marks: boolean) => Promise<CommandContext>, here: CommandContext): Promise<void>
  /** Whether the end of a line that is being typed is a name of this machine, or a word that needs no server. */
  isLocal(line: string): boolean
}

const OPTIONS: CommandOptions = {
  recursive: { type: 'boolean', short: 'r', about: ['a folder with all in it'] },
  preserve: { type: 'boolean', short: 'p', about: ['keep times and permissions'] },
  force: { type: 'boolean', short: 'f', about: ['replace what is there'] },
  restart: { type: 'boolean', about: ['begin again where an earlier try left a part'] },
  partial: { type: 'boolean' },
  'trust-size': { type: 'boolean', about: ['go on by size where the server cannot tell MD5s'] },
  'no-verify': { type: 'boolean', about: ['do not compare the MD5 of the whole'] },
}

const GET_OPTIONS: CommandOptions = {
  ...OPTIONS,
  partial: { type: 'boolean', about: ['a file as it is though its upload was not finished'] },
}

/** `home`: the person's own folder here (a byte string). */
export function clientWords(mover: Mover, settings: MoveWishes, home: string): ClientWords {
  const wishes = ({ has }: Call): MoveWishes => ({
    recursive: has('recursive') || settings.recursive === true,
    preserve: has('preserve') || settings.preserve === true,
    force: has('force') || settings.force === true,
    restart: has('restart') || settings.restart === true,
    partial: has('partial') || settings.partial === true,
    trustSize: has('trust-size') || settings.trustSize === true,
    verify: !has('no-verify') && settings.verify !== false,
  })

  const put: Command = {
    name: 'put',
    usage: 'put [-rpf] FILE [NAME]',
    summary: 'send a file; -r: a folder with all in it',
    options: OPTIONS,
    async run(call) {
      const [file, name, ...more] = call.args
      if (file === undefined) throw usageError(call.command)
      if (more.length > 0) throw several('mput', 'sends')
      await mover.send([file], name ?? '', wishes(call), call.context.signal)
    },
  }
  const mput: Command = {
    name: 'mput',
    usage: 'mput [-rpf] FILE...',
    summary: 'send several files; patterns such as *.txt',
    options: OPTIONS,
    async run(call) {
      if (call.args.length === 0) throw usageError(call.command)
      await mover.send(call.args, '', wishes(call), call.context.signal)
    },
  }
  const get: Command = {
    name: 'get',
    usage: 'get [-rpf] FILE [DIR [NAME]]',
    summary: 'fetch a file; -r: a folder with all in it',
    options: GET_OPTIONS,
    async run(call) {
      const [file, folder, name, ...more] = call.args
      if (file === undefined) throw usageError(call.command)
      if (more.length > 0) throw several('mget', 'fetches')
      const target = folder === undefined ? '' : name === undefined ? folder : `${folder}/${name}`
      await mover.fetch([literal(file)], target, wishes(call), call.context.signal)
    },
  }
  const mget: Command = {
    name: 'mget',
    usage: 'mget [-rpf] FILE...',
    summary: 'fetch several files; patterns such as *.txt',
    options: GET_OPTIONS,
    async run(call) {
      if (call.args.length === 0) throw usageError(call.command)
      await mover.fetch(call.args.map(literal), '', wishes(call), call.context.signal)
    },
  }
  const lcd: Command = {
    ...cd,
    name: 'lcd',
    usage: 'lcd [FOLDER]',
    summary: 'go into a folder here; alone or ~: home',
    run: (call) =>
      cd.run({
        ...call,
        args:
          call.args.length === 0 ? [home] : call.args.map((name) => name.replace(/^~(?=\/|$)/, () => home)),
      }),
  }
  const lpwd: Command = { ...pwd, name: 'lpwd', usage: 'lpwd', summary: 'where you are here' }
  const lls: Command = {
    ...ls,
    name: 'lls',
    aliases: [],
    usage: 'lls [-lha] [NAME...]',
    summary: 'list a folder here',
  }

  const help = helpFor(() => commands)
  const commands: Command[] = [
    ...[put, get, mput, mget, ls, cd, pwd, mkdir, rm, mv, cp, cat, stat, restore, md5, sha256, quota],
    ...[lls, lcd, lpwd, help, bye, df],
  ]
  const local: Language = languageOf([put, mput, lls, lcd, lpwd, help, bye])
  const all = languageOf(commands)

  return {
    ...all,
    async runAt(line, there, here) {
      for (const words of splitCommands(line)) {
        const [first, ...rest] = words
        const command = all.find(first?.text ?? '')
        // What is no word needs no server to be told so.
        if (command === undefined) await all.runWords(words, here)
        else if (local.find(command.name) === undefined)
          await all.runWords(words, await there(tellsMarks(command, rest)))
        else {
          if (command === put || command === mput) await there(false)
          await local.runWords(words, here)
        }
        if (here.over) return
      }
    },
    isLocal(line) {
      const [first = '', ...rest] = lastCommand(line).split(/\s+/)
      if (rest.length === 0) return true
      // The first name of get is the server's, and so is the second of put.
      const names = rest.slice(0, -1).filter((word) => !word.startsWith('-')).length
      if (first === 'get') return names > 0
      if (first === 'put') return names === 0
      return local.find(first) !== undefined
    },
  }
}

/** Whether a word tells which uploads were not finished: that is one more question to the server. */
function tellsMarks({ name }: Command, rest: readonly Word[]): boolean {
  return name === 'stat' || (name === 'ls' && rest.some(({ text }) => /^-(?:-long|-json|[^-]*l)/.test(text)))
}

/** A name that stands for itself; patterns in the line were looked up already. */
function literal(text: string): Word {
  return { text, quoted: new Set(text.split('').keys()) }
}

function several(word: string, does: string): OpError {
  return new OpError('EUSAGE', `"${shown(word)}" ${does} several files`)
}
