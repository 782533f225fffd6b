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
  /** Where that stays of those that were killed, for homes that were not there. */
  readonly left: string
  /** Others serve already, and see to what is left there: only what was open since. */
  readonly again?: boolean
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
export async function settle(parts: SettleParts): Promise<void> {
  const { folder, open, left, again, store, lives } = parts
  const files = [open, ...(again ? [] : [left])].flatMap((at) =>
    uploadFiles(at).map((name) => ({ at, name })),
  )
  const dead = files.filter(({ name }) => !lives(name))
  const uploads = dead.flatMap(({ at, name }) => leftOpen(at, name))
  const settled = new Set<string>()
  for (const account of new Set([...store.accounts(), ...uploads.map((one) => one.account)])) {
    const mine = uploads.filter((one) => one.account === account)
    if ((await settleAccount(account, mine, parts)) !== undefined) settled.add(account)
  }
  if (dead.length === files.length) sweep(join(folder, 'staging'), store)
  for (const { at, name } of dead) forgetUploads(at, name, settled, left)
}

/**
 * The same for one account whose home was not there then, before anybody is served of it. How many bytes were cut off.
 */
export async function settleLeft(account: string, parts: SettleParts): Promise<number> {
  const { left } = parts
  const names = uploadFiles(left)
  const mine = names.flatMap((name) => leftOpen(left, name)).filter((one) => one.account === account)
  if (mine.length === 0) return 0
  const cut = await settleAccount(account, mine, parts)
  if (cut === undefined) return 0
  for (const name of names) forgetUploads(left, name, new Set([account]), left)
  return cut
}

/** Undefined: its home cannot be opened. Else the bytes that were cut off its new files. */
async function settleAccount(
  account: string,
  mine: readonly LeftOpen[],
  { folder, store, now, rules, lives, notOpened }: SettleParts,
): Promise<number | undefined> {
  for (const { inode, kind } of mine) if (kind === 'new') store.addPartial(account, inode)
  await using local = opened(join(folder, 'home', account), (error) => notOpened(account, error))
  if (local === undefined) return undefined
  const cutOff = await cutHoles(local, mine)
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
  return cutOff
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

/** Files are known by inode, for they may have been renamed: they are looked for where they are. How much was cut off. */
async function cutHoles(local: LocalFileSystem, left: readonly LeftOpen[]): Promise<number> {
  let cutOff = 0
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
      cutOff += size - cut
    }
  }
  return cutOff
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
