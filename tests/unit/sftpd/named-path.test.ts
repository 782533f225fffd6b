import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryFileSystem } from '../../../src/vfs/memory.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import type { VirtualFileSystem } from '../../../src/vfs/vfs.ts'
import { Builder } from '../../../src/wire/builder.ts'
import { FileType, Status } from '../../../src/wire/constants.ts'
import type { Request } from '../../../src/wire/requests.ts'
import { openFile, type RunningSftp, startSftpOver } from '../../support/running-sftp.ts'

const p = (text: string) => virtualPath(text)

/** `/file`, `/folder/inside`, `/empty`, and the links `/to-file`, `/to-folder`, `/to-nothing`. */
async function started(): Promise<RunningSftp<VirtualFileSystem>> {
  const vfs = memoryFileSystem()
  for (const path of ['/folder', '/empty']) await vfs.mkdir(p(path))
  const running = await startSftpOver(vfs)
  for (const path of ['/file', '/folder/inside']) {
    const handle = await openFile(running, path)
    await running.answers({ type: 'close', id: 1, handle })
  }
  for (const name of ['file', 'folder', 'nothing']) await vfs.symlink(name, p(`/to-${name}`))
  return running
}

async function status(running: RunningSftp<VirtualFileSystem>, request: Request): Promise<number> {
  const [reply] = await running.answers(request)
  return reply!.type === 'status' ? reply!.code : Status.ok
}

async function names({ vfs }: RunningSftp<VirtualFileSystem>): Promise<string[]> {
  const folder = await vfs.openDirectory(p('/'))
  const entries = await folder.read(100)
  return entries.map(({ name }) => name).sort()
}

const two = (name: string, from: string, to: string): Request => ({
  type: 'extended',
  id: 1,
  name,
  body: new Builder().text(from).text(to).done(),
})

test('a path that ends in a slash: LSTAT follows a link to a folder, so that `ls link/` lists it', async () => {
  const running = await started()

  for (const path of ['/to-folder/', '/to-folder/.', '/folder/', '/', '', '.']) {
    const { stat } = await running.answer('attrs', { type: 'lstat', id: 1, path })
    assert.equal(stat.mode & FileType.mask, FileType.directory, path)
  }
  const { stat } = await running.answer('attrs', { type: 'lstat', id: 1, path: '/to-folder' })
  assert.equal(stat.mode & FileType.mask, FileType.symlink)
})

test('a path that ends in a slash: a file does not bear it, nor what is not there', async () => {
  const running = await started()
  const attrs = { mode: 0o600 }
  const flags = { read: true }

  for (const path of ['/file/', '/to-file/', '/file/.', '/to-nothing/', '/none/']) {
    const asked: Request[] = [
      { type: 'stat', id: 1, path },
      { type: 'lstat', id: 1, path },
      { type: 'setstat', id: 1, path, attrs },
      { type: 'open', id: 1, path, flags, attrs: {} },
      { type: 'remove', id: 1, path },
      { type: 'readlink', id: 1, path },
      { type: 'rename', id: 1, from: path, to: '/new' },
      two('posix-rename@openssh.com', path, '/new'),
      two('hardlink@openssh.com', path, '/new'),
      { type: 'symlink', id: 1, first: 'file', second: path },
    ]
    for (const request of asked)
      assert.equal(await status(running, request), Status.noSuchFile, `${request.type} ${path}`)
  }
  assert.deepEqual(await names(running), ['empty', 'file', 'folder', 'to-file', 'to-folder', 'to-nothing'])
})

test('a path that ends in a slash: a link to a folder is neither removed nor moved, nor is a file made or moved there', async () => {
  const running = await started()
  const create = { write: true, create: true }
  const asked: [request: Request, code: number][] = [
    [{ type: 'remove', id: 1, path: '/to-folder/' }, Status.failure],
    [{ type: 'rmdir', id: 1, path: '/to-folder/' }, Status.noSuchFile],
    [{ type: 'rename', id: 1, from: '/to-folder/', to: '/new' }, Status.noSuchFile],
    [two('posix-rename@openssh.com', '/empty', '/to-folder/'), Status.noSuchFile],
    [two('posix-rename@openssh.com', '/file', '/new/'), Status.noSuchFile],
    [{ type: 'rename', id: 1, from: '/file', to: '/new/.' }, Status.noSuchFile],
    [{ type: 'open', id: 1, path: '/new/.', flags: create, attrs: {} }, Status.failure],
    [{ type: 'open', id: 1, path: '/new/', flags: create, attrs: {} }, Status.failure],
  ]

  for (const [request, code] of asked)
    assert.equal(await status(running, request), code, JSON.stringify(request))

  assert.deepEqual(await names(running), ['empty', 'file', 'folder', 'to-file', 'to-folder', 'to-nothing'])
})

test('a path that ends in a slash: a folder is made, moved, changed and removed by it', async () => {
  const running = await started()
  const asked: Request[] = [
    { type: 'mkdir', id: 1, path: '/new/', attrs: {} },
    { type: 'rename', id: 1, from: '/new/', to: '/moved/' },
    two('posix-rename@openssh.com', '/moved/', '/empty/'),
    { type: 'setstat', id: 1, path: '/to-folder/', attrs: { mode: 0o700 } },
    { type: 'rmdir', id: 1, path: '/empty/' },
  ]

  for (const request of asked)
    assert.equal(await status(running, request), Status.ok, JSON.stringify(request))

  assert.equal((await running.vfs.stat(p('/folder'))).mode & 0o777, 0o700)
  assert.deepEqual(await names(running), ['file', 'folder', 'to-file', 'to-folder', 'to-nothing'])
})

test('READLINK: of a folder it is an argument that cannot be, however the folder is named', async () => {
  const running = await started()

  for (const path of ['/folder', '/folder/', '/to-folder/', '/', '.'])
    assert.equal(await status(running, { type: 'readlink', id: 1, path }), Status.badMessage, path)
})

test('SYMLINK: its target is no path yet, and is kept as it is written, up to what the disk takes', async () => {
  const running = await started()

  for (const first of ['x'.repeat(256), `/${'y'.repeat(4094)}`, 'folder/../', '\xff\xfe']) {
    const made: Request = { type: 'symlink', id: 1, first, second: '/made' }
    assert.equal(await status(running, made), Status.ok, first)
    const { names } = await running.answer('name', { type: 'readlink', id: 1, path: '/made' })
    assert.equal(names[0]!.name, first)
    await running.answers({ type: 'remove', id: 1, path: '/made' })
  }
  for (const first of ['x'.repeat(4096), 'a\0b']) {
    const made: Request = { type: 'symlink', id: 1, first, second: '/made' }
    assert.equal(await status(running, made), Status.badMessage, first)
  }
})

test("READDIR: what has taken the folder's name meanwhile is not told as '.'", async () => {
  const running = await started()
  const { handle } = await running.answer('handle', { type: 'opendir', id: 1, path: '/empty' })
  await running.vfs.rmdir(p('/empty'))
  await running.vfs.rename(p('/file'), p('/empty'), { replace: false })

  const { names } = await running.answer('name', { type: 'readdir', id: 1, handle })

  assert.deepEqual(
    names.map(({ name }) => name),
    ['..'],
  )
})
