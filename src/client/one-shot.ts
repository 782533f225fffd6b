import { splitWords, type Word } from '../commands/words.ts'
import type { Asked } from './arguments.ts'
import { bytesOf } from './plans.ts'

/** A path as a shell gave it to us, as a word of a line: what is left of `*`, `?` and `[` in it was meant for the server. */
function escaped(path: string): string {
  return [...bytesOf(path === '' ? '.' : path)]
    .map((letter) => ('*?[]'.includes(letter) ? letter : `\\${letter}`))
    .join('')
}

export function wordOf(path: string): Word {
  return splitWords(escaped(path))[0] ?? { text: '.', quoted: new Set() }
}

/** The lines (byte strings) of a command that is no transfer. */
export function linesOf(asked: Extract<Asked, { do: 'ls' | 'rm' | 'mkdir' | 'md5' }>): readonly string[] {
  const { settings, paths } = asked
  const { wishes } = settings
  const flags: Readonly<Record<typeof asked.do, readonly (readonly [boolean, string])[]>> = {
    ls: [
      [settings.long, '-l'],
      [settings.human, '-h'],
      [settings.all, '-a'],
      [settings.json, '--json'],
    ],
    rm: [
      [wishes.recursive === true, '-r'],
      [wishes.force === true, '-f'],
    ],
    mkdir: [[settings.parents, '-p']],
    md5: [[settings.json, '--json']],
  }
  const head = [asked.do, ...flags[asked.do].filter(([isOn]) => isOn).map(([, flag]) => flag)]
  const words = paths.map(escaped)
  // md5 takes one file.
  return asked.do === 'md5' ? words.map((word) => [...head, word].join(' ')) : [[...head, ...words].join(' ')]
}
