import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Stage } from './stage.ts'

export const MIB = 1024 * 1024

/** A file of so many MiB on the client's side, made once. Every block of it differs, so that a wrong offset shows. */
export function bigFile(stage: Stage, mebibytes: number): string {
  const path = join(stage.client, `${mebibytes}m`)
  if (existsSync(path)) return path
  const descriptor = openSync(path, 'wx')
  const block = randomBytes(MIB)
  for (let i = 0; i < mebibytes; i++) {
    block.writeUInt32BE(i, 0)
    writeSync(descriptor, block)
  }
  closeSync(descriptor)
  return path
}

/** A folder of `count` files of `size` bytes on the client's side, made once. */
export function smallFiles(stage: Stage, count: number, size: number): string {
  const path = join(stage.client, `${count}x${size}`)
  if (!existsSync(path)) fill(path, count, randomBytes(size))
  return path
}

export function fill(folder: string, count: number, bytes: Uint8Array): void {
  mkdirSync(folder)
  for (let i = 0; i < count; i++) writeFileSync(join(folder, `file-${String(i).padStart(6, '0')}`), bytes)
}

/** The same file under another name: nothing is copied. */
export function placed(file: string, at: string): void {
  if (!existsSync(at)) linkSync(file, at)
}

/** @throws when two files or folders differ. */
export function mustBeSame(one: string, other: string): void {
  execFileSync('diff', ['-rq', one, other], { stdio: ['ignore', 'pipe', 'pipe'] })
}

export function remove(path: string): void {
  rmSync(path, { recursive: true, force: true })
}

/** A folder's files under another folder's name: nothing is copied. */
export function linked(folder: string, at: string): void {
  if (!existsSync(at)) execFileSync('cp', ['-rl', folder, at])
}
