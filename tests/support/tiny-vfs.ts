import type { Awaitable } from '../../src/base/awaitable.ts'
import { OpError } from '../../src/base/error.ts'
import type {
  DirectoryHandle,
  Entry,
  FileHandle,
  NewAttrs,
  OpenFlags,
  Space,
  Stat,
  VirtualFileSystem,
  VirtualPath,
} from '../../src/vfs/vfs.ts'

interface Node {
  kind: 'file' | 'directory' | 'symlink'
  data: Buffer
  target: string
  mode: number
  atime: number
  mtime: number
  readonly ino: number
}

/** Folders and files in a Map, just enough to serve SFTP requests in tests; counts the calls that matter. */
export class TinyVfs implements VirtualFileSystem {
  readonly can = { randomWrite: true, symlink: true, atomicRename: true, modes: true }
  readonly nodes = new Map<string, Node>()
  /** What happened, in order: 'read /a 0 10', 'write /a 0 10', 'close /a', 'abandon /a'. */
  readonly calls: string[] = []
  /** Bytes that all files may hold. */
  limit = Number.POSITIVE_INFINITY
  /** Whether files call themselves quick. */
  quick = true
  disposed = false
  #made = 1

  constructor() {
    this.#make('/', 'directory', 0o755)
  }

  get used(): number {
    let bytes = 0
    for (const node of this.nodes.values()) bytes += node.data.length
    return bytes
  }

  put(path: string, data: Uint8Array | string): void {
    this.#make(path, 'file', 0o644).data = Buffer.from(data)
  }

  text(path: string): string | undefined {
    return this.nodes.get(path)?.data.toString('latin1')
  }

  open(path: VirtualPath, flags: OpenFlags, attrs?: NewAttrs): FileHandle {
    let node = this.nodes.get(path)
    if (node?.kind === 'directory') throw new OpError('EISDIR', `"${path}" is a folder`, { path })
    if (node !== undefined && flags.exclusive)
      throw new OpError('EEXIST', `"${path}" is there already`, { path })
    if (node === undefined) {
      if (!flags.create) throw missing(path)
      this.#folder(path)
      node = this.#make(path, 'file', attrs?.mode ?? 0o644)
    }
    if (flags.truncate) node.data = Buffer.alloc(0)
    // Takes at its word who gives more than a mode.
    if (attrs?.size !== undefined) change(node, { size: attrs.size })
    return this.#handle(path, node, flags)
  }

  openDirectory(path: VirtualPath): DirectoryHandle {
    const node = this.#node(path)
    if (node.kind !== 'directory') throw new OpError('ENOTDIR', `"${path}" is no folder`, { path })
    const left: Entry[] = this.#children(path).map((name) => ({
      name,
      stat: statOf(this.nodes.get(path === '/' ? `/${name}` : `${path}/${name}`)!),
    }))
    return { read: (most) => left.splice(0, most), close: () => void this.calls.push(`close ${path}`) }
  }

  stat(path: VirtualPath, { follow } = { follow: true }): Stat {
    const node = this.#node(path)
    if (node.kind === 'symlink' && follow)
      return this.stat(`/${node.target.replace(/^\//, '')}` as VirtualPath)
    return statOf(node)
  }

  setstat(path: VirtualPath, attrs: NewAttrs): void {
    change(this.#node(path), attrs)
  }

  mkdir(path: VirtualPath, mode = 0o755): void {
    this.#folder(path)
    if (this.nodes.has(path)) throw new OpError('EEXIST', `"${path}" is there already`, { path })
    this.#make(path, 'directory', mode)
  }

  rmdir(path: VirtualPath): void {
    if (this.#node(path).kind !== 'directory')
      throw new OpError('ENOTDIR', `"${path}" is no folder`, { path })
    if (this.#children(path).length > 0) throw new OpError('ENOTEMPTY', `"${path}" is not empty`, { path })
    this.nodes.delete(path)
  }

  unlink(path: VirtualPath): Awaitable<void> {
    if (this.#node(path).kind === 'directory') throw new OpError('EISDIR', `"${path}" is a folder`, { path })
    this.nodes.delete(path)
  }

  rename(from: VirtualPath, to: VirtualPath, { replace }: { readonly replace: boolean }): void {
    const node = this.#node(from)
    this.#folder(to)
    if (this.nodes.has(to) && !replace) throw new OpError('EEXIST', `"${to}" is there already`, { path: to })
    this.nodes.delete(from)
    this.nodes.set(to, node)
  }

  link(existing: VirtualPath, path: VirtualPath): void {
    const node = this.#node(existing)
    if (this.nodes.has(path)) throw new OpError('EEXIST', `"${path}" is there already`, { path })
    this.nodes.set(path, node)
  }

  readlink(path: VirtualPath): string {
    const node = this.#node(path)
    if (node.kind !== 'symlink') throw new OpError('EINVAL', `"${path}" is no link`, { path })
    return node.target
  }

  symlink(target: string, path: VirtualPath): void {
    if (this.nodes.has(path)) throw new OpError('EEXIST', `"${path}" is there already`, { path })
    this.#make(path, 'symlink', 0o777).target = target
  }

  realpath(path: VirtualPath): VirtualPath {
    return path
  }

  space(): Space {
    const total = this.limit === Number.POSITIVE_INFINITY ? 2 ** 40 : this.limit
    return { total, free: total - this.used, files: 0, freeFiles: 0 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true
  }

  #handle(path: string, node: Node, flags: OpenFlags): FileHandle {
    const { calls } = this
    const tiny = this
    let open = true
    const check = (): void => {
      if (!open) throw new OpError('EBADF', 'This file was closed')
    }
    return {
      quick: () => tiny.quick,
      read(into, offset) {
        check()
        if (!flags.read) throw new OpError('EBADF', 'This file was not opened for reading')
        checkViews(into)
        let at = offset
        for (const place of into) {
          const part = node.data.subarray(at, at + place.length)
          place.set(part)
          at += part.length
        }
        calls.push(`read ${path} ${offset} ${at - offset}`)
        return Math.max(0, at - offset)
      },
      write(data, offset) {
        check()
        if (!flags.write) throw new OpError('EBADF', 'This file was not opened for writing')
        checkViews(data)
        const bytes = Buffer.concat(data)
        const begin = flags.append ? node.data.length : offset
        const end = begin + bytes.length
        if (tiny.used + Math.max(0, end - node.data.length) > tiny.limit)
          throw new OpError('EDQUOT', `Quota used up, no room for "${path}"`, { path })
        if (end > node.data.length)
          node.data = Buffer.concat([node.data, Buffer.alloc(end - node.data.length)])
        bytes.copy(node.data, begin)
        calls.push(`write ${path} ${begin} ${bytes.length}`)
      },
      truncate(size) {
        check()
        change(node, { size })
      },
      stat() {
        check()
        return statOf(node)
      },
      setstat(attrs) {
        check()
        change(node, attrs)
      },
      async sync() {
        check()
        calls.push(`sync ${path}`)
      },
      close() {
        if (open) calls.push(`close ${path}`)
        open = false
      },
      abandon() {
        if (open) calls.push(`abandon ${path}`)
        open = false
      },
    }
  }

  #node(path: string): Node {
    const node = this.nodes.get(path)
    if (node === undefined) throw missing(path)
    return node
  }

  #folder(path: string): void {
    const folder = path.slice(0, path.lastIndexOf('/')) || '/'
    if (this.nodes.get(folder)?.kind !== 'directory') throw missing(folder)
  }

  #children(path: string): string[] {
    const prefix = path === '/' ? '/' : `${path}/`
    return [...this.nodes.keys()]
      .filter((key) => key !== '/' && key.startsWith(prefix) && !key.slice(prefix.length).includes('/'))
      .map((key) => key.slice(prefix.length))
  }

  #make(path: string, kind: Node['kind'], mode: number): Node {
    const node: Node = {
      kind,
      data: Buffer.alloc(0),
      target: '',
      mode,
      atime: 1000,
      mtime: 1000,
      ino: this.#made++,
    }
    this.nodes.set(path, node)
    return node
  }
}

const TYPE_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000 }

function statOf(node: Node): Stat {
  return {
    kind: node.kind,
    size: node.data.length,
    mode: TYPE_BITS[node.kind] | node.mode,
    uid: 1000,
    gid: 1000,
    atime: node.atime,
    mtime: node.mtime,
    nlink: 1,
    dev: 1,
    ino: node.ino,
  }
}

function change(node: Node, { size, mode, atime, mtime }: NewAttrs): void {
  if (size !== undefined)
    node.data = Buffer.concat([node.data, Buffer.alloc(Math.max(0, size - node.data.length))]).subarray(
      0,
      size,
    )
  if (mode !== undefined) node.mode = mode
  if (atime !== undefined) node.atime = atime
  if (mtime !== undefined) node.mtime = mtime
}

/** As the kernel does (IOV_MAX). */
function checkViews(views: readonly Uint8Array[]): void {
  if (views.length > 1024) throw new OpError('EINVAL', 'More than 1024 pieces in one call')
}

function missing(path: string): OpError {
  return new OpError('ENOENT', `There is no "${path}"`, { path })
}
