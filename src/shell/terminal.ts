import { PassThrough, Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { OpError } from '../base/error.ts'
import type { Pty, Session } from '../ssh/session.ts'

/** A session's terminal as the two streams that node:readline wants. */
export interface Terminal extends Disposable {
  readonly input: PassThrough
  readonly output: Writable & { readonly columns: number; readonly rows: number }
  /** What kind it is, as the client says it: TERM. */
  readonly term: string
  /** The session's. */
  readonly signal: AbortSignal
  /** Text with \n at the ends of lines; resolves when the terminal has taken enough to go on. */
  print(text: string): Promise<void>
  /** The same for bytes of UTF-8. */
  write(bytes: Uint8Array): Promise<void>
  /** A command runs: keys wait for its end, and ^C calls `stop`. Undefined: it has ended. */
  busy(stop: (() => void) | undefined): void
  /** While `full` says so, what is typed is dropped; control characters are not. */
  bound(full: () => boolean): void
  /** Takes the bytes of both directions as they are, until `release`: for a file transfer. */
  raw(): Promise<RawLine>
}

/** The terminal without anything between: neither line ends changed nor keys understood. */
export interface RawLine {
  /** The next bytes; undefined after `ms` without any. ECANCELED at the end of the session. */
  next(ms: number): Promise<Uint8Array | undefined>
  /** Whether `next` would answer at once. */
  waiting(): boolean
  write(bytes: Uint8Array): Promise<void>
  /** Keys are keys again; `rest` was read and belongs to them. */
  release(rest: Uint8Array): void
}

/** Keys that are held while a command runs. */
const TYPE_AHEAD = 64 * 1024
/** Echo and output that may wait for a slow terminal before its keys are not read any more: each key's echo costs some 250 bytes here. */
const MOST_UNSEEN = 2 * 1024
/** Keys that are dealt with in a turn: a paste does not keep the others waiting. */
const KEYS_A_TURN = 1024
/** What a person types at a time, not a paste: a Tab in it is a key. */
const TYPED = 64

/** Whether a terminal of this kind has colours, and moves its cursor. */
export function hasColours(term: string): boolean {
  return /^(?!dumb$|unknown$|$)/.test(term)
}

/**
 * Speaks with the terminal at `pty`. Keys are given on a line at a time: the next one waits for the command to end.
 * What is too much is not read, so a paste is not lost and costs nothing.
 */
export function openTerminal({ channel, signal }: Session, pty: Pty): Terminal {
  const input = new PassThrough({ highWaterMark: TYPE_AHEAD })
  const output = outputOf(channel, pty)
  const keys: Buffer[] = []
  let held = 0
  let diverted = false
  let full = (): boolean => false
  let interrupt: (() => void) | undefined
  let over = false
  /** Keys came, were taken, or may go on. */
  const wakes: (() => void)[] = []
  const wake = (): void => {
    for (const one of wakes.splice(0)) one()
  }
  const changed = (): Promise<void> => new Promise((resolve) => wakes.push(resolve))
  signal.addEventListener('abort', wake)
  // readline draws its prompt anew, also where there is none: while a command runs.
  pty.onResize(() => {
    if (interrupt === undefined && !diverted) output.emit('resize')
  })

  async function read(): Promise<void> {
    for await (const chunk of channel.input) {
      // It is lent, and keys are kept.
      let bytes = Buffer.from(chunk)
      const at = interrupt === undefined || diverted ? -1 : bytes.lastIndexOf(CTRL_C)
      if (at >= 0) {
        // What was typed before it is not wanted any more.
        keys.length = held = 0
        bytes = bytes.subarray(at + 1)
        interrupt?.()
      }
      if (diverted) keys.push(bytes)
      else for (const piece of piecesOf(bytes)) keys.push(piece)
      held += bytes.length
      wake()
      while (held > TYPE_AHEAD && !signal.aborted) await changed()
    }
  }

  async function feed(): Promise<void> {
    for (;;) {
      const piece = diverted || interrupt !== undefined ? undefined : keys.shift()
      if (piece === undefined) {
        if (over && keys.length === 0) return
        if (signal.aborted) return
        await changed()
        continue
      }
      held -= piece.length
      wake()
      const taken = full() ? piece.filter((byte) => byte < 0x20 || byte === 0x7f) : piece
      if (!input.write(taken)) await drained(input, signal)
      // Each key is echoed: who does not look types no further.
      if (output.writableLength > MOST_UNSEEN) await drained(output, signal)
      await turn()
    }
  }

  read()
    .catch(() => {}) // The connection is gone: the same as its end.
    .then(() => {
      over = true
      wake()
      return feeding
    })
    .finally(() => input.end())
  const feeding = feed()

  return {
    input,
    output,
    signal,
    term: pty.term,
    bound(by) {
      full = by
    },
    busy(stop) {
      interrupt = stop
      // ^C may have come in one piece with the Return that began the command.
      const at = stop === undefined || diverted ? -1 : keys.findLastIndex((piece) => piece.includes(CTRL_C))
      if (at >= 0) {
        keys.splice(0, at + 1, keys[at]!.subarray(keys[at]!.lastIndexOf(CTRL_C) + 1))
        held = keys.reduce((sum, { length }) => sum + length, 0)
        stop?.()
      }
      wake()
    },
    write: (bytes) => new Promise((resolve) => output.write(bytes, () => resolve())),
    // Through the same stream as what readline echoes: nothing overtakes.
    print: (text) => new Promise((resolve) => output.write(text, () => resolve())),
    async raw() {
      // What was printed before goes out before.
      await new Promise<void>((resolve) => output.write('', () => resolve()))
      diverted = true
      return {
        async next(ms) {
          let isLate = ms <= 0
          const late = setTimeout(() => {
            isLate = true
            wake()
          }, ms)
          while (keys.length === 0 && !over && !signal.aborted && !isLate) await changed()
          clearTimeout(late)
          const bytes = keys.shift()
          if (bytes !== undefined) {
            held -= bytes.length
            wake()
            return bytes
          }
          if (over || signal.aborted) throw new OpError('ECANCELED', 'The connection ended')
          return undefined
        },
        waiting: () => keys.length > 0,
        write: (bytes) => channel.write(bytes),
        release(rest) {
          diverted = false
          const left = Buffer.concat([rest, ...keys])
          keys.splice(0, keys.length, ...piecesOf(left))
          held = left.length
          wake()
        },
      }
    },
    [Symbol.dispose]() {
      signal.removeEventListener('abort', wake)
      over = true
      keys.length = held = 0
      wake()
      input.destroy()
      output.destroy()
    },
  }
}

function outputOf(channel: Session['channel'], pty: Pty): Terminal['output'] {
  const plain = !hasColours(pty.term)
  const output = new Writable({
    decodeStrings: true,
    highWaterMark: MOST_UNSEEN,
    write(chunk: Buffer, _encoding, done) {
      channel.write(plain ? withoutEscapes(ended(chunk)) : ended(chunk)).then(
        () => done(),
        () => done(), // The connection is gone: its signal ends all that is under way.
      )
    },
  })
  return Object.defineProperties(output, {
    isTTY: { value: true },
    columns: { get: () => Math.max(10, pty.columns) },
    rows: { get: () => Math.max(2, pty.rows) },
  }) as Terminal['output']
}

function drained(stream: Writable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      stream.off('drain', go)
      signal.removeEventListener('abort', go)
      resolve()
    }
    stream.on('drain', go)
    signal.addEventListener('abort', go, { once: true })
    if (signal.aborted) go()
  })
}

/**
 * Keys as they are typed from now on, whether somebody asks for them or not: ^C calls `stop`. A Return is the end of
 * a line, and ^D the end of all.
 */
export function typedInto({ input }: Terminal, stop: () => void): AsyncIterable<Uint8Array> {
  const queue: Buffer[] = []
  let held = 0
  let wake = (): void => {}
  let over = false
  input.on('data', (chunk: Buffer) => {
    if (chunk.includes(CTRL_C)) stop()
    queue.push(chunk)
    held += chunk.length
    if (held > TYPE_AHEAD) input.pause()
    wake()
  })
  input.once('end', () => {
    over = true
    wake()
  })
  async function* keys(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = queue.shift()
      if (chunk !== undefined) {
        held -= chunk.length
        input.resume()
        const end = chunk.indexOf(CTRL_D)
        const text = (end < 0 ? chunk : chunk.subarray(0, end)).map((byte) => (byte === 13 ? 10 : byte))
        if (text.length > 0) yield text
        if (end >= 0) return
      } else if (over) return
      else
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  }
  return { [Symbol.asyncIterator]: () => keys() }
}

const CTRL_C = 3
const CTRL_D = 4
const TAB = 9
const LINE_FEED = 10
const RETURN = 13

/** A terminal in raw mode wants both characters at the end of a line. */
function ended(chunk: Buffer): Buffer {
  return chunk.includes(10)
    ? Buffer.from(chunk.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')
    : chunk
}

/** For a terminal that cannot move its cursor: to the beginning of the line, and nothing else. */
function withoutEscapes(chunk: Buffer): Buffer {
  const text = chunk.toString('latin1').replaceAll('\x1b[1G', '\r')
  return Buffer.from(text.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, ''), 'latin1')
}

/** Keys so that a line ends its piece, and a Tab that was typed, as readline wants it; a paste in bounded pieces. */
function piecesOf(keys: Buffer): readonly Buffer[] {
  const pieces: Buffer[] = []
  let start = 0
  for (let at = 0; at < keys.length; at++) {
    const isEnd = (keys[at] === RETURN && keys[at + 1] !== LINE_FEED) || keys[at] === LINE_FEED
    const isKey = keys[at] === TAB && keys.length <= TYPED
    if (!isEnd && !isKey && at - start + 1 < KEYS_A_TURN) continue
    pieces.push(keys.subarray(start, at + 1))
    start = at + 1
  }
  if (start < keys.length) pieces.push(keys.subarray(start))
  return pieces
}
