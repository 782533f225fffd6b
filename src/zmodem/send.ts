import { crc32 } from 'node:zlib'
import type { Awaitable } from '../base/awaitable.ts'
import { isOpError, OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { readFrom } from '../transfer/read.ts'
import type { FileHandle } from '../vfs/vfs.ts'
import { CAN_CRC32, End, ESCAPE_CONTROLS, Frame, FrameWriter, type Header, hexHeader } from './frames.ts'
import { PATIENCE_MS, TRIES, type ZmodemLine } from './line.ts'

/** Bytes of a subpacket, and of what is written at a time. */
const BLOCK = 8 * 1024
const BURST = 64 * 1024

export interface OutgoingFile {
  /** A byte string: one name. */
  readonly name: string
  /** Opens it when its turn comes: thousands at once would take the server's descriptors. */
  open(): Awaitable<FileHandle>
}

/** What became of a file. */
export interface SentFile {
  /** Where the receiver wanted it from; undefined: not at all. */
  readonly from: number | undefined
  /** It asked for the CRC of what it has already (ZCRC), which not every receiver does. */
  readonly proved: boolean
  /** Why it could not be opened: it was not offered. */
  readonly refusal?: OpError
}

/** Sends files to the receiver that answered with `ready` (ZRINIT). ECANCELED, EIO; EINVAL: it asks for what is not there. */
export async function sendFiles(
  line: ZmodemLine,
  ready: Header,
  files: readonly OutgoingFile[],
  signal: AbortSignal,
): Promise<readonly SentFile[]> {
  const writer = new FrameWriter((ready.flags & ESCAPE_CONTROLS) !== 0, (ready.flags & CAN_CRC32) !== 0)
  const window = ready.position & 0xffff
  const sent: SentFile[] = []
  for (const { name, open } of files) {
    const file = await opened(open)
    if (file instanceof OpError) {
      sent.push({ from: undefined, proved: false, refusal: file })
      continue
    }
    try {
      sent.push(await sendFile(line, writer, window, name, file, signal))
    } finally {
      await file.close()
    }
  }
  for (let tries = 0; tries < TRIES; tries++) {
    await line.write(hexHeader(Frame.fin))
    const answer = await line.reader.header(PATIENCE_MS)
    if (answer?.type === Frame.fin) break
  }
  await line.write(Buffer.from('OO'))
  return sent
}

async function opened(open: OutgoingFile['open']): Promise<FileHandle | OpError> {
  try {
    return await open()
  } catch (error) {
    if (!isOpError(error) || error.code === 'ECANCELED') throw error
    return error
  }
}

async function sendFile(
  line: ZmodemLine,
  writer: FrameWriter,
  window: number,
  name: string,
  file: FileHandle,
  signal: AbortSignal,
): Promise<SentFile> {
  const { size, mtime, mode } = await file.stat()
  const info = Buffer.concat([
    Buffer.from(name, 'latin1'),
    Buffer.from(`\0${size} ${Math.floor(mtime).toString(8)} ${mode.toString(8)} 0 1 ${size}\0`, 'latin1'),
  ])
  const wanted = await offer(line, writer, info, file, signal)
  for (let from: Place | undefined = wanted.from; from !== undefined; ) {
    if (from === SKIPPED) return UNWANTED
    if (from > size)
      throw new OpError(
        'EINVAL',
        `Your side asks for byte ${from} of "${shown(name)}", which has ${size}: it has another file of that name`,
      )
    from = await stream(line, writer, window, file, from, size, signal)
  }
  return wanted
}

/** Where a receiver wants the file from; or the rest of it not at all. */
type Place = number | typeof SKIPPED
const SKIPPED = 'skipped'
const UNWANTED: SentFile = { from: undefined, proved: false }

/** Where the receiver wants it from. */
async function offer(
  line: ZmodemLine,
  writer: FrameWriter,
  info: Buffer,
  file: FileHandle,
  signal: AbortSignal,
): Promise<SentFile> {
  let proved = 0
  for (let tries = 0; tries < TRIES; ) {
    // Conversion 1: binary. Whether it goes on with what it has is the receiver's to say.
    writer.header(Frame.file, 0x01 * 2 ** 24)
    writer.data(info, End.ackStop)
    await line.write(writer.take())
    for (;;) {
      const answer = await line.reader.header(PATIENCE_MS)
      if (answer?.type === Frame.rpos) return { from: answer.position, proved: answer.position <= proved }
      if (answer?.type === Frame.skip) return UNWANTED
      if (answer?.type === Frame.crc) {
        proved = answer.position === 0 ? Number.POSITIVE_INFINITY : answer.position
        await line.write(hexHeader(Frame.crc, await prefixCrc(file, answer.position, signal)))
        continue
      }
      // Said twice: it has not seen the offer yet, and will.
      if (answer?.type === Frame.rinit) continue
      if (answer !== undefined && gaveUp(answer)) throw new OpError('ECANCELED', 'The receiver gave up')
      tries += 1
      break
    }
  }
  throw new OpError('EIO', 'The receiver does not answer')
}

/** The bytes from `from` on. Undefined when the receiver has them all, else from where it wants them again. */
async function stream(
  line: ZmodemLine,
  writer: FrameWriter,
  window: number,
  file: FileHandle,
  from: number,
  size: number,
  signal: AbortSignal,
): Promise<Place | undefined> {
  let at = from
  let unanswered = 0
  writer.header(Frame.data, from)
  let queued = 0
  for await (const chunk of readFrom(file, from, size, signal)) {
    for (let start = 0; start < chunk.length; start += BLOCK) {
      const block = chunk.subarray(start, start + BLOCK)
      unanswered += block.length
      const wait = window > 0 && unanswered + BLOCK > window
      writer.data(block, wait ? End.ackStop : End.go)
      at += block.length
      queued += block.length
      if (queued >= BURST || wait) {
        await line.write(writer.take())
        queued = 0
      }
      if (wait) {
        const answer = await patiently(line)
        if (answer.type !== Frame.ack) return positionOf(answer, at)
        unanswered = 0
        writer.header(Frame.data, at)
      } else if (line.reader.pending) {
        // It speaks while we send: something went wrong, or it gives up.
        const answer = await line.reader.header(0)
        if (answer !== undefined && answer.type !== Frame.ack) {
          writer.data(new Uint8Array(0), End.header)
          return await lastPosition(line, answer, at)
        }
      }
    }
  }
  writer.data(new Uint8Array(0), End.header)
  writer.header(Frame.eof, at)
  await line.write(writer.take())
  for (let tries = 0; tries < TRIES; tries++) {
    const answer = await line.reader.header(PATIENCE_MS)
    if (answer === undefined) {
      writer.header(Frame.eof, at)
      await line.write(writer.take())
    } else if (answer.type === Frame.rinit) return undefined
    else if (answer.type !== Frame.ack) return positionOf(answer, at)
  }
  throw new OpError('EIO', 'The receiver does not answer')
}

/** A receiver that lost its way asks for the same place more than once. */
async function lastPosition(line: ZmodemLine, first: Header, otherwise: number): Promise<Place> {
  let position = positionOf(first, otherwise)
  while (line.reader.pending) {
    const more = await line.reader.header(0)
    if (more !== undefined) position = positionOf(more, position)
  }
  return position
}

/** What the receiver says, however long it takes to write what it has. EIO when that is too long. */
async function patiently({ reader }: ZmodemLine): Promise<Header> {
  for (let tries = 0; tries < TRIES; tries++) {
    const answer = await reader.header(PATIENCE_MS)
    if (answer !== undefined) return answer
  }
  throw new OpError('EIO', 'The receiver does not answer')
}

function positionOf(answer: Header, otherwise: Place): Place {
  if (answer.type === Frame.rpos) return answer.position
  if (answer.type === Frame.skip) return SKIPPED
  if (gaveUp(answer)) throw new OpError('ECANCELED', 'The receiver gave up')
  return otherwise
}

function gaveUp({ type }: Header): boolean {
  return type === Frame.abort || type === Frame.ferr || type === Frame.can || type === Frame.fin
}

/** CRC-32 of the first `count` bytes (0: all), as ZCRC answers it. */
export async function prefixCrc(file: FileHandle, count: number, signal: AbortSignal): Promise<number> {
  let crc = 0
  const all = readFrom(file, 0, count === 0 ? Number.MAX_SAFE_INTEGER : count, signal)
  for await (const chunk of all) crc = crc32(chunk, crc)
  return crc
}
