import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { text } from 'node:stream/consumers'
import type { Actions } from './accounts/actions.ts'
import { CONSOLE_FROM } from './accounts/actor.ts'
import { isForScripts, runWords, type WordsIO } from './admin/words.ts'
import { OpError } from './base/error.ts'
import { askServer } from './control.ts'
import { takeLock } from './lock.ts'
import { databaseIn, type Office } from './office.ts'

export interface ConsoleParts {
  readonly folder: string
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  /** Before anything is made in the folder. */
  readonly becomeOwner: () => void
  /** The accounts without a server, under the lock. */
  readonly openOffice: () => Promise<Office>
}

/** Whoever can open the control socket or the database is the machine's administrator. */
export const CONSOLE = { name: 'console', role: 'admin', from: CONSOLE_FROM } as const

/** `miniftpd WORDS`: lets the running server do it, or does it itself when there is none. Exit status 0, 1, 2. */
export async function runConsole(argv: readonly string[], parts: ConsoleParts): Promise<number> {
  const io = terminalIO(parts, isForScripts(argv) ? '' : 'miniftpd: ')
  const words = keyFilesRead(argv)
  const status = await askServer(parts.folder, words, io)
  if (status !== undefined) return status
  const isNew = !existsSync(databaseIn(parts.folder))
  if (isNew && argv.slice(0, 2).join(' ') !== 'user add')
    return runWords(words, CONSOLE, { actions: noAccounts(parts.folder), now: () => 0 }, io)
  parts.becomeOwner()
  using _ = takeLock(parts.folder)
  await using office = await parts.openOffice()
  const done = await runWords(words, CONSOLE, { actions: office.actions, now: office.clock.now }, io)
  if (isNew && done === 0 && !isForScripts(argv))
    io.complain(`"${argv[2]}" begins the accounts of "${resolve(parts.folder)}"`)
  return done
}

/** Help and words that are off need no accounts; whoever asks for some may be in the wrong folder. ENOENT. */
function noAccounts(folder: string): Actions {
  const refuse = async (): Promise<never> => {
    throw new OpError(
      'ENOENT',
      `"${resolve(folder)}" has no accounts yet: start the server first, or say by MINIFTP_VAR where it has them`,
    )
  }
  return new Proxy({} as Actions, { get: () => refuse })
}

/** `prefix`: of what is complained of. */
function terminalIO({ stdin, stdout, stderr }: ConsoleParts, prefix: string): WordsIO {
  return {
    print: (line) => void stdout.write(`${line}\n`),
    complain: (line) => void stderr.write(`${prefix}${line}\n`),
    async input() {
      if (stdin.isTTY) stderr.write('Write it here, then ^D:\n')
      return text(stdin)
    },
    async confirm(question) {
      if (!stdin.isTTY) return undefined
      const asker = createInterface({ input: stdin, output: stderr })
      try {
        return /^y(es)?$/i.test((await asker.question(`${question} (yes/no) `)).trim())
      } finally {
        asker.close()
      }
    },
  }
}

/** `--key FILE` is a file of whoever types, not of the server: its lines go over. */
function keyFilesRead(argv: readonly string[]): readonly string[] {
  const words: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!
    const file = word === '--key' ? argv[++at] : /^--key=(.*)$/s.exec(word)?.[1]
    if (file === undefined) {
      words.push(word)
      continue
    }
    for (const line of linesIn(file)) words.push(`--key-line=${line}`)
  }
  return words
}

function linesIn(file: string): readonly string[] {
  try {
    const lines = readFileSync(file, 'utf8').split(/\r?\n/)
    return lines.filter((line) => line.trim() !== '' && !line.startsWith('#'))
  } catch (cause) {
    throw new OpError('EUSAGE', `The key file "${file}" cannot be read`, { cause })
  }
}
