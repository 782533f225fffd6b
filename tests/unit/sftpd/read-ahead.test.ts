import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { OpError } from '../../../src/base/error.ts'
import type { DirectoryHandle, VirtualFileSystem, VirtualPath } from '../../../src/vfs/vfs.ts'
import { lateVfs } from '../../support/late-vfs.ts'
import { type RunningSftp, startSftpOver } from '../../support/running-sftp.ts'
import { TinyVfs } from '../../support/tiny-vfs.ts'

/** Names that fill several replies. */
const MANY = 3000

/** Counts how often each folder is read, and fails once. */
class CountedVfs extends TinyVfs {
  readonly reads = new Map<string, number>()
  failing = Number.NaN

  override openDirectory(path: VirtualPath): DirectoryHandle {
    const folder = super.openDirectory(path)
    return {
      ...folder,
      read: (most) => {
        const count = (this.reads.get(path) ?? 0) + 1
        this.reads.set(path, count)
        if (count === this.failing) throw new OpError('EIO', 'The folder could not be read to its end')
        return folder.read(most)
      },
    }
  }
}

function filled(vfs: CountedVfs, ...folders: readonly string[]): CountedVfs {
  for (const folder of folders) {
    vfs.mkdir(folder as VirtualPath)
    for (let i = 0; i < MANY; i++) vfs.put(`${folder}/file-${i}`, 'x')
  }
  return vfs
}

async function opened(running: RunningSftp<VirtualFileSystem>, path: string): Promise<string> {
  return (await running.answer('handle', { type: 'opendir', id: 1, path })).handle
}

async function next(running: RunningSftp<VirtualFileSystem>, handle: string): Promise<readonly string[]> {
  const [reply] = await running.answers({ type: 'readdir', id: 2, handle })
  return reply!.type === 'name' ? reply!.names.map(({ name }) => name) : []
}

function assertWhole(names: readonly string[]): void {
  assert.equal(names.length, MANY + 2)
  assert.equal(new Set(names).size, MANY + 2)
}

test('read ahead: two folders listed in turns are both whole, whether the client waits or not', async () => {
  for (const waits of [true, false]) {
    const running = await startSftpOver(filled(new CountedVfs(), '/a', '/b'))
    const handles = [await opened(running, '/a'), await opened(running, '/b')]
    const names: string[][] = [[], []]
    for (let going = true; going; ) {
      going = false
      for (const [at, handle] of handles.entries()) {
        const some = await next(running, handle)
        names[at]!.push(...some)
        going ||= some.length > 0
        if (waits) await turn()
      }
    }
    for (const all of names) assertWhole(all)
  }
})

test('read ahead: a storage that answers later gives all names once', async () => {
  for (const when of ['soon', 'later'] as const) {
    const running = await startSftpOver(lateVfs(filled(new CountedVfs(), '/a'), () => when))
    const handle = await opened(running, '/a')
    const names: string[] = []
    for (let some = await next(running, handle); some.length > 0; some = await next(running, handle)) {
      names.push(...some)
      await turn()
    }
    assertWhole(names)
  }
})

test('read ahead: the next reply is made before it is asked for, of one folder, and not of one that was closed', async () => {
  const vfs = filled(new CountedVfs(), '/a', '/b', '/c')
  const running = await startSftpOver(vfs)
  const a = await opened(running, '/a')
  const once = await readsOf('/a', a)
  assert.ok(once.later > once.at, `${once.later} reads, ${once.at} when it was answered`)

  const b = await opened(running, '/b')
  const beside = await readsOf('/b', b)
  assert.equal(beside.later, beside.at)

  await running.answers({ type: 'close', id: 3, handle: a })
  await next(running, b)
  await turn()
  assert.ok(vfs.reads.get('/b')! > 2 * beside.at, 'the place of the one that was closed is free')

  await running.answers({ type: 'close', id: 4, handle: b })
  const c = await opened(running, '/c')
  const [, closed] = await running.answers(
    { type: 'readdir', id: 5, handle: c },
    { type: 'close', id: 6, handle: c },
  )
  assert.equal(closed!.type, 'status')
  const atClose = vfs.reads.get('/c')
  await turn()
  assert.equal(vfs.reads.get('/c'), atClose)

  async function readsOf(path: string, handle: string) {
    await next(running, handle)
    const at = vfs.reads.get(path)!
    await turn()
    return { at, later: vfs.reads.get(path)! }
  }
})

test('read ahead: what it failed by is told to whoever asks', async () => {
  const vfs = filled(new CountedVfs(), '/a')
  const running = await startSftpOver(vfs)
  const handle = await opened(running, '/a')
  vfs.failing = 10
  assert.ok((await next(running, handle)).length > 0)
  await turn()

  const [reply] = await running.answers({ type: 'readdir', id: 3, handle })
  assert.equal(reply!.type === 'status' && reply!.message, 'The folder could not be read to its end')
})
