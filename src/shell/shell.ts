import { createInterface, type Interface } from 'node:readline'
import stringWidth from 'string-width'
import { isOpError, OpError } from '../base/error.ts'
import { escapeText, shown } from '../base/escape.ts'
import { showDuration } from '../base/units.ts'
import type { CommandContext } from '../commands/command.ts'
import { complete } from '../commands/completion.ts'
import { sentenceOf } from '../commands/failed.ts'
import { wrapped } from '../commands/layout.ts'
import { quotaLines } from '../commands/space.ts'
import type { Pty, Session, SessionHandler } from '../ssh/session.ts'
import type { VirtualFileSystem } from '../vfs/vfs.ts'
import { contextOf, type ExecParts, openRecorded, runPlain } from './exec.ts'
import { keepRows, onNewRow } from './rows.ts'
import { MOST_LINE, runScript } from './script.ts'
import { hasColours, openTerminal, type Terminal } from './terminal.ts'
import { terminalTransfer } from './transfer.ts'

export interface ShellParts extends ExecParts {
  /** The lines that an account typed before, newest first. */
  readonly history: (account: string) => string[]
  /** How long nothing may be typed at a prompt; 0: for ever. */
  readonly idleMs: () => number
}

/** Lines that are remembered of an account. */
const MOST_HISTORY = 500

/** Who says this wants another program in our place, and would wait without end for what that says: TRAMP of Emacs. */
const EXEC = /^\s*exec(?:\s|$)/

/** The session handler of "shell" for users: a prompt on a terminal, or lines from a pipe. Leaves with 0. */
export function shell(parts: ShellParts): SessionHandler {
  return async (session) => {
    const { request, channel, log } = session
    if (request.type !== 'shell' || request.pty === undefined)
      return runPlain(session, parts, undefined, (context) => runScript(parts.language, context, false))
    let vfs: VirtualFileSystem
    try {
      vfs = await openRecorded(session, parts)
    } catch (error) {
      if (!isOpError(error)) throw error
      log.info('session refused', { code: error.code, message: escapeText(error.message) })
      await channel.writeError(Buffer.from(`${error.message}\r\n`))
      return 1
    }
    await using tree = vfs
    return await converse(session, request.pty, tree, parts)
  }
}

/** A person at a terminal. */
async function converse(
  session: Session,
  pty: Pty,
  vfs: VirtualFileSystem,
  parts: ShellParts,
): Promise<number> {
  using terminal = openTerminal(session, pty)
  const { account } = session.identity
  let running: AbortController | undefined
  const signal = (): AbortSignal => running?.signal ?? session.signal
  const say = (sentence: string): Promise<void> =>
    terminal.print(`${wrapped(sentence, terminal.output.columns)}\n`)
  const context: CommandContext = {
    ...contextOf(session, vfs, parts, session.signal),
    input: nothing(),
    write: (bytes) => terminal.write(bytes),
    print: (line) => terminal.print(`${line}\n`),
    complain: say,
    get columns() {
      return terminal.output.columns
    },
    colours: hasColours(pty.term),
    get signal() {
      return signal()
    },
    place: placeOf(session),
    terminal: terminalTransfer(terminal, {
      account,
      vfs,
      hash: parts.hash,
      live: parts.live,
      now: parts.now,
      signal,
      log: (event, fields) => session.log.warn(event, fields),
    }),
  }

  for (const line of await greeting(account, vfs, terminal)) await terminal.print(`${line}\n`)
  const history = parts.history(account)
  const lines = openLines(terminal, history, (line) => complete(line, parts.language, vfs, context.cwd))
  terminal.bound(() => lines.line.length >= MOST_LINE)
  const prompt = (): void => {
    lines.setPrompt(promptOf(account, context.cwd, terminal))
    lines.prompt()
    awaitKeys()
  }
  lines.on('SIGINT', () => {
    // Behind the line, not over what the cursor stands on.
    lines.write(null, { ctrl: true, name: 'e' })
    terminal.output.write('^C\n')
    onNewRow(lines)
    clearLine(lines)
    lines.prompt()
  })
  let isClosed = false
  const leave = (): void => lines.close()
  const stopping = (): void => {
    if (running !== undefined) return
    terminal.output.write('\nThe server stops: come back in a moment')
    leave()
  }
  let idle: NodeJS.Timeout | undefined
  function awaitKeys(): void {
    clearTimeout(idle)
    const ms = parts.idleMs()
    if (ms === 0 || isClosed) return
    idle = setTimeout(() => {
      session.log.info('shell idle')
      terminal.output.write(
        `\nNothing was typed for ${showDuration(ms)}: the shell ends here, log in again to go on`,
      )
      leave()
    }, ms)
  }
  terminal.input.on('data', awaitKeys)
  session.signal.addEventListener('abort', leave, { once: true })
  session.draining.addEventListener('abort', stopping, { once: true })

  const waiting: string[] = []
  /** ^C came before the command had begun. */
  let unwanted = false
  let wake = (): void => {}
  lines.on('line', (line) => {
    waiting.push(line)
    unwanted = false
    terminal.busy(() => {
      unwanted = true
      running?.abort()
    })
    wake()
  })
  lines.once('close', () => {
    isClosed = true
    wake()
  })

  async function run(line: string): Promise<void> {
    running = new AbortController()
    clearTimeout(idle)
    const { signal } = running
    const ended = (): void => running?.abort()
    session.signal.addEventListener('abort', ended, { once: true })
    try {
      if (unwanted) running.abort()
      signal.throwIfAborted()
      if (line.length >= MOST_LINE)
        throw new OpError('EUSAGE', `That line is longer than ${MOST_LINE} characters: it was not run`)
      await parts.language.run(Buffer.from(line).toString('latin1'), context)
    } catch (error) {
      if (session.signal.aborted) return
      if (signal.aborted) await terminal.print('^C\n')
      else if (isOpError(error)) {
        await say(sentenceOf(error))
        context.over ||= EXEC.test(line)
      } else {
        session.log.error('command failed', error)
        await say('Internal error')
      }
    } finally {
      session.signal.removeEventListener('abort', ended)
      running = undefined
    }
  }

  prompt()
  for (;;) {
    while (waiting.length === 0 && !isClosed) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    const line = waiting.shift()
    if (line === undefined) break
    await run(line)
    if (context.over || session.signal.aborted) break
    if (isClosed) continue
    if (session.draining.aborted) {
      stopping()
      break
    }
    if (waiting.length > 0) continue
    prompt()
    terminal.busy(undefined)
  }
  if (!context.over && !session.signal.aborted) await terminal.print('\n')
  clearTimeout(idle)
  lines.close()
  session.signal.removeEventListener('abort', leave)
  session.draining.removeEventListener('abort', stopping)
  return session.signal.aborted ? 130 : 0
}

/** Lines edited on the terminal; `history`, which the account's other sessions add to as well, is kept true. */
function openLines(
  terminal: Terminal,
  history: string[],
  completions: (line: string) => Promise<[string[], string]>,
): Interface {
  const lines = createInterface({
    input: terminal.input,
    output: terminal.output,
    terminal: true,
    history: [...history],
    historySize: MOST_HISTORY,
    removeHistoryDuplicates: true,
    escapeCodeTimeout: 100,
    completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
      completions(line).then(
        (found) => done(null, found),
        () => done(null, [[], line]),
      )
    },
  })
  keepRows(lines, terminal)
  // What was typed in another session meanwhile stays.
  lines.on('history', ([newest]: string[]) => {
    if (newest === undefined) return
    const others = history.filter((line) => line !== newest)
    history.splice(0, history.length, newest, ...others.slice(0, MOST_HISTORY - 1))
  })
  // Without a listener ^Z would stop the whole server.
  lines.on('SIGTSTP', () => {})
  lines.on('SIGCONT', () => {})
  return lines
}

async function greeting(
  account: string,
  vfs: VirtualFileSystem,
  { output: { columns } }: Terminal,
): Promise<readonly string[]> {
  return [
    `MiniFTP, logged in as ${account}`,
    ...(await quotaLines(vfs, columns)).map((line) => wrapped(line, columns)),
    wrapped('Type help for the commands, bye to leave', columns),
    '',
  ]
}

/** The account and the folder; of a long path its end. */
function promptOf(account: string, cwd: string, { output: { columns }, term }: Terminal): string {
  const room = Math.max(8, Math.floor(columns / 2) - account.length)
  const path = [...shown(cwd)]
  const isLong = stringWidth(path.join('')) > room
  while (isLong && stringWidth(path.join('')) >= room) path.shift()
  const slash = path.indexOf('/')
  if (isLong && slash > 0) path.splice(0, slash)
  const short = isLong ? `\u2026${path.join('')}` : path.join('')
  return hasColours(term) ? `\x1b[1m${account}\x1b[0m:${short}> ` : `${account}:${short}> `
}

/** readline has no call that empties the line; ^U and ^K do. */
function clearLine(lines: Interface): void {
  lines.write(null, { ctrl: true, name: 'e' })
  lines.write(null, { ctrl: true, name: 'u' })
}

function placeOf({ identity, local }: Session): CommandContext['place'] {
  const host = local.address.replace(/^::ffff:/, '')
  return { account: identity.account, host, port: local.port }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
