import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remoteFileSystem } from '../../../src/client/remote-vfs.ts'
import { virtualPath } from '../../../src/vfs/path.ts'
import { Status } from '../../../src/wire/constants.ts'
import { refusal, scriptedSession, statOf } from '../../support/scripted-session.ts'

const FOLDER = { ...statOf(0), kind: 'directory', mode: 0o040755 } as const

/** A server without posix-rename that has these names; `refuses` some renames besides. */
async function server(
  names: Record<string, string>,
  refuses = (_from: string, _to: string): boolean => false,
) {
  const files = new Map(Object.entries(names))
  const { session } = await scriptedSession((request, answer) => {
    const done = (ok: boolean): void =>
      answer(ok ? { type: 'status', code: Status.ok, message: '' } : refusal())
    if (request.type === 'rename') {
      const { from, to } = request
      const content = files.get(from)
      if (content === undefined || files.has(to) || refuses(from, to)) return done(false)
      files.delete(from)
      files.set(to, content)
      return done(true)
    }
    if (request.type === 'remove') return done(files.delete(request.path))
    if (request.type === 'lstat') {
      const content = files.get(request.path)
      if (content === undefined) return answer(refusal(Status.noSuchFile))
      return answer({ type: 'attrs', stat: content === 'folder' ? FOLDER : statOf(content.length) })
    }
    return done(false)
  })
  return { vfs: remoteFileSystem(session), files }
}

const replaced = async (vfs: Awaited<ReturnType<typeof server>>['vfs']) =>
  vfs.rename(virtualPath('/new'), virtualPath('/old'), { replace: true })

test('a file takes the place of another at a server that replaces none', async () => {
  const { vfs, files } = await server({ '/new': 'new', '/old': 'old' })
  await replaced(vfs)
  assert.deepEqual([...files], [['/old', 'new']])
})

test('where the new one is refused the old one is there as before', async () => {
  const { vfs, files } = await server(
    { '/new': 'new', '/old': 'old' },
    (from, to) => from === '/new' && to === '/old',
  )
  await assert.rejects(replaced(vfs), { name: 'OpError' })
  assert.deepEqual(Object.fromEntries(files), { '/new': 'new', '/old': 'old' })
})

test('where the old one does not come back either it is said what it is called now', async () => {
  const { vfs, files } = await server({ '/new': 'new', '/old': 'old' }, (_, to) => to === '/old')
  await assert.rejects(replaced(vfs), ({ message }: Error) => {
    const aside = [...files].find(([, content]) => content === 'old')![0]
    return message.endsWith(`: what "/old" was is "${aside}" now, move it back`)
  })
})

test('a folder neither replaces a file nor is replaced by one', async () => {
  for (const names of [
    { '/new': 'folder', '/old': 'old' },
    { '/new': 'new', '/old': 'folder' },
  ]) {
    const { vfs, files } = await server(names)
    await assert.rejects(replaced(vfs), { name: 'OpError' })
    assert.deepEqual(Object.fromEntries(files), names)
  }
})
