import { createInterface } from 'node:readline'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { CommandContext } from '../commands/command.ts'
import { complete } from '../commands/completion.ts'
import { quoteWord } from '../commands/quoting.ts'
import { lost } from '../ssh/dial.ts'
import type { Digests } from '../transfer/digest.ts'
import type { VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import { contextOver, type Place, type Screen } from './console-context.ts'
import { kept } from './kept.ts'
import { heldKeys } from './keys.ts'
import type { Line, Link } from './link.ts'
import { marked } from './marked.ts'
import { remoteDigests } from './remote-digests.ts'
import { suspendsBy } from './suspend.ts'
import { until } from './together.ts'
import type { ClientWords } from './words.ts'

/** Longest line that is taken, in characters. */
const MOST_LINE = 8 * 1024
const HISTORY = 500

/** Both sides, as the words of a prompt find them and leave them. */
export interface Sides {
  /** Runs a line (a byte string). Answers whether it was `bye`. */
  run(line: string, signal: AbortSignal): Promise<boolean>
  /** What Tab puts into a line. */
  complete(line: string): Promise<[string[], string]>
  /** Leaves the session to a transfer: the server may let us have no other (OpenSSH's MaxSessions). */
  lend(): void
  readonly remote: VirtualPath
}

export interface SidesParts {
  readonly words: ClientWords
  readonly link: Link
  readonly disk: VirtualFileSystem
  readonly digests: Digests
  readonly user: string
  readonly screen: Screen
  readonly folders: { readonly local: Place; readonly remote: Place }
  readonly signal: AbortSignal
}

/** Keeps one session for the words that are no transfers, and opens it anew when it is gone. */
export function openSides({
  words,
  link,
  disk,
  digests,
  user,
  screen,
  folders,
  signal: over,
}: SidesParts): Sides {
  /** There was one, and nobody ended it. */
  let again = false
  let own: Line | undefined
  const live = kept(
    async () => {
      own = await link.line(over)
      if (again) screen.complain('Connected again')
      again = true
      return own
    },
    (line) => line === own && line.vfs.session.alive(),
  )

  const here = (signal: AbortSignal): CommandContext =>
    contextOver(screen, { vfs: disk, place: folders.local, hash: digests }, user, signal)

  return {
    get remote() {
      return folders.remote.cwd
    },
    async run(text, signal) {
      const local = here(signal)
      const stops = new DisposableStack()
      const there = async (marks: boolean): Promise<CommandContext> => {
        // A server that never answers keeps nobody at ^C.
        const now = await until(signal, live())
        const stop = (): void => {
          now.vfs.session.end()
          // It was not lost: the next one is no news.
          again = false
        }
        signal.addEventListener('abort', stop, { once: true })
        stops.defer(() => signal.removeEventListener('abort', stop))
        const tree = marks ? marked(now) : now.vfs
        const vfs = now.isOurs ? { ...tree, restore: (path: VirtualPath) => restore(now, path) } : tree
        const hash = remoteDigests(now.vfs.session, digests)
        return contextOver(screen, { vfs, place: folders.remote, hash }, user, signal)
      }
      try {
        await words.runAt(text, there, local)
      } catch (error) {
        if (isOpError(error, 'ECANCELED') || !signal.aborted) throw error
        throw new OpError('ECANCELED', CANCELLED, { cause: error })
      } finally {
        stops.dispose()
      }
      return local.over
    },
    lend() {
      if (own === undefined) return
      link.leave(own)
      own = undefined
      // It is given back, which is no news.
      again = false
    },
    async complete(text) {
      if (words.isLocal(text)) return complete(text, words, disk, folders.local.cwd)
      const { vfs } = await live()
      return complete(text, words, vfs, folders.remote.cwd)
    },
  }
}

/** What a server of our kind kept of an overwrite. ENOENT. */
async function restore({ exec }: Line, path: VirtualPath): Promise<void> {
  const { status } = await exec(`restore ${quoteWord(path)}`)
  if (status !== 0) throw new OpError('ENOENT', `Nothing is kept of "${shown(path)}"`, { path })
}

export interface PromptParts {
  readonly sides: Sides
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
  readonly complain: (line: string) => void
  /** Who is logged in where, before the folder. */
  readonly name: string
  /** Newest first; what is there afterwards is to be kept. */
  readonly history: string[]
  /** Ends it from outside. */
  readonly signal: AbortSignal
}

/** A person at a terminal, until `bye` or ^D. ^C ends the command that runs, and gives the line up that is typed. */
export async function converse({
  sides,
  input,
  output,
  complain,
  name,
  history,
  signal,
}: PromptParts): Promise<number> {
  let running: AbortController | undefined
  const keys = heldKeys(input)
  const lines = createInterface({
    input: keys.stream,
    output,
    terminal: true,
    history: [...history],
    historySize: HISTORY,
    removeHistoryDuplicates: true,
    completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
      sides.complete(line).then(
        (found) => done(null, found),
        () => done(null, [[], line]),
      )
    },
  })
  lines.on('history', (now: string[]) => void history.splice(0, history.length, ...now))
  lines.on('SIGINT', () => {
    if (running !== undefined) return running.abort()
    output.write('^C\n')
    // Gives the line up: readline has no other way to empty it.
    lines.write(null, { ctrl: true, name: 'e' })
    lines.write(null, { ctrl: true, name: 'u' })
    lines.prompt()
  })
  suspendsBy(lines, input, () => {
    if (running === undefined) lines.prompt(true)
  })
  signal.addEventListener('abort', () => lines.close(), { once: true })

  const waiting: string[] = []
  let isClosed = false
  let wake = (): void => {}
  lines.on('line', (line) => {
    // What is typed behind it is of the next prompt.
    keys.hold()
    waiting.push(line)
    wake()
  })
  lines.on('close', () => {
    isClosed = true
    running?.abort()
    wake()
  })
  const ask = (): void => {
    lines.setPrompt(`${name}:${shown(sides.remote)}> `)
    lines.prompt()
    keys.go()
  }

  keys.feed(lines)
  ask()
  for (;;) {
    const line = waiting.shift()
    if (line === undefined) {
      if (isClosed) break
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      continue
    }
    if (line.trim() !== '') {
      running = new AbortController()
      try {
        if (await told(() => runLine(sides, line, running!.signal), complain)) break
      } finally {
        running = undefined
      }
    }
    if (isClosed) break
    ask()
  }
  if (isClosed) output.write('\n')
  lines.close()
  return 0
}

/** Lines from a pipe: the first that fails ends it, with its status. */
export async function script(
  sides: Sides,
  input: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<number> {
  for await (const line of input) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue
    if (await runLine(sides, line, signal)) break
  }
  return 0
}

/** There is no more to say of it. */
const CANCELLED = 'Cancelled'

function runLine(sides: Sides, line: string, signal: AbortSignal): Promise<boolean> {
  if (line.length > MOST_LINE) throw new OpError('EUSAGE', `That line is longer than ${MOST_LINE} characters`)
  return sides.run(Buffer.from(line).toString('latin1'), signal)
}

/** Errors are told, and the prompt goes on. */
async function told(work: () => Promise<boolean>, complain: (line: string) => void): Promise<boolean> {
  try {
    return await work()
  } catch (error) {
    if (!isOpError(error)) throw error
    if (error.message === CANCELLED) complain('^C')
    else if (error.message !== '') complain(error.message)
    if (error.code === 'ECONNRESET') complain(`${lost().message}: the next word connects again`)
    return false
  }
}
