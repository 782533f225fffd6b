import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import ssh2 from 'ssh2'
import { type ExecDone, runExec } from './run-exec.ts'
import type { TestServer } from './start-server.ts'

type Attributes = { readonly size: number; readonly mode: number; readonly mtime: number }

/** SFTP requests one by one over a connection that stays: what a client does while somebody changes its account. */
export interface SftpClient extends Disposable {
  open(path: string, flags: ssh2.OpenMode | number): Promise<Buffer>
  write(handle: Buffer, data: string | Uint8Array, offset: number): Promise<void>
  read(handle: Buffer, length: number): Promise<string>
  close(handle: Buffer): Promise<void>
  stat(path: string): Promise<Attributes>
  setstat(path: string, attributes: ssh2.InputAttributes): Promise<void>
  fsetstat(handle: Buffer, attributes: ssh2.InputAttributes): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Over what bears the name. */
  posixRename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  mkdir(path: string): Promise<void>
  rmdir(path: string): Promise<void>
  symlink(target: string, path: string): Promise<void>
  hardlink(existing: string, path: string): Promise<void>
  /** `length` bytes, 0 = to the end, from one open file into another. */
  copyData(from: Buffer, offset: number, length: number, to: Buffer, toOffset: number): Promise<void>
  statvfs(
    path: string,
  ): Promise<{ readonly f_frsize: number; readonly f_blocks: number; readonly f_bavail: number }>
  list(path: string): Promise<readonly string[]>
  /** A whole new file. */
  put(path: string, data: string | Uint8Array): Promise<void>
  /** Cuts the connection, with whatever is open. */
  destroy(): void
  /** One more session over the same connection. */
  exec(command: string): Promise<ExecDone>
  /** Resolves when the server has ended the connection. */
  readonly closed: Promise<unknown>
}

/** Logged in by the key of the test's server. */
export async function sftpClient(server: TestServer, username = 'ada'): Promise<SftpClient> {
  const client = new ssh2.Client()
  const closed = once(client, 'close')
  const ready = once(client, 'ready')
  client.connect({ host: server.host, port: server.port, username, privateKey: readFileSync(server.key) })
  await ready
  client.on('error', () => {})
  const wrapper = await promisify(client.sftp.bind(client) as (done: SftpDone) => void)()
  const call = <T>(name: string, ...args: readonly unknown[]): Promise<T> =>
    new Promise((resolve, reject) => {
      const ask = (wrapper as unknown as Record<string, (...args: readonly unknown[]) => unknown>)[name]!
      ask.call(wrapper, ...args, (error: Error | undefined, value: T) =>
        error ? reject(error) : resolve(value),
      )
    })
  const self: SftpClient = {
    open: (path, flags) => call('open', path, flags, {}),
    write(handle, data, offset) {
      const bytes = Buffer.from(data as string)
      return call('write', handle, bytes, 0, bytes.length, offset)
    },
    async read(handle, length) {
      const place = Buffer.alloc(length)
      const count = await call<number>('read', handle, place, 0, length, 0)
      return place.toString('utf8', 0, count)
    },
    close: (handle) => call('close', handle),
    stat: (path) => call('stat', path),
    setstat: (path, attributes) => call('setstat', path, attributes),
    fsetstat: (handle, attributes) => call('fsetstat', handle, attributes),
    rename: (from, to) => call('rename', from, to),
    posixRename: (from, to) => call('ext_openssh_rename', from, to),
    unlink: (path) => call('unlink', path),
    mkdir: (path) => call('mkdir', path),
    rmdir: (path) => call('rmdir', path),
    symlink: (target, path) => call('symlink', target, path),
    hardlink: (existing, path) => call('ext_openssh_hardlink', existing, path),
    copyData: (from, offset, length, to, toOffset) =>
      call('ext_copy_data', from, offset, length, to, toOffset),
    statvfs: (path) => call('ext_openssh_statvfs', path),
    list: async (path) =>
      (await call<{ filename: string }[]>('readdir', path)).map(({ filename }) => filename),
    async put(path, data) {
      const handle = await self.open(path, 'w')
      try {
        await self.write(handle, data, 0)
      } catch (error) {
        // Its failure says the same once more.
        await self.close(handle).catch(() => {})
        throw error
      }
      await self.close(handle)
    },
    closed,
    destroy: () => void client.destroy(),
    exec: (command) => runExec(client, command),
    [Symbol.dispose]: () => void client.end(),
  }
  return self
}

type SftpDone = (error: Error | undefined, sftp: ssh2.SFTPWrapper) => void
