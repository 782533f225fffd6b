import fs from 'node:fs'
import { join } from 'node:path'
import { isOpError } from '../base/error.ts'
import { errnoOf } from './errno.ts'
import { type LocalFileSystem, openLocal } from './local.ts'
import { forgetUploads, type LeftOpen, leftOpen, uploadFiles } from './open-uploads.ts'
import { keyOf } from './partials.ts'
import { join as joined, ROOT } from './path.ts'
import { openShelf } from './shelf.ts'
import type { KeepRules } from './shelved.ts'
import type { ShelvedFile, UploadStore } from './uploads.ts'
import type { VirtualPath } from './vfs.ts'
import { cutOf } from './written.ts'

export interface SettleParts {
  /** VAR. */
  readonly folder: string
  /** Where processes say what they have open. */
  readonly open: string
  readonly store: UploadStore
  readonly now: () => number
  readonly rules: KeepRules
  readonly lives: (process: string) => boolean
  /** Hears of a home that is not there, or cannot be opened. */
  readonly notOpened: (account: string, error: unknown) => void
}

/**
 * What processes that were killed have left: their new files are marked as not finished, and a hole in one is cut off;
 * their overwrites become parts, and what was just replaced is kept. Done before anybody is served, so that nobody takes one for whole.
 * Of a home that is not there nothing is forgotten: its disk may only not be mounted yet. The account is deleted, or made anew, to forget it.
 */
export async function settle({
  folder,
  open,
  store,
  now,
  rules,
  lives,
  notOpened,
}: SettleParts): Promise<void> {
  const names = uploadFiles(open)
  const dead = names.filter((name) => !lives(name))
  const left = dead.flatMap((name) => leftOpen(open, name))
  const accounts = new Set([...store.accounts(), ...left.map(({ account }) => account)])
  for (const account of accounts) {
    const mine = left.filter((one) => one.account === account)
    for (const { inode, kind } of mine) if (kind === 'new') store.addPartial(account, inode)
    await using local = opened(join(folder, 'home', account), (error) => notOpened(account, error))
    if (local === undefined) continue
    await cutHoles(local, mine)
    const gaps = gapsOf(mine)
    const shelf = openShelf(join(folder, 'staging', account), local.jail)
    const forget = ({ id, path }: ShelvedFile): void => {
      shelf.remove(id, path)
      store.removeShelved(account, id)
    }
    for (const file of store.shelved(account)) {
      if (lives(file.owner)) continue
      if (file.kind === 'kept' && file.size === 0) {
        const held = shelf.stat(file.id, file.path)
        // Of two names: the kill came before the other one was replaced.
        if (held === undefined || held.nlink > 1) forget(file)
        else store.putShelved(account, { ...file, size: held.size, until: now() + rules.keepMs })
      }
      if (file.kind !== 'open') continue
      const found = shelf.stat(file.id, file.path)
      const gap = found === undefined ? undefined : gaps.get(keyOf(found))
      const had = found?.size ?? 0
      const size = gap === undefined ? had : cutOf(had, gap.prefix, gap.floor)
      if (size === 0 || rules.partMs === 0) {
        forget(file)
        continue
      }
      if (size < had) shelf.cut(file.id, file.path, size)
      store.putShelved(account, { ...file, kind: 'part', size, until: now() + rules.partMs })
    }
  }
  if (dead.length === names.length) sweep(join(folder, 'staging'), store)
  for (const name of dead) forgetUploads(open, name)
}

/** One account's home keeps nobody else from being served; its own sessions are told what is wrong with it. */
function opened(home: string, failed: (error: unknown) => void): LocalFileSystem | undefined {
  try {
    return openLocal(home)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    failed(error)
    return undefined
  }
}

function gapsOf(left: readonly LeftOpen[]): Map<string, NonNullable<LeftOpen['gap']>> {
  const gaps = new Map<string, NonNullable<LeftOpen['gap']>>()
  for (const { inode, gap } of left) if (gap !== undefined) gaps.set(keyOf(inode), gap)
  return gaps
}

/** Files are known by inode, for they may have been renamed: they are looked for where they are. */
async function cutHoles(local: LocalFileSystem, left: readonly LeftOpen[]): Promise<void> {
  const gaps = gapsOf(left.filter(({ kind }) => kind === 'new'))
  const folders: VirtualPath[] = [ROOT]
  while (gaps.size > 0 && folders.length > 0) {
    for await (const { path, inode, isFolder } of entriesOf(local, folders.pop()!)) {
      if (isFolder) folders.push(path)
      const gap = gaps.get(inode)
      if (gap === undefined) continue
      gaps.delete(inode)
      const file = local.open(path, { write: true })
      const { size } = await file.stat()
      const cut = cutOf(size, gap.prefix, gap.floor)
      if (cut < size) await file.truncate(cut)
      await file.close()
    }
  }
}

async function* entriesOf(
  local: LocalFileSystem,
  folder: VirtualPath,
): AsyncGenerator<{ readonly path: VirtualPath; readonly inode: string; readonly isFolder: boolean }> {
  let list: Awaited<ReturnType<LocalFileSystem['openDirectory']>>
  try {
    list = await local.openDirectory(folder)
  } catch (error) {
    // What the account closed to itself, or renamed meanwhile.
    if (isOpError(error, 'EACCES') || isOpError(error, 'ENOENT')) return
    throw error
  }
  try {
    for (;;) {
      const entries = await list.read(256)
      if (entries.length === 0) return
      for (const { name, stat } of entries)
        yield { path: joined(folder, name), inode: keyOf(stat), isFolder: stat.kind === 'directory' }
    }
  } finally {
    await list.close()
  }
}

/** Shelved files that nothing is written down about: the database is older than they are. */
function sweep(staging: string, store: UploadStore): void {
  for (const account of namesIn(staging)) {
    const known = new Set(store.shelved(account).map(({ id }) => id))
    for (const id of namesIn(join(staging, account)))
      if (!known.has(id)) fs.rmSync(join(staging, account, id), { force: true })
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return fs.readdirSync(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
