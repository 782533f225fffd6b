import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { ReadStream, WriteStream } from 'node:tty'
import { OpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import { suspendsBy } from './suspend.ts'

/** Longest answer, in characters. */
const MOST_ANSWER = 4096
/** Times a yes or no is asked for. */
const MOST_ASKED = 3

export interface Asking {
  ask(question: string, echo: boolean): Promise<string | undefined>
  /** Undefined when nobody is there. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined
}

/**
 * Asks the person at the terminal, whatever standard input is; without one, the program that SSH_ASKPASS names, as
 * OpenSSH does. `suspend` is called before the terminal is used, and what it gives afterwards.
 */
export function askingBy(
  env: Readonly<Record<string, string | undefined>>,
  suspend: () => () => void = () => () => {},
): Asking {
  const program = env.SSH_ASKPASS
  const forced = env.SSH_ASKPASS_REQUIRE === 'force'
  const prefer = env.SSH_ASKPASS_REQUIRE === 'prefer'
  const hasTerminal = terminalThere()
  const byProgram =
    program !== undefined &&
    program !== '' &&
    env.SSH_ASKPASS_REQUIRE !== 'never' &&
    (forced || prefer || !hasTerminal)

  const ask = async (question: string, echo: boolean): Promise<string | undefined> => {
    if (byProgram) return askProgram(program, question, env)
    if (!hasTerminal) return undefined
    const resume = suspend()
    try {
      return await askTerminal(escapeQuestion(question), echo)
    } finally {
      resume()
    }
  }
  return {
    ask,
    confirm:
      !hasTerminal && !byProgram ? undefined : (question) => yesOrNo(question, (text) => ask(text, true)),
  }
}

/** What is neither yes nor no is asked for again; no answer is a no. */
export async function yesOrNo(
  question: string,
  ask: (question: string) => Promise<string | undefined>,
): Promise<boolean> {
  for (let time = 0; time < MOST_ASKED; time++) {
    const said = (await ask(time === 0 ? question : 'Write yes or no: '))?.trim()
    if (said === undefined || /^no?$/i.test(said)) return false
    if (/^y(es)?$/i.test(said)) return true
  }
  return false
}

/** A server's words may not move the cursor; our own line ends stay. */
function escapeQuestion(question: string): string {
  return question.split('\n').map(escapeText).join('\n')
}

function terminalThere(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'))
    return true
  } catch {
    return false
  }
}

async function askTerminal(question: string, echo: boolean): Promise<string | undefined> {
  const input = new ReadStream(openSync('/dev/tty', 'r'))
  const output = new WriteStream(openSync('/dev/tty', 'w'))
  // What is typed is not shown; readline still edits the line.
  const hidden = new Writable({ write: (_bytes, _encoding, done) => done() })
  output.write(question)
  const lines = createInterface({ input, output: echo ? output : hidden, terminal: true, historySize: 0 })
  suspendsBy(lines, input, () => void output.write(question + (echo ? lines.line : '')))
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      lines.once('line', (line) => resolve(line.slice(0, MOST_ANSWER)))
      lines.once('close', () => resolve(undefined))
      lines.once('SIGINT', () => reject(new OpError('ECANCELED', 'Cancelled')))
    })
  } finally {
    lines.close()
    if (!echo) output.write('\n')
    input.destroy()
    output.end()
  }
}

function askProgram(
  program: string,
  question: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, [question], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < MOST_ANSWER) said += text
    })
    child.once('error', () => resolve(undefined))
    child.once('close', (status) => resolve(status === 0 ? said.replace(/\r?\n$/, '') : undefined))
  })
}
