import { realpathSync } from 'node:fs'
import { OpError } from '../base/error.ts'
import { shown } from '../base/escape.ts'
import { errnoOf } from '../vfs/errno.ts'
import { join, nameOf, parentOf, ROOT, virtualPath } from '../vfs/path.ts'
import type { Stat, VirtualFileSystem, VirtualPath } from '../vfs/vfs.ts'
import { getFile, type Listed, newGet } from './get-file.ts'
import { eachSource, leftOut } from './left-out.ts'
import type { Line } from './link.ts'
import { type Listings, listings } from './listings.ts'
import { openFolder } from './local-disk.ts'
import { newPut, putFile } from './put-file.ts'
import type { Job } from './queue.ts'
import { takenNames } from './taken-names.ts'
import { keptAttrs, partialsIn, statOrNone, type TransferWishes } from './transfer.ts'
import { ensureFolder, filesOf } from './tree.ts'

export interface MoveWishes extends TransferWishes {
  readonly recursive?: boolean
}

export interface PlanParts {
  readonly wishes: MoveWishes
  /** This machine's disk, as a tree from its root: links lead where they lead. */
  readonly disk: VirtualFileSystem
  /** Closes what the jobs need once they are over. */
  readonly life: AsyncDisposableStack
  /** Relative paths of this machine begin here. */
  readonly folder: VirtualPath
  readonly tell: (text: string) => void
  /** What of a tree could not be taken along, though it should have been. */
  readonly failed: (error: OpError) => void
  /** Of each folder whose times and permissions are kept: to be set when all in it is moved. */
  readonly kept: (folder: KeptFolder) => void
}

/** A folder that takes the times and permissions of the one that it comes from. */
export interface KeptFolder {
  /** As a person knows it. */
  readonly name: string
  /** How deep it lies in its tree. */
  readonly depth: number
  set(line: Line): Promise<void>
}

/** What Node puts in the place of bytes that are no UTF-8, in words of the command line. */
const LOST = bytesOf('\ufffd')
const NOT_UTF8 =
  ': a name that is not UTF-8 does not come through the command line; send its folder with -r, or say mput with a pattern at the prompt'

/** Text as the bytes that names are. */
export function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/**
 * The files to send (byte strings, as all names) to `target` (at the server; a folder takes them under their own names). Folders of a tree are
 * made at once. ENOENT, EISDIR without `recursive`, ENOTDIR when several go to what is no folder.
 */
export async function planPut(
  sources: readonly string[],
  target: VirtualPath,
  isFolder: boolean,
  line: Line,
  { wishes, disk, life, folder, tell, failed, kept }: PlanParts,
): Promise<readonly Job[]> {
  const there = await statOrNone(line.vfs, target)
  const into = there?.kind === 'directory'
  if (isFolder && !into)
    throw new OpError(
      there ? 'ENOTDIR' : 'ENOENT',
      `There is no folder "${shown(target)}" at the server: make it by mkdir`,
    )
  if (sources.length > 1 && !into)
    throw new OpError('ENOTDIR', `Several files need a folder: "${shown(target)}" is none at the server`)
  const jobs: Job[] = []
  const taken = takenNames(leftOut(tell, failed))
  // One file alone is not worth the list of its folder.
  const listing = sources.length > 1 || wishes.recursive === true ? listings() : undefined
  await eachSource(sources, leftOut(tell, failed), async (name) => {
    const path = virtualPath(name, folder)
    const found = await lookHere(disk, path, name)
    const place = into ? placeIn(target, nameOf(path), name) : target
    if (found.kind === 'file') {
      if (taken.take(place, shown(name)))
        jobs.push(putJob(disk, path, shown(name), place, found.size, wishes, listing))
    } else if (found.kind !== 'directory') throw new OpError('ENOTSUP', `"${shown(name)}" is no regular file`)
    else if (wishes.recursive !== true)
      throw new OpError('EISDIR', `"${shown(name)}" is a folder: send it with -r`)
    else {
      await ensureFolder(line.vfs, place, found)
      const keep = (names: readonly string[], stat: Stat): void => {
        const own = below(place, names)
        if (wishes.preserve === true)
          kept({
            name: shown(own),
            depth: names.length,
            set: async ({ vfs }) => vfs.setstat(own, keptAttrs(stat)),
          })
      }
      keep([], found)
      // Its own root: the way to each file is short.
      const root = life.use(openFolder(folderHere(path, name), `${name.replace(/\/+$/, '')}/`))
      const making: Promise<unknown>[] = []
      const made = new Map<string, Promise<unknown>>()
      const files = filesOf(root, ROOT, {
        folder(names, stat) {
          const parent = made.get(names.slice(0, -1).join('/')) ?? Promise.resolve()
          const own = parent.then(() => ensureFolder(line.vfs, below(place, names), stat))
          keep(names, stat)
          own.catch(() => {})
          made.set(names.join('/'), own)
          making.push(own)
          return Promise.resolve()
        },
        passedOver: (left, why) => leftOut(tell, failed)(`${shown(name)}${left}`, why),
      })
      for await (const file of files) {
        const own = `${shown(name)}/${shown(file.names.join('/'))}`
        const target = below(place, file.names)
        if (taken.take(target, own))
          jobs.push(putJob(root, file.path, own, target, file.stat.size, wishes, listing))
      }
      await Promise.all(making)
    }
  })
  return jobs
}

/**
 * The files to fetch into `target` (here; a folder takes them under their own names). Whatever the server calls
 * them, they stay below it.
 */
export async function planGet(
  sources: readonly VirtualPath[],
  target: string,
  isFolder: boolean,
  line: Line,
  { wishes, disk, life, folder, tell, failed, kept }: PlanParts,
): Promise<readonly Job[]> {
  const place = virtualPath(target, folder)
  const there = await statOrNone(disk, place)
  const into = there?.kind === 'directory'
  if (isFolder && !into)
    throw new OpError(
      there ? 'ENOTDIR' : 'ENOENT',
      `There is no folder "${shown(target)}" here: make it first`,
    )
  if (sources.length > 1 && !into)
    throw new OpError('ENOTDIR', `Several files need a folder: "${shown(target)}" is none here`)
  // Its own root: no link in it, old or new, leads a file out of it.
  const prefix = prefixOf(target, into)
  const root = life.use(openFolder(folderHere(into ? place : parentOf(place), target), prefix))
  const jobs: Job[] = []
  const taken = takenNames(leftOut(tell, failed))
  const here = { root, prefix, partOf: taken.partOf }
  // One file alone is not worth the list of its folder.
  const listing = sources.length > 1 ? listings() : undefined
  await eachSource(sources, leftOut(tell, failed), async (path) => {
    const found = await line.vfs.stat(path)
    const name = into ? nameOf(path) : nameOf(place)
    if (name === '') throw new OpError('EINVAL', 'The root has no name: say where to put it')
    const own = placeIn(ROOT, name, shown(path))
    if (found.kind === 'file') {
      if (!taken.take(own, shown(path))) return
      const isPartial = (await listing?.(line, parentOf(path)))?.has(nameOf(path))
      const known = isPartial === undefined ? undefined : { stat: found, isPartial, isNew: false }
      jobs.push(getJob(path, here, own, found.size, wishes, known))
    } else if (found.kind !== 'directory') throw new OpError('ENOTSUP', `"${shown(path)}" is no regular file`)
    else if (wishes.recursive !== true)
      throw new OpError('EISDIR', `"${shown(path)}" is a folder: fetch it with -r`)
    else {
      let isNew = await ensureFolder(root, own, found)
      const keep = (names: readonly string[], stat: Stat): void => {
        const one = below(own, names)
        if (wishes.preserve === true)
          kept({
            name: shown(prefix + one.slice(1)),
            depth: names.length,
            set: async () => root.setstat(one, keptAttrs(stat)),
          })
      }
      keep([], found)
      let partial = await partialsIn(line, path)
      const files = filesOf(line.vfs, path, {
        async folder(names, stat) {
          taken.take(below(own, names), undefined)
          isNew = await ensureFolder(root, below(own, names), stat)
          keep(names, stat)
          partial = await partialsIn(line, below(path, names))
        },
        passedOver: leftOut(tell, failed),
      })
      for await (const file of files) {
        const one = below(own, file.names)
        if (taken.take(one, shown(file.path)))
          jobs.push(
            getJob(file.path, here, one, file.stat.size, wishes, {
              stat: file.stat,
              isPartial: partial.has(file.names.at(-1)!),
              isNew,
            }),
          )
      }
    }
  })
  return jobs
}

function putJob(
  disk: VirtualFileSystem,
  path: VirtualPath,
  name: string,
  target: VirtualPath,
  size: number,
  wishes: TransferWishes,
  listing?: Listings,
): Job {
  const memory = newPut()
  const listed =
    listing && (async (line: Line) => (await listing(line, parentOf(target))).has(nameOf(target)))
  return {
    verb: 'put',
    name,
    target: shown(target),
    size,
    run: (line, parts) => putFile({ vfs: disk, path, name }, target, { line, wishes, memory, parts }, listed),
  }
}

/** What a person wrote before the names below the folder that `target` (byte string) is, or lies in. */
function prefixOf(target: string, isFolder: boolean): string {
  const prefix = isFolder ? `${target}/` : target.slice(0, target.lastIndexOf('/') + 1)
  return prefix.replace(/\/+$/, '/').replace(/^\.\/$/, '')
}

function getJob(
  source: VirtualPath,
  {
    root,
    prefix,
    partOf,
  }: {
    readonly root: VirtualFileSystem
    readonly prefix: string
    readonly partOf: (path: VirtualPath) => VirtualPath
  },
  path: VirtualPath,
  size: number,
  wishes: TransferWishes,
  known?: Listed,
): Job {
  const memory = newGet()
  const name = shown(prefix + path.slice(1))
  return {
    verb: 'get',
    name: shown(source),
    target: name,
    size,
    run(line, parts) {
      const part = partOf(path)
      const place = { vfs: root, path, name, part, partName: shown(prefix + part.slice(1)) }
      return getFile(source, place, { line, wishes, memory, parts }, known)
    },
  }
}

function below(root: VirtualPath, names: readonly string[]): VirtualPath {
  return names.reduce<VirtualPath>((path, name) => join(path, name), root)
}

/** EINVAL when a name is none: a server may say anything. */
function placeIn(folder: VirtualPath, name: string, from: string): VirtualPath {
  if (name === '') throw new OpError('EINVAL', `"${shown(from)}" has no name of its own: say where to put it`)
  return join(folder, name)
}

async function lookHere(disk: VirtualFileSystem, path: VirtualPath, name: string): Promise<Stat> {
  const found = await statOrNone(disk, path)
  if (found === undefined)
    throw new OpError('ENOENT', `There is no "${shown(name)}" here${name.includes(LOST) ? NOT_UTF8 : ''}`)
  return found
}

function folderHere(folder: VirtualPath, name: string): string {
  try {
    return realpathSync(Buffer.from(folder, 'latin1'))
  } catch (error) {
    throw new OpError(
      'ENOENT',
      `The folder of "${shown(name)}" cannot be used (${errnoOf(error) ?? 'unknown'})`,
      { cause: error },
    )
  }
}
