import assert from 'node:assert/strict'
import { fstatSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ErrorCode, isOpError } from '../../src/base/error.ts'
import { measure } from '../../src/vfs/measure.ts'
import { virtualPath } from '../../src/vfs/path.ts'
import type { StagedFileSystem } from '../../src/vfs/staged.ts'
import type { OpenFlags } from '../../src/vfs/vfs.ts'
import { descriptorsIn } from './descriptors.ts'
import type { StagedAccount } from './staged-account.ts'

export const p = (text: string) => virtualPath(text)
export const NEW: OpenFlags = { write: true, create: true, truncate: true }
/** As plain scp and a resume open. */
export const UNTRUNCATED: OpenFlags = { write: true, create: true }

export const bytes = (text: string) => [Buffer.from(text, 'latin1')]

export async function put(vfs: StagedFileSystem, path: string, text: string): Promise<void> {
  const file = await vfs.open(p(path), NEW)
  await file.write(bytes(text), 0)
  await file.close()
}

export const onDisk = ({ home }: StagedAccount, path: string) => readFile(join(home, path), 'latin1')

export async function isPartial(vfs: StagedFileSystem, path: string): Promise<boolean> {
  return (await vfs.stat(p(path))).partial === true
}

export async function refuses(code: ErrorCode, act: () => unknown, words: RegExp = /./): Promise<void> {
  await assert.rejects(
    async () => act(),
    (error) => isOpError(error, code) && words.test(error.message),
    `expected ${code}`,
  )
}

/** An overwrite of `path` whose connection breaks. */
export async function interrupted(vfs: StagedFileSystem, path: string, text: string): Promise<void> {
  const file = await vfs.open(p(path), NEW)
  await file.write(bytes(text), 0)
  await file.abandon()
}

/** Books and disk agree: what is in the home is used, what is out of sight reserved. */
export async function balanced({ book, home, staging }: StagedAccount): Promise<void> {
  const { used, reserved, files } = book.usage
  const aside = await measure(staging)
  assert.deepEqual({ bytes: used, files, reserved }, { ...(await measure(home)), reserved: aside.bytes })
}

/** The files under a folder that this process has open. */
export function openUnder(folder: string): number {
  return descriptorsIn(folder).filter((descriptor) => fstatSync(descriptor).isFile()).length
}
