import { type Awaitable, isPromise } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import type { FileHandle } from '../vfs/vfs.ts'
import { End, Frame, type Header, hexHeader, receiverReady } from './frames.ts'
import { MOST_SIZE, PATIENCE_MS, TRIES, type ZmodemLine } from './line.ts'

/** What a sender says of a file. */
export interface IncomingFile {
  /** A byte string: one name, never a path. */
  readonly name: string
  readonly size: number | undefined
  readonly mtime: number | undefined
  readonly mode: number | undefined
  /** The sender asks to go on with what is there (ZCRECOV). */
  readonly resume: boolean
}

/** A file that is wanted. */
export interface WantedFile {
  readonly handle: FileHandle
  readonly from: number
  /** The file system takes no more of it; `bytes` of it are there. */
  refused(error: OpError, bytes: number): void
}

/** Where files go. */
export interface Storage {
  /**
   * Opens the file; undefined: not wanted.
   * `proof(n)` is the CRC-32 of the sender's first n bytes, undefined when it does not say.
   */
  open(
    file: IncomingFile,
    proof: (bytes: number) => Promise<number | undefined>,
  ): Promise<WantedFile | undefined>
}

const RESUME = 3
/** Bytes that are written at a time. */
const GATHERED = 128 * 1024

/** Takes files from the sender until it has no more. Answers how many came whole. ECANCELED when it gave up or went away. */
export async function receiveFiles(line: ZmodemLine, first: Header, storage: Storage): Promise<number> {
  let count = 0
  let header: Header | undefined = first
  for (let silent = 0; silent < TRIES; ) {
    if (header === undefined) {
      silent += 1
      await line.write(receiverReady())
    } else {
      silent = 0
      switch (header.type) {
        case Frame.rqinit:
          await line.write(receiverReady())
          break
        case Frame.sinit:
          await line.reader.subpacket(PATIENCE_MS)
          await line.write(hexHeader(Frame.ack))
          break
        case Frame.file: {
          const info = await line.reader.subpacket(PATIENCE_MS)
          if (info === undefined || info === 'damaged') await line.write(hexHeader(Frame.nak))
          else if (await receiveFile(line, fileOf(info.data, header.flags), storage)) count += 1
          break
        }
        case Frame.eof:
          // Of a file that was refused in its midst, by a sender that does not know that one can be.
          await line.write(receiverReady())
          break
        case Frame.fin:
          await line.write(hexHeader(Frame.fin))
          await line.reader.overAndOut(500)
          return count
        case Frame.abort:
        case Frame.ferr:
        case Frame.can:
          throw new OpError('ECANCELED', 'The sender gave up')
        default:
          break
      }
    }
    header = await line.reader.header(PATIENCE_MS)
  }
  throw new OpError('ECANCELED', 'The sender does not answer')
}

async function receiveFile(line: ZmodemLine, file: IncomingFile, storage: Storage): Promise<boolean> {
  const proof = async (bytes: number): Promise<number | undefined> => {
    for (let tries = 0; tries < 2; tries++) {
      await line.write(hexHeader(Frame.crc, bytes))
      const answer = await line.reader.header(PATIENCE_MS)
      if (answer?.type === Frame.crc) return answer.position
    }
    return undefined
  }
  const opened = await storage.open(file, proof)
  const isStored = opened !== undefined && (await stored(line, file, opened))
  // Skipped in its midst: what is on its way of it is passed over, up to the header of what comes next.
  await line.write(isStored ? receiverReady() : hexHeader(Frame.skip))
  return isStored
}

/** Whether all of it is there. */
async function stored(line: ZmodemLine, { mtime }: IncomingFile, opened: WantedFile): Promise<boolean> {
  const { handle, from } = opened
  const gathered = new Gathered(handle, from)
  try {
    await body(line, gathered, from)
    await gathered.end(mtime)
    return true
  } catch (error) {
    const { refusal } = gathered
    // What came before a cut is what a resume goes on with; the cut is what is told.
    if (refusal === undefined) await gathered.write().catch(() => {})
    await handle.abandon()
    if (refusal === undefined) throw error
    opened.refused(refusal, gathered.at)
    return false
  }
}

/** The bytes, asked for again from where they went wrong. */
async function body(line: ZmodemLine, file: Gathered, from: number): Promise<void> {
  let at = from
  let wrong = 0
  await line.write(hexHeader(Frame.rpos, at))
  for (;;) {
    const header = await line.reader.header(PATIENCE_MS)
    if (header?.type === Frame.eof && header.position === at) return
    if (header?.type === Frame.data && header.position === at) {
      for (let end: number = End.go; end === End.go || end === End.ackGo; ) {
        const next = line.reader.subpacket(PATIENCE_MS)
        const part = isPromise(next) ? await next : next
        if (part === undefined || part === 'damaged') {
          wrong += 1
          if (wrong > TRIES * 4) throw new OpError('EIO', 'The line damages too much')
          await line.write(hexHeader(Frame.rpos, at))
          break
        }
        if (at + part.data.length > MOST_SIZE) return file.refuseMore()
        if (!file.take(part.data)) await file.write(part.data)
        at += part.data.length
        end = part.end
        if (end === End.ackGo || end === End.ackStop) await line.write(hexHeader(Frame.ack, at))
      }
      continue
    }
    if (header?.type === Frame.fin || header?.type === Frame.abort || header?.type === Frame.ferr) {
      throw new OpError('ECANCELED', 'The sender gave up')
    }
    wrong += 1
    if (wrong > TRIES * 4) throw new OpError('ECANCELED', 'The sender does not answer')
    // Data from before a position that was asked for is still on its way, or the sender waits.
    if (header === undefined || header.type !== Frame.data) await line.write(hexHeader(Frame.rpos, at))
  }
}

/** Bytes as they come, written when there are enough of them: subpackets are small. */
class Gathered {
  readonly #handle: FileHandle
  readonly #held = Buffer.allocUnsafe(GATHERED)
  #size = 0
  #at: number
  #refusal: OpError | undefined

  constructor(handle: FileHandle, at: number) {
    this.#handle = handle
    this.#at = at
  }

  /** Where the next byte is written. */
  get at(): number {
    return this.#at
  }

  /** Why no more is taken: what else is thrown comes from the line. */
  get refusal(): OpError | undefined {
    return this.#refusal
  }

  /** Whether there was room for `data`. */
  take(data: Uint8Array): boolean {
    if (this.#size + data.length > GATHERED) return false
    this.#held.set(data, this.#size)
    this.#size += data.length
    return true
  }

  /** What was taken, and then `data`. */
  async write(data?: Uint8Array): Promise<void> {
    const parts = [this.#held.subarray(0, this.#size), data ?? new Uint8Array(0)].filter(
      ({ length }) => length > 0,
    )
    if (parts.length === 0) return
    await this.#unlessRefused(() => this.#handle.write(parts, this.#at))
    for (const { length } of parts) this.#at += length
    this.#size = 0
  }

  /** All of it came, and `mtime` is its time if the sender knows one. */
  async end(mtime: number | undefined): Promise<void> {
    await this.write()
    await this.#unlessRefused(async () => {
      if (mtime !== undefined && mtime > 0) await this.#handle.setstat({ mtime, atime: mtime })
      await this.#handle.close()
    })
  }

  /** EFBIG, once what was taken is written. */
  async refuseMore(): Promise<never> {
    await this.write()
    this.#refusal = new OpError(
      'EFBIG',
      'It is over 4 GiB, which ZMODEM cannot count: send it by sftp or scp',
    )
    throw this.#refusal
  }

  async #unlessRefused(work: () => Awaitable<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (isOpError(error) && error.code !== 'ECANCELED') this.#refusal = error
      throw error
    }
  }
}

/** `name NUL size mtime mode …`: numbers in decimal, then octal (§11.4). A path is cut to its name. */
function fileOf(data: Buffer, flags: number): IncomingFile {
  const end = data.indexOf(0)
  const path = data.toString('latin1', 0, end < 0 ? data.length : end)
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
  const [size, mtime, mode] = data
    .toString('latin1', end + 1)
    .split('\0')[0]!
    .split(' ')
  const length = /^\d{1,15}$/.test(size ?? '') ? Number(size) : undefined
  return {
    name,
    size: length,
    mtime: octal(mtime),
    mode: octal(mode),
    resume: flags === RESUME,
  }
}

function octal(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-7]{1,12}$/.test(text) ? Number.parseInt(text, 8) : undefined
}
