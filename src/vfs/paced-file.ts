import fs from 'node:fs'
import { promisify } from 'node:util'
import { atOnce, type InTurn } from '../base/lane.ts'
import type { LocalFile } from './local-file.ts'
import type { Pace, Paces } from './pace.ts'
import type { FileHandle } from './vfs.ts'

const readv = promisify(fs.readv)
const write = promisify(fs.write)
const fstat = promisify(fs.fstat)

/** A file that answers as the disk of that number (st_dev) has it. */
export type Paced = (file: LocalFile, device: number) => FileHandle

/** `inTurn`: for what is done off the loop. */
export function pacedBy(paces: Paces, inTurn: InTurn = atOnce): Paced {
  return (file, device) => pacedFile(file, paces.of(device), inTurn)
}

/**
 * An open file that answers at once while its disk does, and with promises when that is slow: then it makes its own
 * session wait, which asks one thing after another, and no other.
 */
function pacedFile(file: LocalFile, pace: Pace, inTurn: InTurn): FileHandle {
  /** Where the last write's bytes lay, for those of the next. */
  let memory: Buffer | undefined

  /** Off the loop, in turn: the threads there are few, and logins need them too. */
  const later = <T>(work: (descriptor: number) => Promise<T>): Promise<T> =>
    inTurn(() => pace.later(() => file.later(work)))
  return {
    found: file.found,
    appends: file.appends,
    descriptor: file.descriptor,
    quick: () => pace.quick,
    read(into, offset) {
      if (pace.quick) return pace.now(() => file.read(into, offset))
      return later(async (descriptor) => (await readv(descriptor, into, offset)).bytesRead)
    },
    write(data, offset) {
      if (pace.quick) return pace.now(() => file.write(data, offset))
      // Lent for the call alone. The memory is used again: what is new each time waits for the collector.
      const bytes = gathered(data, memory)
      memory = undefined
      return later(async (descriptor) => {
        const at = file.appends ? (await fstat(descriptor)).size : offset
        for (let wrote = 0; wrote < bytes.length; )
          wrote += (await write(descriptor, bytes, wrote, bytes.length - wrote, at + wrote)).bytesWritten
      }).finally(() => {
        memory = Buffer.from(bytes.buffer)
      })
    },
    truncate: (size) => pace.now(() => file.truncate(size)),
    stat: () => pace.now(() => file.stat()),
    setstat: (attrs) => pace.now(() => file.setstat(attrs)),
    sync: () => inTurn(() => file.sync()),
    close: () => pace.now(() => file.close()),
    abandon: () => file.abandon(),
  }
}

/** The bytes in one piece, in `memory` if they find room there. */
function gathered(data: readonly Uint8Array[], memory: Buffer | undefined): Buffer {
  const count = data.reduce((sum, part) => sum + part.length, 0)
  const bytes = memory !== undefined && memory.length >= count ? memory : Buffer.allocUnsafeSlow(count)
  let at = 0
  for (const part of data) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes.subarray(0, count)
}
