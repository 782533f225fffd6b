import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'
import { errnoOf } from './errno.ts'
import { statFrom } from './local-stat.ts'
import type { Entry, Stat } from './vfs.ts'

/** An open file, and what it is. */
export interface Opened {
  readonly descriptor: number
  readonly stat: Stat
}

/**
 * Calls of the disk that Node has no words for, by the addon in native/. `path`: a byte string, from the open folder on. The
 * kernel itself does not leave that folder (openat2(2)). Undefined where it comes to nothing: a link is met, or any error;
 * whoever walks by name finds out which.
 */
export interface DiskCalls {
  /** Makes a file that is not there yet. `access`: O_WRONLY …; `mode`: its permission bits. None where its descriptor would not be below `most`. */
  make(folder: number, path: string, access: number, mode: number, most: number): Opened | undefined
  /** Opens a regular file; nothing else is opened, not even for a moment. */
  open(folder: number, path: string, access: number): Opened | undefined
  /** What bears the name, a link itself; null if nothing does. */
  look(folder: number, path: string): Stat | null | undefined
  /** The next names of a folder that is open to be read, with what bears them: at most `most`, or 12; none at the end. Node's errors. */
  list(folder: number, most: number): Entry[]
}

/** As native/disk.c has it: below zero an answer is the errno. */
export interface Addon {
  /** What a file is, field by field, one file after another; then how many bytes of `names` are filled. */
  readonly numbers: Float64Array
  readonly names: Uint8Array
  make(folder: number, path: string, access: number, mode: number, most: number): number
  open(folder: number, path: string, access: number): number
  look(folder: number, path: string): number
  list(folder: number, most: number): number
}

const FIELDS = 9

/** The calls, or why they cannot be had, for the log. */
export type Loaded =
  | { readonly calls: DiskCalls; readonly why?: undefined }
  | { readonly calls?: undefined; readonly why: string }

let loaded: Loaded | undefined

/** Loaded once. */
export function diskCalls(): Loaded {
  loaded ??= callsOver(() => addonAt('../../native/build/Release/disk.node'))
  return loaded
}

/** Loads it. A file that was cut would end the process: where it is mapped there is nothing. */
export function addonAt(file: string): Addon {
  const require = createRequire(import.meta.url)
  const found = require.resolve(file)
  if (!isWhole(readFileSync(found))) throw new Error('it is not whole: npm run prepare builds it anew')
  return require(found) as Addon
}

/** The headers of an ELF file's sections lie at its end (elf(5), 64 bits). What is something else is for the loader to refuse. */
function isWhole(bytes: Buffer): boolean {
  if (bytes.length < 64) return false
  if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1) return true
  const [start, size, count] = [bytes.readBigUInt64LE(40), bytes.readUInt16LE(58), bytes.readUInt16LE(60)]
  return start + BigInt(size * count) <= bytes.length
}

/** Tries whether the kernel lets them through. */
export function callsOver(load: () => Addon): Loaded {
  let addon: Addon
  let tried: number
  try {
    addon = load()
    // No folder has it below itself: whoever keeps to that has heeded it. (Of the working directory nothing is asked: it may be root's.)
    tried = addon.look(AT_FDCWD, '/')
  } catch (error) {
    if (errnoOf(error) === 'MODULE_NOT_FOUND') return { why: 'the addon in native/ was not built' }
    return { why: `the addon in native/ cannot be loaded: ${error instanceof Error ? error.message : error}` }
  }
  if (tried === OUTSIDE) return { calls: callsOf(addon) }
  // Kernels before 5.6 do not know it, and some containers keep it from who runs in them.
  return { why: `openat2 is refused here (${tried < 0 ? getSystemErrorName(tried) : 'it goes anywhere'})` }
}

const AT_FDCWD = -100
/** Of a C int. */
const LARGEST = 2 ** 31 - 1
const NOTHING = -constants.errno.ENOENT
const OUTSIDE = -constants.errno.EXDEV

function callsOf(addon: Addon): DiskCalls {
  const { numbers } = addon
  const names = Buffer.from(addon.names.buffer)
  const opened = (descriptor: number): Opened | undefined =>
    descriptor < 0 ? undefined : { descriptor, stat: statFrom(numbers, 0) }
  return {
    make: (folder, path, access, mode, most) =>
      opened(addon.make(folder, path, access, mode, Math.min(most, LARGEST))),
    open: (folder, path, access) => opened(addon.open(folder, path, access)),
    look(folder, path) {
      const found = addon.look(folder, path)
      if (found < 0) return found === NOTHING ? null : undefined
      return statFrom(numbers, 0)
    },
    list(folder, most) {
      const count = addon.list(folder, most)
      if (count < 0) throw systemError(count)
      const entries: Entry[] = []
      // The kernel knows no name with a slash.
      const each = names.toString('latin1', 0, numbers.at(-1)).split('/')
      for (let i = 0; i < count; i++) entries.push({ name: each[i]!, stat: statFrom(numbers, i * FIELDS) })
      return entries
    },
  }
}

function systemError(errno: number): Error {
  const code = getSystemErrorName(errno)
  return Object.assign(new Error(`A call of the disk failed: ${code}`), { code })
}
