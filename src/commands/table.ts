import type { Command } from './command.ts'
import { cat, cp, mv, restore, stat } from './files.ts'
import { cd, mkdir, pwd, rm } from './folders.ts'
import { get } from './get.ts'
import { md5, md5sum, sha1sum, sha256, sha256sum } from './hashes.ts'
import { atMost, helpOf, longHelp, unknownCommand } from './language.ts'
import { ls } from './ls.ts'
import { put } from './put.ts'
import { df, quota } from './space.ts'

export const bye: Command = {
  name: 'bye',
  aliases: ['exit', 'quit'],
  usage: 'bye',
  summary: 'leave; so do exit, quit and ^D',
  async run({ context }) {
    context.over = true
  },
}

/** `help` over the commands of a table that it may stand in itself. */
export function helpFor(commands: () => readonly Command[]): Command {
  return {
    name: 'help',
    aliases: ['?'],
    usage: 'help [COMMAND]',
    summary: 'these lines, or all about one command',
    async run(call) {
      const { args, context } = call
      atMost(1, call)
      const [word] = args
      if (word === undefined) return context.print(longHelp(commands(), context.columns))
      const found = commands().find(({ name, aliases = [] }) => name === word || aliases.includes(word))
      if (found === undefined) throw unknownCommand(word, commands())
      await context.print(helpOf(found, context.columns))
    },
  }
}

/** Every word of the language, in the order in which help lists them. */
export const COMMANDS: readonly Command[] = [
  put,
  get,
  ls,
  cd,
  pwd,
  mkdir,
  rm,
  mv,
  cp,
  cat,
  stat,
  restore,
  md5,
  sha256,
  quota,
  helpFor(() => COMMANDS),
  bye,
  df,
  md5sum,
  sha1sum,
  sha256sum,
]
