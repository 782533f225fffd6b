// A storage of one's own behind SFTP: files that lie nowhere, whose text is made when they are opened.
//
//   node examples/5-own-storage.ts [PORT]          (with the Node of node_modules/.bin)
//   sftp -P 8809 ada@127.0.0.1                     (her password is 123)
import { join } from 'node:path'
import { systemClock as clock } from '../src/base/clock.ts'
import { OpError } from '../src/base/error.ts'
import { silentLog } from '../src/base/log.ts'
import { sftp } from '../src/sftpd/subsystem.ts'
import { openHostKeys } from '../src/ssh/hostkeys.ts'
import { serve } from '../src/ssh/server.ts'
import { nameOf, virtualPath } from '../src/vfs/path.ts'
import type { Stat, VirtualFileSystem, VirtualPath } from '../src/vfs/vfs.ts'

/** What there is: a name, and what makes its text. */
const REPORTS: Readonly<Record<string, () => string>> = {
  'time.txt': () => `It is ${new Date(clock.now()).toISOString()}\n`,
  'memory.json': () => `${JSON.stringify(process.memoryUsage(), null, 2)}\n`,
}

const readOnly = (): never => {
  throw new OpError('EROFS', 'These reports are only to be read')
}

function statOf(path: VirtualPath): Stat {
  const now = clock.now() / 1000
  const both = { uid: 0, gid: 0, atime: now, mtime: now, nlink: 1, dev: 0 }
  if (path === '/') return { ...both, kind: 'directory', size: 0, mode: 0o040555, ino: 1 }
  const place = Object.keys(REPORTS).indexOf(nameOf(path))
  if (place < 0 || path !== `/${nameOf(path)}`)
    throw new OpError('ENOENT', `There is no report "${path}"`, { path })
  const size = Buffer.byteLength(REPORTS[nameOf(path)]!())
  return { ...both, kind: 'file', size, mode: 0o100444, ino: 2 + place }
}

/** A tree for one session. Each method answers at once here; a promise would do as well. */
const reports = (): VirtualFileSystem => ({
  stat: statOf,
  realpath: (path) => path,
  space: () => ({ total: 0, free: 0, files: 0, freeFiles: 0 }),
  openDirectory(path) {
    if (statOf(path).kind !== 'directory') throw new OpError('ENOTDIR', `"${path}" is no folder`, { path })
    const left = Object.keys(REPORTS).map((name) => ({ name, stat: statOf(virtualPath(name)) }))
    return { read: (most) => left.splice(0, most), close() {} }
  },
  open(path, flags) {
    if (flags.write) return readOnly()
    const stat = statOf(path)
    if (stat.kind !== 'file') throw new OpError('EISDIR', `"${path}" is a folder`, { path })
    const text = Buffer.from(REPORTS[nameOf(path)]!())
    return {
      read: ([into], offset) => text.copy(into!, 0, offset),
      stat: () => ({ ...stat, size: text.length }),
      write: readOnly,
      truncate: readOnly,
      setstat: readOnly,
      async sync() {},
      close() {},
      abandon() {},
    }
  },
  readlink: readOnly,
  setstat: readOnly,
  mkdir: readOnly,
  rmdir: readOnly,
  unlink: readOnly,
  rename: readOnly,
  link: readOnly,
  symlink: readOnly,
  async [Symbol.asyncDispose]() {},
})

const files = sftp({ open: reports })
const porch = await serve({
  listen: { host: '127.0.0.1', port: Number(process.argv[2] ?? 8809) },
  hostKeys: await openHostKeys(process.env.MINIFTP_HOSTKEYS ?? join(import.meta.dirname, '../hostkeys')),
  log: silentLog,
  clock,
  authenticator: {
    offered: async () => false,
    async verify(name, credential) {
      if (name !== 'ada' || credential.method === 'publickey' || credential.password !== '123')
        throw new OpError('EACCES', 'Permission denied')
      return { account: name, role: 'user', by: credential.method }
    },
  },
  handlerFor: (_, request) => (request.type === 'subsystem' && request.name === 'sftp' ? files : undefined),
})
console.log(`listening on ${porch.address.host}:${porch.address.port}`)
process.once('SIGTERM', () => void porch.drain(1000))
