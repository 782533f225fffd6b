import type { Awaitable } from '../base/awaitable.ts'
import { isOpError } from '../base/error.ts'
import { escapeText } from '../base/escape.ts'
import type { CommandContext } from '../commands/command.ts'
import { sentenceOf, statusOfError } from '../commands/failed.ts'
import type { Language } from '../commands/language.ts'
import type { Session, SessionHandler } from '../ssh/session.ts'
import type { Digests } from '../transfer/digest.ts'
import type { LiveTransfers } from '../transfer/live.ts'
import { ROOT } from '../vfs/path.ts'
import type { VirtualFileSystem } from '../vfs/vfs.ts'
import { iterateUnlessAborted, unlessAborted } from './cancel.ts'
import { recorded } from './recorded.ts'
import { runScript } from './script.ts'
import { hasColours, openTerminal, type Terminal, typedInto } from './terminal.ts'

export interface ExecParts {
  readonly open: (session: Session) => Awaitable<VirtualFileSystem>
  readonly language: Language
  readonly hash: Digests
  /** Transfers of all sessions, to show this one's and to look at others. */
  readonly live?: LiveTransfers
  readonly now: () => number
}

/** What a script on standard input is started by, when it is to go on after a line that failed. */
const KEEP_GOING = '-k'

/** The session handler of "exec" for users: a line of the command language; exit status 0 done, 1 failed, 2 usage, 130 cancelled. */
export function exec(parts: ExecParts): SessionHandler {
  return async (session) => {
    const { request } = session
    if (request.type !== 'exec') return 2
    const { command, pty } = request
    using terminal = pty && openTerminal(session, pty)
    return await runPlain(session, parts, terminal, async (context) => {
      if (command.trim() === KEEP_GOING) return runScript(parts.language, context, true)
      await parts.language.run(command, context)
      return 0
    })
  }
}

/** Runs `work` with the account's tree and what a session without a prompt gives a command; its errors become sentences and a status. */
export async function runPlain(
  session: Session,
  parts: ExecParts,
  terminal: Terminal | undefined,
  work: (context: CommandContext) => Promise<number>,
): Promise<number> {
  const unwanted = new AbortController()
  const stop = (): void => unwanted.abort()
  session.onSignal((name) => CANCELLING.has(name) && stop())
  const over = AbortSignal.any([unwanted.signal, session.signal])
  const complain = (line: string): Promise<void> =>
    terminal === undefined
      ? session.channel.writeError(Buffer.from(`${line}\n`))
      : terminal.print(`${line}\n`)
  try {
    await using vfs = await openRecorded(session, parts)
    const context = contextOf(session, vfs, parts, over)
    // A connection that breaks takes nothing back of what came by it: that ends by itself.
    const input = iterateUnlessAborted(context.input, unwanted.signal)
    const plain = { ...context, input, unwanted: unwanted.signal }
    return await work(terminal === undefined ? plain : onTerminal(plain, terminal, stop))
  } catch (error) {
    if (over.aborted) return 130
    if (!isOpError(error)) {
      session.log.error('command failed', error)
      await complain('Internal error')
      return 1
    }
    session.log.info('request refused', { code: error.code, message: escapeText(error.message) })
    await complain(sentenceOf(error))
    return statusOfError(error)
  }
}

/** The account's tree, with what is done in it logged. */
export async function openRecorded(
  session: Session,
  { open, live, now }: ExecParts,
): Promise<VirtualFileSystem> {
  const { identity, id, log } = session
  return recorded(await open(session), { account: identity.account, session: id, log, live, now })
}

/** What a command is given by a session without a terminal. */
export function contextOf(
  { identity, channel, log }: Session,
  vfs: VirtualFileSystem,
  { hash }: ExecParts,
  signal: AbortSignal,
): CommandContext {
  const write = (bytes: Uint8Array): Promise<void> => unlessAborted(channel.write(bytes), signal)
  return {
    account: identity.account,
    vfs,
    cwd: ROOT,
    hash,
    input: channel.input,
    write,
    print: (line) => write(Buffer.from(`${line}\n`)),
    complain: (line) => unlessAborted(channel.writeError(Buffer.from(`${line}\n`)), signal),
    columns: undefined,
    colours: false,
    signal,
    log: (event, fields) => log.warn(event, fields),
    over: false,
  }
}

/** `ssh -t HOST WORDS`: laid out for the terminal, and ^C cancels. */
function onTerminal(context: CommandContext, terminal: Terminal, stop: () => void): CommandContext {
  const write = (text: string): Promise<void> => unlessAborted(terminal.print(text), context.signal)
  return {
    ...context,
    input: iterateUnlessAborted(typedInto(terminal, stop), context.signal),
    write: (bytes) => unlessAborted(terminal.write(bytes), context.signal),
    print: (line) => write(`${line}\n`),
    complain: (line) => write(`${line}\n`),
    get columns() {
      return terminal.output.columns
    },
    colours: hasColours(terminal.term),
  }
}

const CANCELLING: ReadonlySet<string> = new Set(['INT', 'TERM', 'HUP', 'QUIT'])
