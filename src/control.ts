import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import type { WordsIO } from './admin/words.ts'
import { ownFilesError } from './own-files.ts'
import { controlPath } from './sockets.ts'

/** Longest line that either side takes, in bytes: a key, a password, a list of accounts. */
const MOST_LINE = 64 * 1024 * 1024

/** What the console and the server say to each other, a JSON value a line. */
type FromConsole =
  | { readonly words: readonly string[] }
  | { readonly input: string }
  | { readonly yes: boolean | null }
type FromServer =
  | { readonly print: string }
  | { readonly complain: string }
  | { readonly need: 'input' }
  | { readonly ask: string }
  | { readonly exit: number }

/** Listens at `VAR/control.sock` (0600: who may open it is the machine's administrator) and runs what the console is told. */
export async function listenControl(
  folder: string,
  run: (words: readonly string[], io: WordsIO) => Promise<number>,
  failed: (error: unknown) => void,
  umask: (mask: number) => number,
): Promise<AsyncDisposable> {
  const path = controlPath(folder)
  rmSync(path, { force: true })
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => open.delete(socket))
    answer(socket, run).catch((error: unknown) => {
      failed(error)
      const complain = ownFilesError(error)?.message ?? 'Internal error, see the log'
      socket.end(lineOf({ complain }) + lineOf({ exit: 1 }))
    })
  })
  const before = umask(0o177)
  server.listen(path)
  umask(before)
  await once(server, 'listening')
  server.on('error', failed)
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function answer(
  socket: Socket,
  run: (words: readonly string[], io: WordsIO) => Promise<number>,
): Promise<void> {
  const lines = linesOf<FromConsole>(socket)
  const say = (message: FromServer): void => void socket.write(lineOf(message))
  const first = await lines.next()
  const words = first.done || !('words' in first.value) ? undefined : first.value.words
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) return void socket.destroy()
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  const status = await run(words, {
    stop: () => gone.signal,
    async settled() {
      if (socket.writableNeedDrain) await once(socket, 'drain', { signal: gone.signal }).catch(() => {})
    },
    print: (print) => say({ print }),
    complain: (complain) => say({ complain }),
    async input() {
      say({ need: 'input' })
      const next = await lines.next()
      return !next.done && 'input' in next.value ? String(next.value.input) : ''
    },
    async confirm(ask) {
      say({ ask })
      const next = await lines.next()
      const yes = !next.done && 'yes' in next.value ? next.value.yes : null
      return yes === null ? undefined : yes === true
    },
  })
  say({ exit: status })
  socket.end()
}

/** Lets the server that listens there run `words`; undefined when none does. */
export async function askServer(
  folder: string,
  words: readonly string[],
  io: WordsIO,
): Promise<number | undefined> {
  const socket = connect(controlPath(folder))
  try {
    await once(socket, 'connect')
  } catch {
    return undefined
  }
  socket.on('error', () => socket.destroy())
  const say = (message: FromConsole): void => void socket.write(lineOf(message))
  say({ words })
  for await (const message of linesOf<FromServer>(socket)) {
    if ('print' in message) io.print(message.print)
    else if ('complain' in message) io.complain(message.complain)
    else if ('need' in message) say({ input: await io.input() })
    else if ('ask' in message) say({ yes: (await io.confirm(message.ask)) ?? null })
    else {
      socket.end()
      return message.exit
    }
  }
  io.complain('The server ended before it answered: look whether it did what you asked')
  return 1
}

/** readline takes U+2028 and U+2029 for line ends, too; JSON does not escape them. */
function lineOf(message: FromServer | FromConsole): string {
  const json = JSON.stringify(message).replace(/[\u2028\u2029]/g, (end) =>
    end === '\u2028' ? '\\u2028' : '\\u2029',
  )
  return `${json}\n`
}

/** Ends when the socket does, in whatever way; a line that is too long or cannot be ends it. */
async function* linesOf<T>(socket: Socket): AsyncGenerator<T> {
  let bytes = 0
  socket.on('data', (chunk: Buffer) => {
    const newline = chunk.lastIndexOf('\n')
    bytes = newline === -1 ? bytes + chunk.length : chunk.length - newline - 1
    if (bytes > MOST_LINE) socket.destroy()
  })
  // A socket that is destroyed has no end, which is all that readline waits for.
  const input = socket.pipe(new PassThrough())
  socket.once('close', () => input.end())
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    const message = objectIn(line)
    if (message === undefined) return void socket.destroy()
    yield message as T
  }
}

/** Undefined for what neither side says: somebody else is there. */
function objectIn(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
