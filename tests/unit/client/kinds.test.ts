import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remoteFileSystem } from '../../../src/client/remote-vfs.ts'
import { keptAttrs, modeOf } from '../../../src/client/transfer.ts'
import { virtualPath as p } from '../../../src/vfs/path.ts'
import type { Stat } from '../../../src/vfs/vfs.ts'
import { EOF, OK } from '../../../src/wire/replies.ts'
import { refusal, scriptedSession, statOf } from '../../support/scripted-session.ts'

/** A server that tells nothing of a file but its size, and permissions as `mode` where it does. */
async function silent(mode = 0, longnames: Readonly<Record<string, string>> = {}) {
  const stat: Stat = { ...statOf(3, 0), mode }
  const kinds: Readonly<Record<string, string>> = { file: 'f', folder: 'd', 'link to folder': 'dl' }
  const is = (path: string, letter: string): boolean =>
    path === '/' ? letter === 'd' : (kinds[path.slice(1)]?.includes(letter) ?? false)
  let listed = false
  const server = await scriptedSession((request, answer) => {
    if (request.type === 'stat' || request.type === 'lstat') answer({ type: 'attrs', stat })
    else if (request.type === 'opendir')
      answer(is(request.path, 'd') ? { type: 'handle', handle: 'h' } : refusal())
    else if (request.type === 'readlink')
      answer(is(request.path, 'l') ? { type: 'name', names: [{ name: 'folder', longname: '' }] } : refusal())
    else if (request.type === 'readdir') {
      const names = Object.keys(kinds).map((name) => ({ name, longname: longnames[name] ?? '', stat }))
      answer(listed ? EOF : { type: 'name', names })
      listed = true
    } else answer(OK)
  })
  return { vfs: remoteFileSystem(server.session), server }
}

for (const [what, mode] of [
  ['no permissions', 0],
  ['permissions without a type', 0o640],
] as const) {
  test(`a server that tells ${what}: a file, a folder and a link are what they answer to`, async () => {
    const { vfs } = await silent(mode)
    const kind = async (name: string, follow = true): Promise<string> =>
      (await vfs.stat(p(name, p('/')), { follow })).kind

    assert.equal(await kind('file'), 'file')
    assert.equal(await kind('folder'), 'directory')
    assert.equal(await kind('link to folder'), 'directory')
    // Or `rm -r` would go into it.
    assert.equal(await kind('link to folder', false), 'symlink')
  })

  test(`a list with ${what}: says the same of its names`, async () => {
    const { vfs } = await silent(mode)

    const entries = await (await vfs.openDirectory(p('/'))).read(10)

    assert.deepEqual(
      entries.map(({ name, stat }) => [name, stat.kind]),
      [
        ['file', 'file'],
        ['folder', 'directory'],
        ['link to folder', 'symlink'],
      ],
    )
  })
}

test('a list whose longnames tell what each is: nobody is asked', async () => {
  const { vfs, server } = await silent(0, {
    file: '-rw-r--r-- 1 x x 3 file',
    folder: 'drwxr-xr-x 1 x x 3 folder',
    'link to folder': 'lrwxrwxrwx 1 x x 3 link',
  })

  const entries = await (await vfs.openDirectory(p('/'))).read(10)

  assert.deepEqual(
    entries.map(({ stat }) => stat.kind),
    ['file', 'directory', 'symlink'],
  )
  assert.deepEqual(server.types(), ['opendir', 'readdir'])
})

test('what a server does not tell of a file: is neither made nor kept', async () => {
  const { vfs } = await silent()

  const stat = await vfs.stat(p('/file'))

  assert.equal(modeOf(stat), undefined)
  assert.deepEqual(keptAttrs(stat), {})
  assert.deepEqual(keptAttrs(statOf(1, 7)), { mode: 0o644, atime: 7, mtime: 7 })
})
