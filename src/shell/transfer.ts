import stringWidth from 'string-width'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import type { TerminalTransfer } from '../commands/command.ts'
import { laidOut } from '../commands/elsewhere.ts'
import { wrapped } from '../commands/layout.ts'
import type { Digests } from '../transfer/digest.ts'
import type { LiveTransfers } from '../transfer/live.ts'
import type { FileHandle, VirtualFileSystem } from '../vfs/vfs.ts'
import { CANCEL, Frame, type Header, hexHeader, receiverReady } from '../zmodem/frames.ts'
import { MOST_SIZE, type ZmodemLine } from '../zmodem/line.ts'
import { FrameReader } from '../zmodem/reader.ts'
import { receiveFiles } from '../zmodem/receive.ts'
import { type OutgoingFile, type SentFile, sendFiles } from '../zmodem/send.ts'
import { storageIn } from './incoming.ts'
import type { Terminal } from './terminal.ts'
import { type AwaitedFiles, followElsewhere } from './waiting.ts'

/** A terminal that knows ZMODEM answers within this; then other ways are told, while it may still answer. */
const MOMENT_MS = 2_500
const LOOK_MS = 250
/** What comes right behind the last word of a transfer is read by the terminal's `rz` before it ends, and seen by nobody. */
const LETS_GO_MS = 250
/** Nothing came for so long after a transfer that broke off: what was on its way has come. */
const QUIET_MS = 1_000
/** Takes the frame that a terminal without ZMODEM shows off the screen again. */
const WIPE = '\r\x1b[2K\x1b[1A\x1b[2K'
const CTRL_C = 3
const CTRL_D = 4
const RETURN = 13

export interface TransferParts {
  readonly account: string
  readonly vfs: VirtualFileSystem
  readonly hash: Digests
  readonly live: LiveTransfers | undefined
  readonly now: () => number
  /** Ends with the command. */
  readonly signal: () => AbortSignal
  readonly log: (event: string, fields: Readonly<Record<string, string | number>>) => void
}

interface OfferedFile extends OutgoingFile {
  readonly size: number
}

/** put and get typed at a terminal: by ZMODEM if the terminal answers, else by what is told to paste elsewhere. */
export function terminalTransfer(terminal: Terminal, parts: TransferParts): TerminalTransfer {
  const { account, vfs, hash, log } = parts

  /**
   * Runs `work` with the terminal's bytes; whatever happens, the keys are keys again afterwards. `brokenOff`: whether
   * more may be on its way than was read. That is no key: whoever made the file would type at this prompt.
   */
  async function withLine<T>(
    work: (line: ZmodemLine) => Promise<T>,
    brokenOff = (): boolean => false,
  ): Promise<T> {
    const raw = await terminal.raw()
    const reader = new FrameReader(raw.next, raw.waiting)
    let rest = (): Uint8Array => reader.rest()
    const passOver = async (): Promise<void> => {
      rest = () => new Uint8Array(0)
      while ((await raw.next(QUIET_MS)) !== undefined);
    }
    try {
      const done = await work({ reader, write: raw.write })
      if (brokenOff()) await passOver()
      return done
    } catch (error) {
      await raw.write(CANCEL).then(passOver, () => {}) // The session may be what ended.
      throw error
    } finally {
      raw.release(rest())
    }
  }

  /** The terminal's answer to `opening`; undefined when the person has no more patience, or moved the file another way. */
  async function answer(
    line: ZmodemLine,
    opening: Buffer,
    wanted: (header: Header) => boolean,
    tell: readonly string[],
    files: AwaitedFiles,
  ): Promise<Header | undefined> {
    const say = (text: string): Promise<void> => line.write(Buffer.from(text.replaceAll('\n', '\r\n')))
    using elsewhere = followElsewhere(files, parts, () => terminal.output.columns)
    let told = false
    let stopped = false
    const noise = (byte: number): void => {
      if (byte === CTRL_C || byte === CTRL_D || (told && byte === RETURN)) stopped = true
    }
    await line.write(opening)
    for (let shownLine = ''; ; ) {
      const header = await line.reader.header(told ? LOOK_MS : MOMENT_MS, noise)
      if (header !== undefined && wanted(header)) return header
      if (stopped) {
        await say(told ? (shownLine === '' ? '' : '\n') : WIPE)
        return undefined
      }
      if (!told) {
        told = true
        await say(`${WIPE}${laidOut(tell, terminal.output.columns).join('\n')}\n`)
        continue
      }
      const text = elsewhere.line()
      if (text !== shownLine) await say(`${wipeOf(shownLine, terminal)}${text}`)
      shownLine = text
      const end = await elsewhere.ended()
      if (end === undefined) continue
      await say(`${wipeOf(shownLine, terminal)}${end}\n`)
      return undefined
    }
  }

  const say = (sentence: string): Promise<void> =>
    terminal.print(`${wrapped(sentence, terminal.output.columns)}\n`)

  /** A receiver that goes on with what it has is believed, for the file is its own; but then it can see for itself. */
  async function outcome(offered: OfferedFile, { from, proved, refusal }: SentFile): Promise<string> {
    const { name, size } = offered
    if (refusal !== undefined) return refusal.message
    if (from === undefined) return `Your side did not want "${shown(name)}": it may be there already`
    if (from === 0) return `Sent "${shown(name)}"`
    const sent = `Sent "${shown(name)}" from byte ${from} on`
    if (proved) return sent
    const file = await offered.open()
    let md5: Uint8Array
    try {
      md5 = await hash.of(account, file, { algorithm: 'md5', offset: 0, length: size }, parts.signal())
    } finally {
      await file.close()
    }
    return `${sent}. Your side did not say what it had before that: compare what md5sum makes of it there, ${Buffer.from(md5).toString('hex')} is right`
  }

  return {
    async send(files, tell) {
      const offered: OfferedFile[] = []
      for (const { name, path } of files) {
        const open = () => vfs.open(path, { read: true })
        const size = await sizeOf(await open())
        offered.push({ name, open, size })
        if (size > MOST_SIZE) {
          throw new OpError(
            'EFBIG',
            `"${shown(path)}" is over 4 GiB, which ZMODEM cannot count: fetch it by sftp or scp`,
            { path },
          )
        }
      }
      const sizes = offered.map(({ size }, at) => ({ path: files[at]!.path, size }))
      const sent = await withLine(async (line) => {
        const opening = hexHeader(Frame.rqinit)
        const ready = await answer(line, opening, ({ type }) => type === Frame.rinit, tell, {
          verb: 'get',
          files: sizes,
        })
        return ready && sendFiles(line, ready, offered, parts.signal())
      })
      if (sent !== undefined) await letsGo(parts.signal())
      for (const [at, one] of (sent ?? []).entries()) await say(await outcome(offered[at]!, one))
    },
    async receive({ cwd, name, force }, tell) {
      const refusals: string[] = []
      const storage = storageIn({ vfs, cwd, name, force, refusals, signal: parts.signal(), log })
      const count = await withLine(
        async (line) => {
          const starts = ({ type }: Header): boolean => STARTS.has(type)
          const first = await answer(line, receiverReady(), starts, tell, { verb: 'put', folder: cwd })
          return first && receiveFiles(line, first, storage)
        },
        () => storage.brokenOff,
      )
      if (count === undefined) return
      if (count > 0 || refusals.length === 0)
        await say(`${count === 1 ? 'One file' : `${count} files`} stored`)
      for (const sentence of refusals) await say(sentence)
      const { untold } = storage
      if (untold > 0) await say(`${untold} more ${untold === 1 ? 'was' : 'were'} not stored`)
    },
  }
}

async function sizeOf(file: FileHandle): Promise<number> {
  try {
    return (await file.stat()).size
  } finally {
    await file.close()
  }
}

/** Takes a line off the screen again, and the rows below that a window which became narrow has folded it into. */
function wipeOf(line: string, { output }: Terminal): string {
  const below = Math.max(0, Math.ceil(stringWidth(line) / output.columns) - 1)
  return below === 0 ? '\r\x1b[2K' : `\x1b[${below}A\r\x1b[J`
}

/** Until the terminal's own program has ended, or nobody waits any more. */
function letsGo(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, LETS_GO_MS)
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
  })
}

const STARTS: ReadonlySet<number> = new Set([Frame.rqinit, Frame.file, Frame.sinit, Frame.fin])
