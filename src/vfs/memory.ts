// Over 300 lines: the whole interface in memory, a method each.
import type { Clock } from '../base/clock.ts'
import { systemClock } from '../base/clock.ts'
import { failure } from './errno.ts'
import { isWithin, namesOf } from './path.ts'
import type {
  DirectoryHandle,
  Entry,
  FileHandle,
  NewAttrs,
  OpenFlags,
  Stat,
  VirtualFileSystem,
  VirtualPath,
} from './vfs.ts'

interface Inode {
  readonly ino: number
  mode: number
  uid: number
  gid: number
  atime: number
  mtime: number
  nlink: number
}
interface FileNode extends Inode {
  readonly kind: 'file'
  data: Buffer
}
interface FolderNode extends Inode {
  readonly kind: 'directory'
  readonly entries: Map<string, Node>
}
interface LinkNode extends Inode {
  readonly kind: 'symlink'
  readonly target: string
}
type Node = FileNode | FolderNode | LinkNode

/** Where a walk ended: the folder, and the name in it; `node` undefined when nothing bears it. */
interface Place {
  readonly folder: FolderNode
  readonly name: string
  readonly node: Node | undefined
  readonly path: VirtualPath
}

const TYPE_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000 }
const MOST_LINKS = 40

/** A tree in memory: what the disk is held to (tests/contract), and a file system for tests. */
export function memoryFileSystem(clock: Clock = systemClock): VirtualFileSystem {
  let made = 0
  const inode = (mode: number): Inode => {
    const time = clock.now() / 1000
    return { ino: ++made, mode, uid: 0, gid: 0, atime: time, mtime: time, nlink: 1 }
  }
  const root: FolderNode = { kind: 'directory', ...inode(0o755), nlink: 2, entries: new Map() }

  function walk(path: VirtualPath, follow: boolean): Place {
    const todo = namesOf(path).toReversed()
    const folders: FolderNode[] = [root]
    const names: string[] = []
    let links = 0
    while (todo.length > 0) {
      const name = todo.pop()!
      if (name === '' || name === '.') continue
      if (name === '..') {
        if (folders.length > 1) folders.pop()
        names.pop()
        continue
      }
      const folder = folders.at(-1)!
      const node = folder.entries.get(name)
      const last = todo.every((rest) => rest === '' || rest === '.')
      if (node?.kind === 'symlink' && (!last || follow || todo.length > 0)) {
        if (++links > MOST_LINKS) throw failure('ELOOP', path)
        if (node.target.startsWith('/')) {
          folders.length = 1
          names.length = 0
        }
        todo.push(...node.target.split('/').toReversed())
        continue
      }
      if (last) return { folder, name, node, path: `/${[...names, name].join('/')}` as VirtualPath }
      if (node === undefined) throw failure('ENOENT', path)
      if (node.kind !== 'directory') throw failure('ENOTDIR', path)
      folders.push(node)
      names.push(name)
    }
    return {
      folder: folders.at(-1)!,
      name: '',
      node: folders.at(-1)!,
      path: `/${names.join('/')}` as VirtualPath,
    }
  }

  function nodeAt(path: VirtualPath, follow: boolean): Node {
    const { node } = walk(path, follow)
    if (node === undefined) throw failure('ENOENT', path)
    return node
  }

  function add({ folder, name, node }: Place, made: Node, path: VirtualPath): void {
    if (node !== undefined) throw failure('EEXIST', path)
    folder.entries.set(name, made)
    folder.mtime = clock.now() / 1000
  }

  function drop({ folder, name, node }: Place): void {
    folder.entries.delete(name)
    if (node !== undefined) node.nlink -= 1
  }

  return {
    open(path, flags, attrs) {
      const place = walk(path, flags.exclusive !== true)
      const { node } = place
      if (node !== undefined && flags.create && flags.exclusive) throw failure('EEXIST', path)
      if (node?.kind === 'directory') throw failure('EISDIR', path)
      if (node?.kind === 'symlink') throw failure('ELOOP', path)
      if (node !== undefined) {
        if (flags.truncate && (flags.write || flags.append)) node.data = Buffer.alloc(0)
        return handle(node, flags, path, clock)
      }
      if (!flags.create) throw failure('ENOENT', path)
      const file: FileNode = {
        kind: 'file',
        ...inode((attrs?.mode ?? 0o666) & 0o7777 & ~0o022),
        data: Buffer.alloc(0),
      }
      add(place, file, path)
      return handle(file, flags, path, clock)
    },
    openDirectory(path) {
      const node = nodeAt(path, true)
      if (node.kind !== 'directory') throw failure('ENOTDIR', path)
      return listing(node, path)
    },
    stat: (path, { follow } = { follow: true }) => statOf(nodeAt(path, follow)),
    setstat(path, attrs, { follow } = { follow: true }) {
      const node = nodeAt(path, follow)
      if (node.kind === 'symlink' && (attrs.mode !== undefined || attrs.size !== undefined))
        throw failure('ENOTSUP', path)
      if (node.kind === 'directory' && attrs.size !== undefined) throw failure('EISDIR', path)
      change(node, attrs, clock)
    },
    mkdir(path, mode = 0o777) {
      add(
        walk(path, false),
        { kind: 'directory', ...inode(mode & 0o7777 & ~0o022), nlink: 2, entries: new Map() },
        path,
      )
    },
    rmdir(path) {
      const place = walk(path, false)
      if (place.node === undefined) throw failure('ENOENT', path)
      if (place.name === '') throw failure('EBUSY', path)
      if (place.node.kind !== 'directory') throw failure('ENOTDIR', path)
      if (place.node.entries.size > 0) throw failure('ENOTEMPTY', path)
      drop(place)
    },
    unlink(path) {
      const place = walk(path, false)
      if (place.node === undefined) throw failure('ENOENT', path)
      if (place.node.kind === 'directory') throw failure('EISDIR', path)
      drop(place)
    },
    rename(from, to, { replace }) {
      const source = walk(from, false)
      const target = walk(to, false)
      if (source.name === '' || target.name === '') throw failure('EBUSY', source.name === '' ? from : to)
      if (source.node === undefined) throw failure('ENOENT', from)
      if (target.path !== source.path && isWithin(target.path, source.path)) throw failure('EINVAL', to)
      if (target.node !== undefined) {
        if (!replace) throw failure('EEXIST', to)
        if (target.node === source.node) return
        if (source.node.kind === 'directory' && target.node.kind !== 'directory') throw failure('ENOTDIR', to)
        if (source.node.kind !== 'directory' && target.node.kind === 'directory') throw failure('EISDIR', to)
        if (target.node.kind === 'directory' && target.node.entries.size > 0) throw failure('ENOTEMPTY', to)
        drop(target)
      }
      source.folder.entries.delete(source.name)
      target.folder.entries.set(target.name, source.node)
    },
    link(existing, path) {
      const node = nodeAt(existing, false)
      if (node.kind === 'directory') throw failure('EPERM', path)
      add(walk(path, false), node, path)
      node.nlink += 1
    },
    readlink(path) {
      const node = nodeAt(path, false)
      if (node.kind !== 'symlink') throw failure('EINVAL', path)
      return node.target
    },
    symlink(target, path) {
      add(walk(path, false), { kind: 'symlink', ...inode(0o777), target }, path)
    },
    realpath(path) {
      const names = namesOf(path)
      for (let kept = names.length; ; kept--) {
        try {
          const found = walk(`/${names.slice(0, kept).join('/')}` as VirtualPath, true).path
          return `${found === '/' ? '' : found}/${names.slice(kept).join('/')}`.replace(
            /(.)\/$/,
            '$1',
          ) as VirtualPath
        } catch (error) {
          if (kept === 0 || (error as { code?: string }).code !== 'ENOENT') throw error
        }
      }
    },
    space(path) {
      nodeAt(path, true)
      return { total: 2 ** 40, free: 2 ** 39, files: 0, freeFiles: 0 }
    },
    async [Symbol.asyncDispose]() {},
  }
}

function handle(node: FileNode, flags: OpenFlags, path: VirtualPath, clock: Clock): FileHandle {
  let open = true
  const check = (may = true): void => {
    if (!open || !may) throw failure('EBADF', path)
  }
  const writes = flags.write === true || flags.append === true
  const end = (): void => {
    open = false
  }
  return {
    quick: () => true,
    appends: flags.append === true,
    read(into, offset) {
      check(flags.read === true || !writes)
      let at = offset
      for (const place of into) {
        const part = node.data.subarray(at, at + place.length)
        place.set(part)
        at += part.length
      }
      return at - offset
    },
    write(data, offset) {
      check(writes)
      const bytes = Buffer.concat(data)
      const at = flags.append ? node.data.length : offset
      if (bytes.length > 0 && at + bytes.length > node.data.length) resize(node, at + bytes.length)
      bytes.copy(node.data, at)
      node.mtime = clock.now() / 1000
    },
    truncate(size) {
      check(writes)
      resize(node, size)
    },
    stat() {
      check()
      return statOf(node)
    },
    setstat(attrs) {
      check()
      change(node, attrs, clock)
    },
    async sync() {
      check()
    },
    close: end,
    abandon: end,
  }
}

function listing(node: FolderNode, path: VirtualPath): DirectoryHandle {
  const left: Entry[] = [...node.entries].map(([name, child]) => ({ name, stat: statOf(child) }))
  let open = true
  return {
    read(most) {
      if (!open) throw failure('EBADF', path)
      return left.splice(0, most)
    },
    close() {
      open = false
    },
  }
}

function change(node: Node, attrs: NewAttrs, clock: Clock): void {
  if (attrs.size !== undefined && node.kind === 'file') {
    resize(node, attrs.size)
    node.mtime = clock.now() / 1000
  }
  if (attrs.mode !== undefined) node.mode = attrs.mode & 0o7777
  node.uid = attrs.uid ?? node.uid
  node.gid = attrs.gid ?? node.gid
  node.atime = attrs.atime ?? node.atime
  node.mtime = attrs.mtime ?? node.mtime
}

function resize(node: FileNode, size: number): void {
  const grown = Buffer.alloc(size)
  node.data.copy(grown)
  node.data = grown
}

function statOf(node: Node): Stat {
  return {
    kind: node.kind,
    size: node.kind === 'file' ? node.data.length : node.kind === 'symlink' ? node.target.length : 4096,
    mode: TYPE_BITS[node.kind] | node.mode,
    uid: node.uid,
    gid: node.gid,
    atime: Math.floor(node.atime),
    mtime: Math.floor(node.mtime),
    nlink: node.nlink,
    dev: 1,
    ino: node.ino,
  }
}
