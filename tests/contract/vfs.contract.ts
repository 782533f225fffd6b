import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, isOpError } from '../../src/base/error.ts'
import { virtualPath } from '../../src/vfs/path.ts'
import type { OpenFlags, VirtualFileSystem } from '../../src/vfs/vfs.ts'

type Opened = VirtualFileSystem & AsyncDisposable

const p = (text: string) => virtualPath(text)
const NEW: OpenFlags = { write: true, create: true, truncate: true }

/** Fails with this errno, now or later, in words without a real path. */
async function refuses(code: ErrorCode | readonly ErrorCode[], act: () => unknown): Promise<void> {
  const codes: readonly string[] = [code].flat()
  await assert.rejects(
    async () => act(),
    (error) =>
      isOpError(error) && codes.includes(error.code) && !/\/proc\/|\/tmp\/|\/dev\//.test(error.message),
    `expected ${codes}`,
  )
}

async function put(vfs: VirtualFileSystem, path: string, text: string): Promise<void> {
  const file = await vfs.open(p(path), NEW)
  await file.write([Buffer.from(text, 'latin1')], 0)
  await file.close()
}

async function text(vfs: VirtualFileSystem, path: string): Promise<string> {
  const file = await vfs.open(p(path), { read: true })
  const place = Buffer.alloc(1024)
  const count = await file.read([place.subarray(0, 3), place.subarray(3)], 0)
  await file.close()
  return place.toString('latin1', 0, count)
}

async function names(vfs: VirtualFileSystem, path: string): Promise<string[]> {
  const folder = await vfs.openDirectory(p(path))
  const found: string[] = []
  for (;;) {
    const entries = await folder.read(2)
    if (entries.length === 0) break
    assert.ok(entries.length <= 2)
    found.push(...entries.map(({ name }) => name))
  }
  await folder.close()
  return found.sort()
}

/**
 * What every VirtualFileSystem does, whatever it is made of. `open` makes an empty one. `inodes`: its stats tell
 * which names are one file, which SFTP's cannot.
 */
export function vfsContract(
  of: string,
  open: () => Promise<Opened>,
  { inodes = true }: { readonly inodes?: boolean } = {},
): void {
  const it = (does: string, work: (vfs: VirtualFileSystem) => Promise<void>) =>
    test(`${of}: ${does}`, async () => {
      await using vfs = await open()
      await work(vfs)
    })

  it('reads back what was written, in pieces and past the end', async (vfs) => {
    const file = await vfs.open(p('/a'), { read: true, write: true, create: true })
    await file.write([Buffer.from('hello'), Buffer.from(' '), Buffer.from('world')], 0)
    const one = Buffer.alloc(5)
    const two = Buffer.alloc(50)

    assert.equal(await file.read([one, two], 2), 9)
    assert.equal(one.toString() + two.toString('latin1', 0, 4), 'llo world')
    assert.equal(await file.read([one], 11), 0)
    assert.equal(await file.read([one], 5_000), 0)
    await file.write([Buffer.from('!')], 20)
    assert.equal((await file.stat()).size, 21)
    await file.close()
    assert.equal(await text(vfs, '/a'), `hello world${'\0'.repeat(9)}!`)
  })

  it('appends at the end whatever the offset, cuts with TRUNC, refuses EXCL on what is there', async (vfs) => {
    await put(vfs, '/a', 'one')
    const more = await vfs.open(p('/a'), { write: true, append: true })
    await more.write([Buffer.from('two')], 0)
    await more.close()
    assert.equal(await text(vfs, '/a'), 'onetwo')

    await (await vfs.open(p('/a'), NEW)).close()
    assert.equal((await vfs.stat(p('/a'))).size, 0)
    await refuses('EEXIST', () => vfs.open(p('/a'), { ...NEW, exclusive: true }))
    await vfs.symlink('nowhere', p('/l'))
    await refuses('EEXIST', () => vfs.open(p('/l'), { ...NEW, exclusive: true }))
  })

  it('says what is missing, what is a folder and what is not', async (vfs) => {
    await vfs.mkdir(p('/d'))
    await put(vfs, '/f', 'x')
    await refuses('ENOENT', () => vfs.open(p('/none'), { read: true }))
    await refuses('ENOENT', () => vfs.open(p('/none/x'), NEW))
    await refuses('ENOTDIR', () => vfs.open(p('/f/x'), NEW))
    await refuses('EISDIR', () => vfs.open(p('/d'), { read: true }))
    await refuses('EISDIR', () => vfs.open(p('/'), { read: true }))
    await refuses('ENOENT', () => vfs.stat(p('/none')))
    await refuses('ENOTDIR', () => vfs.openDirectory(p('/f')))
    await refuses('ENOENT', () => vfs.openDirectory(p('/none')))
    await refuses('EISDIR', () => vfs.unlink(p('/d')))
    await refuses('ENOTDIR', () => vfs.rmdir(p('/f')))
    await refuses('EEXIST', () => vfs.mkdir(p('/d')))
    await refuses('EEXIST', () => vfs.mkdir(p('/')))
    await refuses('EBUSY', () => vfs.rmdir(p('/')))
    await refuses('EINVAL', () => vfs.readlink(p('/f')))
    await refuses('ENOENT', () => vfs.space(p('/none')))
  })

  it('closes for good, and a second close does nothing', async (vfs) => {
    const file = await vfs.open(p('/a'), NEW)
    await file.close()
    await file.close()
    await file.abandon()
    await refuses('EBADF', () => file.read([Buffer.alloc(1)], 0))
    await refuses('EBADF', () => file.write([Buffer.alloc(1)], 0))
    await refuses('EBADF', () => file.stat())
    await refuses('EBADF', () => file.truncate(1))
    await refuses('EBADF', () => file.sync())
    const folder = await vfs.openDirectory(p('/'))
    await folder.close()
    await folder.close()
    await refuses('EBADF', () => folder.read(1))
  })

  it('lists every entry once, itself and not what it leads to', async (vfs) => {
    await vfs.mkdir(p('/d'))
    for (const name of ['a', 'b', 'c', '\xff\xfe', 'e\xcc\x81']) await put(vfs, `/d/${name}`, name)
    await vfs.symlink('/d', p('/d/l'))

    assert.deepEqual(await names(vfs, '/d'), ['a', 'b', 'c', 'e\xcc\x81', 'l', '\xff\xfe'])
    assert.deepEqual(await names(vfs, '/'), ['d'])
    const folder = await vfs.openDirectory(p('/d/l'))
    const entry = (await folder.read(100)).find(({ name }) => name === 'l')
    await folder.close()
    assert.equal(entry?.stat.kind, 'symlink')
    assert.equal(await text(vfs, '/d/\xff\xfe'), '\xff\xfe')
  })

  it('makes and removes folders; one with something in it stays', async (vfs) => {
    await vfs.mkdir(p('/d'), 0o700)
    await vfs.mkdir(p('/d/e'))
    assert.equal((await vfs.stat(p('/d'))).mode & 0o7777, 0o700)
    await refuses('ENOTEMPTY', () => vfs.rmdir(p('/d')))
    await vfs.rmdir(p('/d/e'))
    await vfs.rmdir(p('/d'))
    await refuses('ENOENT', () => vfs.rmdir(p('/d')))
  })

  it('renames files and folders; over what is there only when told to', async (vfs) => {
    await put(vfs, '/a', 'A')
    await put(vfs, '/b', 'B')
    await vfs.mkdir(p('/d'))
    await refuses('EEXIST', () => vfs.rename(p('/a'), p('/b'), { replace: false }))
    await refuses('EEXIST', () => vfs.rename(p('/a'), p('/d'), { replace: false }))
    await refuses('EISDIR', () => vfs.rename(p('/a'), p('/d'), { replace: true }))
    await refuses('ENOTDIR', () => vfs.rename(p('/d'), p('/a'), { replace: true }))
    await refuses('ENOENT', () => vfs.rename(p('/none'), p('/x'), { replace: true }))
    await refuses('EINVAL', () => vfs.rename(p('/d'), p('/d/e'), { replace: true }))
    await refuses(['EBUSY', 'EINVAL'], () => vfs.rename(p('/'), p('/x'), { replace: true }))

    await vfs.rename(p('/a'), p('/b'), { replace: true })
    await vfs.rename(p('/b'), p('/d/c'), { replace: false })
    await vfs.rename(p('/d'), p('/e'), { replace: false })

    assert.equal(await text(vfs, '/e/c'), 'A')
    assert.deepEqual(await names(vfs, '/'), ['e'])
    await vfs.mkdir(p('/x'))
    await refuses('ENOTEMPTY', () => vfs.rename(p('/x'), p('/e'), { replace: true }))
    await vfs.rename(p('/e/c'), p('/e/c'), { replace: true })
    assert.equal(await text(vfs, '/e/c'), 'A')
  })

  it('moves a folder or a link to a free name alone, unless it is told to replace', async (vfs) => {
    await vfs.mkdir(p('/d'), 0o750)
    await put(vfs, '/d/f', 'F')
    await vfs.mkdir(p('/empty'))
    await vfs.symlink('d', p('/l'))
    await refuses('EEXIST', () => vfs.rename(p('/d'), p('/empty'), { replace: false }))
    await refuses('EEXIST', () => vfs.rename(p('/d'), p('/l'), { replace: false }))
    await refuses('EEXIST', () => vfs.rename(p('/l'), p('/empty'), { replace: false }))
    await refuses('EEXIST', () => vfs.rename(p('/d'), p('/d'), { replace: false }))
    await refuses('ENOENT', () => vfs.rename(p('/none'), p('/x'), { replace: false }))
    await refuses('ENOENT', () => vfs.rename(p('/d'), p('/none/x'), { replace: false }))
    await refuses('EINVAL', () => vfs.rename(p('/d'), p('/d/e'), { replace: false }))

    await vfs.rename(p('/d'), p('/e'), { replace: false })
    await vfs.rename(p('/l'), p('/m'), { replace: false })

    assert.deepEqual(await names(vfs, '/'), ['e', 'empty', 'm'])
    assert.equal(await text(vfs, '/e/f'), 'F')
    assert.equal((await vfs.stat(p('/e'))).mode & 0o7777, 0o750)
    assert.equal(await vfs.readlink(p('/m')), 'd')
    await vfs.rename(p('/e'), p('/empty'), { replace: true })
    assert.equal(await text(vfs, '/empty/f'), 'F')
  })

  it('links hard: one file under two names, a link linked is the link', async (vfs) => {
    await put(vfs, '/a', 'A')
    await vfs.link(p('/a'), p('/b'))
    const [a, b] = [await vfs.stat(p('/a')), await vfs.stat(p('/b'))]
    if (inodes) {
      assert.equal(a.nlink, 2)
      assert.deepEqual([a.dev, a.ino], [b.dev, b.ino])
    }
    await refuses('EEXIST', () => vfs.link(p('/a'), p('/b')))
    await vfs.unlink(p('/a'))
    assert.equal(await text(vfs, '/b'), 'A')
    await vfs.symlink('b', p('/l'))
    await vfs.link(p('/l'), p('/m'))
    assert.equal(await vfs.readlink(p('/m')), 'b')
  })

  it('follows links to where they lead inside, from the root when absolute', async (vfs) => {
    await vfs.mkdir(p('/d'))
    await put(vfs, '/d/f', 'F')
    await vfs.symlink('/d', p('/absolute'))
    await vfs.symlink('d/f', p('/relative'))
    await vfs.symlink('../../../../d', p('/d/up'))
    await vfs.symlink('absolute/../relative', p('/long'))

    for (const path of ['/absolute/f', '/relative', '/d/up/f', '/d/up/up/up/f', '/long']) {
      assert.equal(await text(vfs, path), 'F', path)
    }
    assert.equal((await vfs.stat(p('/absolute'))).kind, 'directory')
    assert.equal((await vfs.stat(p('/absolute'), { follow: false })).kind, 'symlink')
    assert.equal(await vfs.readlink(p('/d/up')), '../../../../d')
    assert.equal(await vfs.realpath(p('/d/up/up/f')), '/d/f')
    assert.equal(await vfs.realpath(p('/absolute/new/name')), '/d/new/name')
    assert.equal(await vfs.realpath(p('/')), '/')
    await vfs.unlink(p('/absolute'))
    assert.equal(await text(vfs, '/d/f'), 'F')
  })

  it('tells a ring of links, and makes a file where a dangling link leads inside', async (vfs) => {
    await vfs.symlink('two', p('/one'))
    await vfs.symlink('one', p('/two'))
    await refuses('ELOOP', () => vfs.stat(p('/one')))
    await refuses('ELOOP', () => vfs.open(p('/one/x'), { read: true }))
    await vfs.symlink('new', p('/dangling'))
    await refuses('ENOENT', () => vfs.stat(p('/dangling')))

    await put(vfs, '/dangling', 'made')

    assert.equal(await text(vfs, '/new'), 'made')
  })

  it('sets size, mode and times exactly, by path and by handle', async (vfs) => {
    await put(vfs, '/a', '0123456789')
    await vfs.setstat(p('/a'), { mode: 0o640, atime: 1_000_000_000, mtime: 1_234_567_890 })
    const found = await vfs.stat(p('/a'))
    assert.deepEqual([found.mode & 0o7777, found.atime, found.mtime], [0o640, 1_000_000_000, 1_234_567_890])
    await vfs.setstat(p('/a'), { size: 4 })
    assert.equal(await text(vfs, '/a'), '0123')
    const file = await vfs.open(p('/a'), { write: true })
    await file.setstat({ size: 6, mode: 0o600 })
    await file.truncate(5)
    await file.close()
    assert.equal(await text(vfs, '/a'), '0123\0')
    await refuses('ENOENT', () => vfs.setstat(p('/none'), { mode: 0o600 }))
    await refuses(['EISDIR', 'EINVAL'], () => vfs.setstat(p('/'), { size: 0 }))
  })

  it('keeps an open file when its name is gone', async (vfs) => {
    await put(vfs, '/a', 'still here')
    const file = await vfs.open(p('/a'), { read: true })
    await vfs.unlink(p('/a'))
    await put(vfs, '/a', 'another')
    const place = Buffer.alloc(20)
    assert.equal(place.toString('latin1', 0, await file.read([place], 0)), 'still here')
    await file.close()
  })

  it('takes dots and double slashes for what they are, and never leaves the root', async (vfs) => {
    await put(vfs, '/f', 'root')
    for (const path of ['//f', '/./f', '/../../f', '/x/../f', '../f', 'f'])
      assert.equal(await text(vfs, path), 'root')
    assert.equal((await vfs.stat(p('/'))).kind, 'directory')
  })
}
