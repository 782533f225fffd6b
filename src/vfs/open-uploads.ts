import fs from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from './errno.ts'
import type { Inode } from './uploads.ts'
import type { Slot } from './written.ts'

/** Bytes of a record: account (32), device, inode, prefix, floor (a double each), kind (a byte), room to grow. */
const RECORD = 72
const ACCOUNT = 32
const KIND = 64
const NOTHING = Buffer.of(0)
const NONE = -1

export type UploadKind = 'new' | 'staged'

/** An upload that was open when its process was killed. */
export interface LeftOpen {
  /** Where in its file. */
  readonly at: number
  readonly account: string
  readonly inode: Inode
  readonly kind: UploadKind
  /** Of one with a hole: its contiguous bytes, and below what it is not cut. */
  readonly gap: { readonly prefix: number; readonly floor: number } | undefined
}

/** A small file that says which uploads this process has open: what survives kill -9, at a few microseconds an upload. */
export interface OpenUploads extends Disposable {
  enter(account: string, inode: Inode, kind: UploadKind): Slot
}

/** `folder/NAME`, for a process of that name; removed when it is disposed, unless something in it is to outlast it. */
export function openUploads(folder: string, name: string): OpenUploads {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  const real = join(folder, name)
  const descriptor = fs.openSync(real, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600)
  const free: number[] = []
  const record = Buffer.alloc(RECORD)
  let records = 0
  let kept = 0

  function write(at: number, bytes: Uint8Array, from: number): void {
    fs.writeSync(descriptor, bytes, from, bytes.length - from, at * RECORD + from)
  }

  return {
    enter(account, inode, kind) {
      const at = free.pop() ?? records++
      const entry = Buffer.from(record)
      entry.write(account, 0, ACCOUNT, 'latin1')
      entry.writeDoubleLE(inode.dev, 32)
      entry.writeDoubleLE(inode.ino, 40)
      entry.writeDoubleLE(NONE, 48)
      entry.writeDoubleLE(0, 56)
      entry[KIND] = kind === 'new' ? 1 : 2
      try {
        write(at, entry, 0)
      } catch (error) {
        free.push(at)
        throw error
      }
      let used = true
      let keeps = false
      return {
        gap(prefix = NONE, floor) {
          if (!used) return
          entry.writeDoubleLE(prefix, 48)
          entry.writeDoubleLE(floor, 56)
          write(at, entry, 48)
        },
        keep() {
          if (used && !keeps) kept += 1
          keeps = true
        },
        free() {
          if (!used) return
          used = false
          if (keeps) kept -= 1
          free.push(at)
          entry[KIND] = 0
          write(at, entry, KIND)
        },
      }
    },
    [Symbol.dispose]() {
      fs.closeSync(descriptor)
      if (kept === 0) fs.rmSync(real, { force: true })
    },
  }
}

/** The names of processes that have such a file in `folder`. */
export function uploadFiles(folder: string): readonly string[] {
  try {
    return fs.readdirSync(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** What the process had open. */
export function leftOpen(folder: string, name: string): readonly LeftOpen[] {
  const bytes = bytesOf(join(folder, name))
  const found: LeftOpen[] = []
  // What a kill in the middle of a record left behind is shorter, and was not answered.
  for (let at = 0; at + RECORD <= bytes.length; at += RECORD) {
    const entry = bytes.subarray(at, at + RECORD)
    const kind = entry[KIND] === 1 ? 'new' : entry[KIND] === 2 ? 'staged' : undefined
    if (kind === undefined) continue
    const prefix = entry.readDoubleLE(48)
    found.push({
      at,
      account: entry.toString('latin1', 0, ACCOUNT).replace(/\0.*$/s, ''),
      inode: { dev: entry.readDoubleLE(32), ino: entry.readDoubleLE(40) },
      kind,
      gap: prefix === NONE ? undefined : { prefix, floor: entry.readDoubleLE(56) },
    })
  }
  return found
}

/** Another process may have settled all of it meanwhile. */
function bytesOf(real: string): Buffer {
  try {
    return fs.readFileSync(real)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    return Buffer.alloc(0)
  }
}

/** Forgets what the process had open of these accounts; what it had of others is kept in `left`. */
export function forgetUploads(
  folder: string,
  name: string,
  accounts: ReadonlySet<string>,
  left: string,
): void {
  const real = join(folder, name)
  const found = leftOpen(folder, name)
  if (found.every(({ account }) => accounts.has(account))) {
    fs.rmSync(real, { force: true })
    return
  }
  // In place: another process may forget another account's.
  const descriptor = fs.openSync(real, 'r+')
  try {
    for (const { account, at } of found)
      if (accounts.has(account)) fs.writeSync(descriptor, NOTHING, 0, 1, at + KIND)
  } finally {
    fs.closeSync(descriptor)
  }
  if (folder === left) return
  fs.mkdirSync(left, { recursive: true, mode: 0o700 })
  fs.renameSync(real, join(left, name))
}
